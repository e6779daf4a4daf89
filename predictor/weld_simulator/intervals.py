"""How sure precision and recall are, when readings come in clusters.

Sensors of one site share steel, weather, fluid and operation, so that a formula for independent readings (Wilson's,
say) would promise too much. Whole sites are drawn again instead, with replacement: the cluster bootstrap (Davison &
Hinkley, Bootstrap Methods and their Application, 1997, §3.8), with percentile intervals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from weld_simulator.digitiser import Float32
from weld_simulator.evaluation import Performance, performance

RESAMPLES = 2_000
CONFIDENCE = 0.95
METHOD = f"95 % percentile interval of a cluster bootstrap over sites, {RESAMPLES} resamples"


class Bounds(NamedTuple):
    """Lowest and highest."""

    lowest: float
    highest: float


class Estimate(NamedTuple):
    """Precision and recall with their intervals, and the counts behind them."""

    performance: Performance
    precision: Bounds
    recall: Bounds
    readings: int
    at_risk: int
    decided: int


def estimate(
    risk: Float32, truth: npt.NDArray[np.bool_], site: npt.NDArray[np.int64], threshold: float, seed: int = 0
) -> Estimate:
    """Of the decision `risk >= threshold`; arrays `[N]`, `site` says the cluster of each reading."""
    decided = risk >= threshold
    _, cluster = np.unique(site, return_inverse=True)
    hits, alarms, flawed = (
        np.bincount(cluster, weights=which.astype(np.float64)) for which in (decided & truth, decided, truth)
    )
    drawn = np.random.default_rng(seed).integers(0, len(hits), (RESAMPLES, len(hits)))
    return Estimate(
        performance=performance(risk, truth, threshold),
        precision=_bounds(hits[drawn].sum(axis=1), alarms[drawn].sum(axis=1)),
        recall=_bounds(hits[drawn].sum(axis=1), flawed[drawn].sum(axis=1)),
        readings=len(truth),
        at_risk=int(truth.sum()),
        decided=int(decided.sum()),
    )


def _bounds(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> Bounds:
    shares = part / np.maximum(whole, 1)
    lowest, highest = np.quantile(shares, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Bounds(float(lowest), float(highest))
