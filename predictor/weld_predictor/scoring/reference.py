"""scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from weld_predictor.scoring.scorer import AT_RISK, Features, Risks, check_classes

NAME = "scikit-learn"


class ReferenceScorer:
    """Asks the estimator; what every other scorer is held against."""

    name = NAME

    def __init__(self, estimator: Any, reason: str = "the reference") -> None:
        """Raises ClassesError."""
        check_classes(estimator)
        self._estimator = estimator
        self.reason = reason

    def risk(self, features: Features) -> Risks:
        """As `Scorer.risk`."""
        # Features far out of range may overflow within a linear estimator; `decision.complete` deals with the NaN.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self._estimator.predict_proba(features)[:, AT_RISK], np.float64)
