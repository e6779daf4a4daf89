"""The first models of pipeline welds, trained on simulated sites.

Both see the same features, so that a client of one can be answered by the other:

* 1.0.0 adds up what each feature says by itself (boosted trees that may not combine features);
* 1.1.0 lets features interact, such as a flaw's echo and its depth, and finds more at the same precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from weld_api.card import BundleCard, Evaluation, ModelInput
from weld_simulator.digitiser import Float32
from weld_simulator.evaluation import performance, threshold_for
from weld_simulator.features import FEATURES, extract
from weld_simulator.readings import measure
from weld_simulator.site import Site

NAME = "weld-pulse-echo"
ASSET_KIND = "PipelineWeld"
PRECISION = 0.95
"""The precision for which the decision threshold is chosen, on sites of their own."""

TRAINING_SITES, VALIDATION_SITES, TEST_SITES = 6, 3, 3
SITES = TRAINING_SITES + VALIDATION_SITES + TEST_SITES
FEWEST_READINGS = 6_000
"""Fewer leave too few flaws to choose a threshold by."""

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "1.0.0": {"max_iter": 60, "learning_rate": 0.1, "max_leaf_nodes": 4, "interaction_cst": "no_interactions"},
    "1.1.0": {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 16},
}
"""Settings of the estimator, by version."""

_DESCRIPTIONS = {
    "1.0.0": "Risk of a weld from one pulse-echo A-scan; each feature counts by itself.",
    "1.1.0": "Risk of a weld from one pulse-echo A-scan; features count together.",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted estimator and its card."""

    estimator: HistGradientBoostingClassifier
    card: BundleCard


def train(version: str, seed: int, readings: int, created: datetime | None = None) -> Trained:
    """Train, choose the threshold on other sites, and evaluate on sites that neither has seen.

    `readings` are shared by 12 sites, one reading of each sensor. The same arguments give the same estimator and card.

    Raises ValueError for a version without recipe, for a negative seed and for too few readings.
    """
    if version not in RECIPES:
        raise ValueError(f"there is no recipe for version {version!r}; there is one for {' and '.join(RECIPES)}")
    if seed < 0:
        raise ValueError(f"the seed must not be negative, as {seed} is")
    if readings < FEWEST_READINGS:
        raise ValueError(f"{readings} readings are too few to train on; take {FEWEST_READINGS} or more")
    size = readings // SITES
    features, truth = _readings_of(seed, range(TRAINING_SITES), size)
    estimator = HistGradientBoostingClassifier(**RECIPES[version], early_stopping=False, random_state=seed % 2**32)
    # One thread: the order of additions, and the number of threads that the estimator stores, are the same everywhere.
    with threadpool_limits(1):
        estimator.fit(features, truth.astype(np.int64))
        threshold = _threshold(estimator, *_readings_of(seed, range(TRAINING_SITES, SITES - TEST_SITES), size))
        evaluation = _evaluate(estimator, threshold, *_readings_of(seed, range(SITES - TEST_SITES, SITES), size))
    card = BundleCard(
        name=NAME,
        version=version,
        asset_kind=ASSET_KIND,
        description=_DESCRIPTIONS[version],
        created=created,
        estimator="sklearn.ensemble.HistGradientBoostingClassifier",
        inputs=card_inputs(),
        decision_threshold=threshold,
        evaluation=evaluation,
        libraries={library: version_of(library) for library in ("numpy", "scikit-learn", "skops")},
    )
    return Trained(estimator, card)


def card_inputs() -> tuple[ModelInput, ...]:
    """The features as inputs of a card."""
    return tuple(
        ModelInput(name=feature.name, unit=feature.unit, minimum=feature.minimum, maximum=feature.maximum)
        for feature in FEATURES
    )


def _readings_of(seed: int, sites: range, size: int) -> tuple[Float32, npt.NDArray[np.bool_]]:
    """Features `[N, F]` and truth `[N]` of one tick at each of these sites."""
    chunks = [
        (extract(chunk.ascans), chunk.at_risk)
        for number in sites
        for chunk in measure(Site(f"training-{number}", _site_seed(seed, number), size), tick=0)
    ]
    return np.concatenate([features for features, _ in chunks]), np.concatenate([truth for _, truth in chunks])


def _site_seed(seed: int, number: int) -> int:
    """A seed far from any that a person would give to a site of their own."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])


def _risk(estimator: HistGradientBoostingClassifier, features: Float32) -> Float32:
    return np.asarray(estimator.predict_proba(features)[:, 1], dtype=np.float32)


def _threshold(estimator: HistGradientBoostingClassifier, features: Float32, truth: npt.NDArray[np.bool_]) -> float:
    return threshold_for(_risk(estimator, features), truth, PRECISION)


def _evaluate(
    estimator: HistGradientBoostingClassifier, threshold: float, features: Float32, truth: npt.NDArray[np.bool_]
) -> Evaluation:
    found = performance(_risk(estimator, features), truth, threshold)
    return Evaluation(
        dataset=f"{TEST_SITES} simulated sites that neither training nor the threshold has seen",
        readings=len(truth),
        precision=round(found.precision, 4),
        recall=round(found.recall, 4),
    )
