"""What a kind of asset brings: the inputs of its models, readings with the truth, and how to train on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from weld_api.card import FlagHandling, FlagName, ModelInput
from weld_simulator.digitiser import Float32


@dataclass(frozen=True, slots=True)
class Sample:
    """Readings of one site."""

    columns: Float32
    """`[N, F]`, the kind's inputs in their order; context that did not come is not a number."""
    at_risk: npt.NDArray[np.bool_]
    """The truth, `[N]`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one version is trained."""

    description: str
    """For its card."""
    settings: Mapping[str, Any]
    """Of scikit-learn's HistGradientBoostingClassifier."""


@dataclass(frozen=True, slots=True)
class Sites:
    """How many a bundle is made with: no site serves two purposes."""

    training: int
    validation: int
    test: int

    @property
    def all(self) -> int:
        return self.training + self.validation + self.test


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of asset, as `spec.asset.kind` names it."""

    name: str
    bundle: str
    """Name of its bundles."""
    inputs: tuple[ModelInput, ...]
    recipes: Mapping[str, Recipe]
    """By version; the first one is trained when nobody asks for another."""
    sample: Callable[[int, int], Sample]
    """`(seed, readings)`: so many readings of the site of this seed, or a few less; the same again for the same."""
    sites: Sites
    readings: int
    """Of all sites together, when nobody asks for another number."""
    fewest_readings: int
    """Fewer leave too little at risk to choose a threshold by."""
    precision: float = 0.95
    """For which the decision threshold is chosen, on the validation sites."""
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    flags: Mapping[FlagName, FlagHandling] = field(default_factory=dict)
