"""How well risks tell points at risk from sound ones, and the threshold that gives a wanted precision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from weld_simulator.digitiser import Float32


class Performance(NamedTuple):
    """Against the truth; both are 0 where nothing can be divided by."""

    precision: float
    recall: float


def performance(risk: Float32, truth: npt.NDArray[np.bool_], threshold: float) -> Performance:
    """Precision and recall of the decision `risk >= threshold`; arrays `[N]`."""
    decided = risk >= threshold
    hits = int((decided & truth).sum())
    return Performance(precision=hits / max(int(decided.sum()), 1), recall=hits / max(int(truth.sum()), 1))


def threshold_for(risk: Float32, truth: npt.NDArray[np.bool_], precision: float) -> float:
    """The lowest threshold, of four decimals, whose decisions have at least this precision: it finds the most.

    Raises ValueError when there is none.
    """
    candidates = np.arange(1, 10_000) / 10_000
    above = np.sort(risk), np.sort(risk[truth])
    # Risks are float32: the comparison is the one that `performance` makes.
    decided, hits = (len(values) - np.searchsorted(values, candidates) for values in above)
    good = (hits > 0) & (hits >= precision * decided)
    if not good.any():
        raise ValueError(f"no threshold gives precision {precision} on {len(risk)} readings; train on more readings")
    return float(candidates[np.argmax(good)])


def threshold_for_recall(risk: Float32, truth: npt.NDArray[np.bool_], recall: float) -> float:
    """The highest threshold, of four decimals, whose decisions find at least this share of those at risk.

    Raises ValueError when there is none.
    """
    candidates = np.arange(1, 10_000) / 10_000
    found = np.sort(risk[truth])
    hits = len(found) - np.searchsorted(found, candidates)
    good = (hits > 0) & (hits >= recall * len(found))
    if not good.any():
        raise ValueError(f"no threshold gives recall {recall} on {len(risk)} readings")
    return float(candidates[np.flatnonzero(good)[-1]])
