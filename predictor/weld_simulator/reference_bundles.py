"""The reference models of pipeline welds, trained from scratch on simulated sites.

* 1.2.0 sees the ultrasonic features alone;
* 2.0.0 sees pressure and temperature besides.

Thresholds come from validation sites. That of 1.2.0 is the lowest that reaches `PRECISION` there. The recall that it
then has is the yardstick for 2.0.0, whose threshold is the highest that finds as much: the two find equally many flaws,
and differ in how many false alarms that costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from weld_api.card import BundleCard, Evaluation, FeatureSet, FlagHandling, FlagName, Interval, ModelInput
from weld_simulator.campaign import LABORATORY, Campaign, Use, run
from weld_simulator.digitiser import Float32
from weld_simulator.evaluation import performance, threshold_for, threshold_for_recall
from weld_simulator.features import CONTEXT, FEATURE_SET, FEATURE_VERSION, FEATURES
from weld_simulator.intervals import METHOD, Bounds, estimate
from weld_simulator.observation import COLUMNS
from weld_simulator.profile import profile_of

NAME = "weld-pulse-echo"
ASSET_KIND = "PipelineWeld"
PRECISION = 0.95
"""Which the threshold of 1.2.0 is to have on the validation sites."""

FIRST, SECOND = "1.2.0", "2.0.0"
INPUTS: Mapping[str, int] = MappingProxyType({FIRST: len(FEATURES), SECOND: len(COLUMNS)})
"""How many of `COLUMNS`, from the first on, each version takes."""

MISSING_CONTEXT = 0.05
"""Share of the training readings of 2.0.0 without pressure and temperature, so that it knows how to do without."""

_RECIPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        FIRST: {"max_iter": 200, "learning_rate": 0.08, "max_leaf_nodes": 24},
        SECOND: {"max_iter": 400, "learning_rate": 0.06, "max_leaf_nodes": 31},
    }
)
_COMMON: Mapping[str, Any] = MappingProxyType({"min_samples_leaf": 40, "l2_regularization": 1.0})

_DESCRIPTIONS = {
    FIRST: "Risk of a weld from one pulse-echo A-scan alone.",
    SECOND: "Risk of a weld from one pulse-echo A-scan with the line's pressure and the wall's temperature.",
}
_INTENDED_USE = (
    "Screening of girth welds of liquid pipelines by fixed 5 MHz normal probes, 9.5 to 19.1 mm carbon steel, to choose "
    "which welds a person inspects next. It decides no repair."
)
_LIMITS = (
    "Trained on simulated readings only; validate on inspected welds before relying on it.",
    "Flaws nearer than 2.5 mm to the probe or 1.5 mm to the inside are not seen.",
    "Another sensor type, old couplant, a rough inside and clients' bugs cost precision or recall.",
)
_OWN_LIMITS = {
    FIRST: "Low line pressure opens cracks and makes their echoes louder: precision falls.",
    SECOND: "Without pressure and temperature it is about as good as 1.2.0, and no better.",
}
_FLAGS: Mapping[FlagName, FlagHandling] = MappingProxyType(
    {
        "not_finite": "Reject",
        "out_of_range": "Reserve",
        "unknown_sensor": "Reserve",
        "missing_context": "Reserve",
        "saturated": "Reserve",
        "no_coupling": "Reject",
    }
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of sites of 2,000 sensors, each sensor read once."""

    training: int = 90
    validation: int = 45
    test: int = 30

    def __post_init__(self) -> None:
        if min(self.training, self.validation, self.test) < 2:
            raise ValueError("at least 2 sites are needed to train, to choose thresholds and to test")


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted estimator and its card."""

    estimator: HistGradientBoostingClassifier
    card: BundleCard


def train(seed: int, sizes: Sizes, created: datetime | None = None) -> Iterator[Trained]:
    """Both reference models, 1.2.0 first. The same arguments give the same estimators and cards.

    Raises ValueError for a negative seed, and when no threshold reaches `PRECISION`.
    """
    if seed < 0:
        raise ValueError(f"the seed must not be negative, as {seed} is")
    training, validation, test = (
        run(seed, use, sites) for use, sites in zip(Use, (sizes.training, sizes.validation, sizes.test), strict=True)
    )
    # One thread: the order of additions, and the number of threads that the estimator stores, are the same everywhere.
    with threadpool_limits(1):
        first = _fit(FIRST, seed, training)
        threshold = threshold_for(risk_of(first, validation.columns), validation.at_risk, PRECISION)
        yield Trained(first, _card(FIRST, first, threshold, training, test, sizes, created))
        recall = performance(risk_of(first, validation.columns), validation.at_risk, threshold).recall
        second = _fit(SECOND, seed, training)
        threshold = threshold_for_recall(risk_of(second, validation.columns), validation.at_risk, recall)
        yield Trained(second, _card(SECOND, second, threshold, training, test, sizes, created))


def risk_of(estimator: Any, columns: Float32) -> Float32:
    """Risks `[N]` by an estimator of a bundle, from as many of the columns `[N, len(COLUMNS)]` as it takes."""
    inputs = columns[:, : estimator.n_features_in_]
    return np.asarray(estimator.predict_proba(inputs)[:, 1], dtype=np.float32)


def card_inputs(version: str) -> tuple[ModelInput, ...]:
    """The inputs of a version: the features, then what context it takes."""
    return tuple(
        ModelInput(
            name=column.name,
            unit=column.unit,
            minimum=column.minimum,
            maximum=column.maximum,
            source="Context" if column in CONTEXT else "AScan",
        )
        for column in COLUMNS[: INPUTS[version]]
    )


def _fit(version: str, seed: int, training: Campaign) -> HistGradientBoostingClassifier:
    columns = training.columns[:, : INPUTS[version]].copy()
    without = np.random.default_rng((seed, 1)).uniform(size=len(columns)) < MISSING_CONTEXT
    columns[without, len(FEATURES) :] = np.nan
    estimator = HistGradientBoostingClassifier(
        **_RECIPES[version], **_COMMON, early_stopping=False, random_state=seed % 2**32
    )
    return estimator.fit(columns, training.at_risk.astype(np.int64))


def _card(
    version: str,
    estimator: HistGradientBoostingClassifier,
    threshold: float,
    training: Campaign,
    test: Campaign,
    sizes: Sizes,
    created: datetime | None,
) -> BundleCard:
    inputs = card_inputs(version)
    return BundleCard(
        name=NAME,
        version=version,
        asset_kind=ASSET_KIND,
        description=_DESCRIPTIONS[version],
        created=created,
        estimator="sklearn.ensemble.HistGradientBoostingClassifier",
        inputs=inputs,
        decision_threshold=threshold,
        evaluation=_evaluation(estimator, threshold, test, sizes),
        features=FeatureSet(name=FEATURE_SET, version=FEATURE_VERSION),
        flags=dict(_FLAGS),
        profile=profile_of([each.name for each in inputs], training.columns[:, : INPUTS[version]]),
        sites=tuple(f"training-{number}" for number in range(sizes.training)),
        intended_use=_INTENDED_USE,
        limits=(*_LIMITS, _OWN_LIMITS[version]),
        libraries={library: version_of(library) for library in ("numpy", "scikit-learn", "skops")},
    )


def _evaluation(
    estimator: HistGradientBoostingClassifier, threshold: float, test: Campaign, sizes: Sizes
) -> Evaluation:
    found = estimate(risk_of(estimator, test.columns), test.at_risk, test.site, threshold)
    return Evaluation(
        dataset=f"{sizes.test} simulated sites that neither training nor the threshold has seen, "
        f"{LABORATORY.begin:%Y-%m} to {LABORATORY.end:%Y-%m}",
        readings=found.readings,
        precision=round(found.performance.precision, 4),
        recall=round(found.performance.recall, 4),
        precision_interval=_interval(found.precision),
        recall_interval=_interval(found.recall),
        interval_method=METHOD,
    )


def _interval(bounds: Bounds) -> Interval:
    return Interval(lowest=round(bounds.lowest, 4), highest=round(bounds.highest, 4))
