"""The first models of pipeline welds, trained on simulated sites.

Both see the same features, so that a client of one can be answered by the other:

* 1.0.0 adds up what each feature says by itself (boosted trees that may not combine features);
* 1.1.0 lets features interact, such as a flaw's echo and its depth, and finds more at the same precision.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from weld_api.card import ModelInput
from weld_simulator import training
from weld_simulator.features import FEATURES, extract
from weld_simulator.kind import Kind, Recipe, Sample, Sites
from weld_simulator.readings import measure
from weld_simulator.site import Site
from weld_simulator.training import Trained

FEWEST_READINGS = 6_000

RECIPES = {
    "1.0.0": Recipe(
        "Risk of a weld from one pulse-echo A-scan; each feature counts by itself.",
        {"max_iter": 60, "learning_rate": 0.1, "max_leaf_nodes": 4, "interaction_cst": "no_interactions"},
    ),
    "1.1.0": Recipe(
        "Risk of a weld from one pulse-echo A-scan; features count together.",
        {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 16},
    ),
}
"""By version."""


def card_inputs() -> tuple[ModelInput, ...]:
    """The features as inputs of a card."""
    return tuple(
        ModelInput(name=feature.name, unit=feature.unit, minimum=feature.minimum, maximum=feature.maximum)
        for feature in FEATURES
    )


def sample(seed: int, readings: int) -> Sample:
    """One tick of the site of this seed, which has so many sensors."""
    chunks = list(measure(Site("training", seed, readings), tick=0))
    return Sample(
        columns=np.concatenate([extract(chunk.ascans) for chunk in chunks]),
        at_risk=np.concatenate([chunk.at_risk for chunk in chunks]),
    )


KIND = Kind(
    name="PipelineWeld",
    bundle="weld-pulse-echo",
    inputs=card_inputs(),
    recipes=RECIPES,
    sample=sample,
    sites=Sites(training=6, validation=3, test=3),
    readings=60_000,
    fewest_readings=FEWEST_READINGS,
)


def train(version: str, seed: int, readings: int, created: datetime | None = None) -> Trained:
    """As `weld_simulator.training.train`, of this kind."""
    return training.train(KIND, version, seed, readings, created)
