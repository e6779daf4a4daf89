"""Trees in the order and the numbers that `kernel.c` wants.

Two layouts, and which is right depends on the trees alone. *Sweep*: every node of a tree is decided for many readings
at once, by ranks among the thresholds; best for the small trees of boosting. *Walk*: readings go down, sixteen
together; for trees of more than `MOST_LEAVES` leaves.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weld_predictor.scoring.forms import NO_SET, Ensemble, Form, Integers, Reals, Trees

_CUTS_OF_COLUMN = 254
"""Thresholds that a byte can rank: 255 ranks, and one number for what is missing."""
_LOWEST = -127
"""Code of the lowest rank."""


def make_kernel(native: ModuleType, form: Form, most_leaves: int | None = None) -> Any:
    """A kernel of the compiled module, which sweeps trees of up to `most_leaves` leaves: all that it can, if None.

    Raises ValueError for what it refuses.
    """
    frame = form.frame
    of_frame = (
        frame.features,
        np.ascontiguousarray(frame.scaling, np.float64),
        frame.narrow,
        frame.takes_nan,
        frame.takes_infinite,
    )
    link = getattr(native, form.link.name)
    if not isinstance(form, Ensemble):
        return native.Kernel(native.LINEAR, *of_frame, form.intercept, 1.0, link, form.coefficients)
    most_leaves = native.MOST_LEAVES if most_leaves is None else most_leaves
    kind, values, arrays = _arrays(native, form.trees, frame.features, most_leaves)
    return native.Kernel(kind, *of_frame, form.start, form.divisor, link, values, **arrays)


def _arrays(
    native: ModuleType, trees: Trees, features: int, most_leaves: int
) -> tuple[int, Reals, dict[str, NDArray[Any]]]:
    if trees.leaves().max() <= most_leaves:
        values, arrays = sweep_layout(trees, features, native.MOST_LEAVES)
        if len(arrays["columns"]) <= native.MOST_COLUMNS:
            return native.SWEEP, values, arrays
    return native.WALK, *walk_layout(trees)


def sweep_layout(trees: Trees, features: int, most_leaves: int) -> tuple[Reals, dict[str, NDArray[Any]]]:
    """Values of the leaves, and the other arrays of a sweep."""
    inner, tree = trees.inner, trees.tree
    cuts, cut_starts = _cuts(trees, features)
    ranks = _ranks(trees, cuts, cut_starts)
    base = ranks // _CUTS_OF_COLUMN * _CUTS_OF_COLUMN
    columns, column = _columns(trees, base)
    missing_left = trees.missing_left[inner]
    bound = np.where(trees.category_set[inner] == NO_SET, ranks - base + _LOWEST - np.where(missing_left, 0, 1), 0)
    inner_count = np.bincount(tree[inner], minlength=len(trees.starts) - 1)
    slot = np.empty(len(tree), np.intc)
    slot[~inner] = _numbers_within(tree[~inner])
    # Backwards, so that children come before their parents.
    backwards = inner_count[tree[inner]] - 1 - _numbers_within(tree[inner])
    slot[inner] = most_leaves + backwards
    order = np.lexsort((backwards, tree[inner]))
    first = trees.starts[:-1][tree[inner]]
    return trees.value[~inner], {
        "columns": columns,
        "sets": trees.sets,
        "cut_starts": cut_starts,
        "cuts": cuts,
        "tree_starts": _starts(inner_count),
        "value_starts": _starts(trees.leaves()),
        "node_column": column[order],
        "node_left": slot[trees.left[inner] + first][order],
        "node_right": slot[trees.right[inner] + first][order],
        "node_bound": bound.astype(np.intc)[order],
    }


def walk_layout(trees: Trees) -> tuple[Reals, dict[str, NDArray[Any]]]:
    """Values of the nodes, and the other arrays of a walk.

    The children of the j-th inner node of a tree become its nodes 1 + 2 j and 2 + 2 j: side by side, behind it.
    """
    inner, tree = trees.inner, trees.tree
    first = trees.starts[:-1][tree[inner]]
    place = np.arange(len(tree), dtype=np.intc)
    left_place = (first + 1 + 2 * _numbers_within(tree[inner])).astype(np.intc)
    place[trees.left[inner] + first] = left_place
    place[trees.right[inner] + first] = left_place + 1
    columns, column = _columns(trees, np.zeros(len(first), np.intc))
    node_column, node_left = np.zeros(len(tree), np.intc), np.arange(len(tree), dtype=np.intc)
    node_threshold, values = np.zeros(len(tree)), np.empty(len(tree))
    node_column[place[inner]] = column
    node_left[place[inner]] = left_place
    node_threshold[place[inner]] = np.where(trees.category_set[inner] == NO_SET, trees.threshold[inner], 0)
    values[place] = trees.value
    return values, {
        "columns": columns,
        "sets": trees.sets,
        "tree_starts": trees.starts,
        "node_column": node_column,
        "node_left": node_left,
        "node_threshold": node_threshold,
    }


def _columns(trees: Trees, base: Integers) -> tuple[Integers, Integers]:
    """The different columns that inner nodes compare, by rising feature, and that of each inner node."""
    inner = trees.inner
    fields = (trees.feature[inner], base, trees.missing_left[inner], trees.category_set[inner])
    columns, column = np.unique(np.stack(fields, axis=1).astype(np.intc), axis=0, return_inverse=True)
    return columns, column.reshape(-1).astype(np.intc)


def _cuts(trees: Trees, features: int) -> tuple[Reals, Integers]:
    """The different thresholds of each feature, rising, and where they start. Infinity divides nothing."""
    numeric = trees.inner & (trees.category_set == NO_SET) & (trees.threshold < np.inf)
    cuts = [np.unique(trees.threshold[numeric & (trees.feature == feature)]) for feature in range(features)]
    return np.concatenate(cuts), _starts(np.array([len(each) for each in cuts]))


def _ranks(trees: Trees, cuts: Reals, cut_starts: Integers) -> Integers:
    """Of the threshold of each inner node among the cuts of its feature; 0 for splits on categories."""
    inner = np.flatnonzero(trees.inner)
    ranks = np.zeros(len(inner), np.intc)
    feature, threshold = trees.feature[inner], trees.threshold[inner]
    numeric = trees.category_set[inner] == NO_SET
    for number in range(len(cut_starts) - 1):
        own = numeric & (feature == number)
        ranks[own] = np.searchsorted(cuts[cut_starts[number] : cut_starts[number + 1]], threshold[own])
    return ranks


def _numbers_within(tree: Integers) -> Integers:
    """0, 1, 2 ... for the nodes of each tree."""
    counts = np.bincount(tree)
    return np.arange(len(tree), dtype=np.intc) - np.repeat(_starts(counts)[:-1], counts)


def _starts(counts: NDArray[Any]) -> Integers:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.intc)
