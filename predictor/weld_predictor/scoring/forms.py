"""Estimators as plain arrays: what is left of them when they are fitted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.intc]
Reals: TypeAlias = NDArray[np.float64]

NO_CHILD = -1
NO_SET = -1
SET_BYTES = 32
CATEGORIES = 8 * SET_BYTES


class Link(Enum):
    """What makes a risk of a sum."""

    IDENTITY = "identity"
    EXPIT = "expit"
    EXPIT_OF_TWICE = "expit of twice"


class MalformedTreeError(ValueError):
    """A tree points outside of itself, or is none."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What an estimator does to the features before, and which it refuses."""

    features: int
    scaling: Reals
    """[scalers, 2, F]: what each subtracts, and what it then divides by."""
    narrow: bool
    """Whether features are rounded to float32."""
    takes_nan: bool
    takes_infinite: bool


@dataclass(frozen=True, slots=True)
class Trees:
    """The nodes of all trees, one tree after the other; each tree's first node is its root."""

    starts: Integers
    """[T + 1] of each tree, and the end."""
    feature: Integers
    threshold: Reals
    """Left while the value is at most this."""
    missing_left: NDArray[np.bool_]
    category_set: Integers
    """Row of `sets` for splits on categories, else NO_SET."""
    left: Integers
    right: Integers
    """Counted from the tree's first node; NO_CHILD of leaves. Children come after their parents."""
    value: Reals
    """Of leaves."""
    sets: NDArray[np.uint8]
    """[S, SET_BYTES]: a bit for each category 0 to 255 that goes left."""

    @property
    def inner(self) -> NDArray[np.bool_]:
        """Whether each node has children."""
        return np.not_equal(self.left, NO_CHILD)

    @property
    def tree(self) -> Integers:
        """Number of the tree of each node."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.intc), np.diff(self.starts))

    def leaves(self) -> Integers:
        """Number of leaves of each tree."""
        return np.add.reduceat((~self.inner).astype(np.intc), self.starts[:-1])

    def check(self, features: int) -> None:
        """Raises MalformedTreeError unless these are trees on so many features."""
        sizes = np.diff(self.starts)
        if not len(sizes) or (sizes < 1).any() or self.starts[0] != 0 or self.starts[-1] != len(self.feature):
            raise MalformedTreeError("a tree has no nodes")
        inner = self.inner
        first, size = np.repeat(self.starts[:-1], sizes), np.repeat(sizes, sizes)
        own = np.arange(len(first)) - first
        children = [child[inner] for child in (self.left, self.right)]
        if any(((child <= own[inner]) | (child >= size[inner])).any() for child in children):
            raise MalformedTreeError("a node has a child outside of its tree")
        if not np.array_equal(np.sort(np.concatenate(children + first[inner])), np.flatnonzero(own)):
            raise MalformedTreeError("a node has several parents, or none")
        used, sets = self.feature[inner], self.category_set[inner]
        if ((used < 0) | (used >= features)).any():
            raise MalformedTreeError(f"a node reads a feature beyond the {features} that there are")
        if ((sets < NO_SET) | (sets >= len(self.sets))).any():
            raise MalformedTreeError("a node splits on categories that are not there")
        if np.isnan(self.threshold[inner & (self.category_set == NO_SET)]).any():
            raise MalformedTreeError("a threshold is not a number")


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees whose values are added up in their order."""

    frame: Frame
    trees: Trees
    start: float
    divisor: float
    link: Link


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of the features."""

    frame: Frame
    coefficients: Reals
    intercept: float
    link: Link


Form: TypeAlias = Ensemble | Linear
