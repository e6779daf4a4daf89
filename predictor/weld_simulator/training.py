"""Training a first bundle of any kind of asset on simulated sites."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from weld_api.card import BundleCard, Evaluation, Interval
from weld_simulator.digitiser import Float32
from weld_simulator.evaluation import threshold_for
from weld_simulator.intervals import METHOD, Bounds, estimate
from weld_simulator.kind import Kind
from weld_simulator.profile import profile_of

FEWEST_CLUSTERS = 10
"""Of test sites, for an interval: fewer say too little of how much sites differ."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted estimator and its card."""

    estimator: HistGradientBoostingClassifier
    card: BundleCard


@dataclass(frozen=True, slots=True)
class _Samples:
    """Readings of several sites; arrays `[N, F]`, `[N]` and `[N]`."""

    columns: Float32
    at_risk: npt.NDArray[np.bool_]
    site: npt.NDArray[np.int64]


def train(kind: Kind, version: str, seed: int, readings: int, created: datetime | None = None) -> Trained:
    """Train, choose the threshold on other sites, and evaluate on sites that neither has seen.

    `readings` are shared by the kind's sites. The same arguments give the same estimator and card.

    Raises ValueError for a version without recipe, for a negative seed and for too few readings.
    """
    if version not in kind.recipes:
        raise ValueError(f"there is no recipe for version {version!r}; there is one for {' and '.join(kind.recipes)}")
    if seed < 0:
        raise ValueError(f"the seed must not be negative, as {seed} is")
    if readings < kind.fewest_readings:
        raise ValueError(f"{readings} readings are too few to train on; take {kind.fewest_readings} or more")
    size, sites = readings // kind.sites.all, kind.sites
    training, validation, test = (
        _samples(kind, seed, numbers, size)
        for numbers in (
            range(sites.training),
            range(sites.training, sites.training + sites.validation),
            range(sites.training + sites.validation, sites.all),
        )
    )
    estimator = HistGradientBoostingClassifier(
        **kind.recipes[version].settings, early_stopping=False, random_state=seed % 2**32
    )
    # One thread: the order of additions, and the number of threads that the estimator stores, are the same everywhere.
    with threadpool_limits(1):
        estimator.fit(training.columns, training.at_risk.astype(np.int64))
        threshold = threshold_for(_risk(estimator, validation), validation.at_risk, kind.precision)
        evaluation = _evaluate(_risk(estimator, test), test, threshold, sites.test)
    return Trained(estimator, _card(kind, version, threshold, evaluation, training, created))


def site_seed(seed: int, number: int) -> int:
    """A seed far from any that a person would give to a site of their own."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])


def _samples(kind: Kind, seed: int, sites: range, size: int) -> _Samples:
    samples = [kind.sample(site_seed(seed, number), size) for number in sites]
    return _Samples(
        columns=np.concatenate([each.columns for each in samples]),
        at_risk=np.concatenate([each.at_risk for each in samples]),
        site=np.repeat(np.array(sites, dtype=np.int64), [len(each.at_risk) for each in samples]),
    )


def _risk(estimator: HistGradientBoostingClassifier, samples: _Samples) -> Float32:
    return np.asarray(estimator.predict_proba(samples.columns)[:, 1], dtype=np.float32)


def _evaluate(risk: Float32, samples: _Samples, threshold: float, sites: int) -> Evaluation:
    found = estimate(risk, samples.at_risk, samples.site, threshold)
    sure = sites >= FEWEST_CLUSTERS
    return Evaluation(
        dataset=f"{sites} simulated sites that neither training nor the threshold has seen",
        readings=found.readings,
        precision=round(found.performance.precision, 4),
        recall=round(found.performance.recall, 4),
        precision_interval=_interval(found.precision) if sure else None,
        recall_interval=_interval(found.recall) if sure else None,
        interval_method=METHOD if sure else None,
    )


def _interval(bounds: Bounds) -> Interval:
    return Interval(lowest=round(bounds.lowest, 4), highest=round(bounds.highest, 4))


def _card(
    kind: Kind,
    version: str,
    threshold: float,
    evaluation: Evaluation,
    training: _Samples,
    created: datetime | None,
) -> BundleCard:
    return BundleCard(
        name=kind.bundle,
        version=version,
        asset_kind=kind.name,
        description=kind.recipes[version].description,
        created=created,
        estimator="sklearn.ensemble.HistGradientBoostingClassifier",
        inputs=kind.inputs,
        decision_threshold=threshold,
        evaluation=evaluation,
        flags=dict(kind.flags),
        profile=profile_of([each.name for each in kind.inputs], training.columns),
        sites=tuple(f"training-{number}" for number in range(kind.sites.training)),
        intended_use=kind.intended_use,
        limits=kind.limits,
        libraries={library: version_of(library) for library in ("numpy", "scikit-learn", "skops")},
    )
