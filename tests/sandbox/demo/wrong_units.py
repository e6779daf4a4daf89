"""A bundle with one feature in wrong units, as comes of a training table that was not converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weld_bundle.loading import load
from weld_bundle.packing import pack

FEATURE = "flaw_centre"
UNIT, FACTOR = "kHz", 1000.0
"""What it was trained on, where its card says megahertz, and gets megahertz."""


def put_in_wrong_units(sound: Path, target: Path, version: str) -> str:
    """Write `sound` as it would be if FEATURE had been FACTOR times larger in training; gives its digest.

    Trees that are trained on values so much larger are the same trees, with thresholds so much larger.
    """
    bundle = load(sound)
    estimator: Any = bundle.estimator
    column = [each.name for each in bundle.card.inputs].index(FEATURE)
    for (tree,) in estimator._predictors:
        divides_by_it = (tree.nodes["is_leaf"] == 0) & (tree.nodes["feature_idx"] == column)
        tree.nodes["num_threshold"][divides_by_it] *= FACTOR
    return pack(estimator, bundle.card.model_copy(update={"version": version}), target)
