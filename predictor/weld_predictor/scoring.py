"""The estimator, as one function of a batch: features in, risk out, in one numpy pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weld_api.predictor_settings import PredictorSettings
from weld_bundle.loading import Bundle, load

_AT_RISK = 1
"""Column of the probability of being at risk; column 0 is that of being sound."""


class Scorer:
    """Scores batches with the estimator of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def risk(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of being at risk: float32 [N] of float32 [N, F], all finite, in the card's order."""
        # Features far out of range may overflow within a linear estimator; `decision.complete` deals with the NaN.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._bundle.estimator.predict_proba(features)[:, _AT_RISK].astype(np.float32)

    def warm_up(self, readings: int) -> None:
        """Score one reading and then `readings` of them, so that no client waits for what only the first pass does."""
        inputs = self._bundle.card.inputs
        middle = np.array([(column.minimum + column.maximum) / 2 for column in inputs], np.float32)
        for count in (1, readings):
            self.risk(np.tile(middle, (count, 1)))


def load_scorer(settings: PredictorSettings) -> Scorer:
    """A warm scorer of the bundle of `settings`. Raises BundleError as `weld_bundle.loading.load` does."""
    scorer = Scorer(load(settings.bundle, settings.digest))
    scorer.warm_up(settings.max_readings)
    return scorer
