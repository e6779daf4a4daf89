"""What a scorer is."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Features: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
"""[N, F], C-contiguous, in the card's order; NaN is a missing value."""
Risks: TypeAlias = NDArray[np.float64]
"""[N], probabilities of being at risk: of the second class."""

AT_RISK = 1
"""Column of the probability of being at risk; column 0 is that of being sound."""


class Scorer(Protocol):
    """Scores batches by one estimator. No row's risk depends on the others; any thread may call."""

    @property
    def name(self) -> str:
        """Which implementation it is."""
        ...

    @property
    def reason(self) -> str:
        """Why this one was chosen."""
        ...

    def risk(self, features: Features) -> Risks:
        """Risks of N readings. Raises ValueError where the estimator refuses the features, such as missing values."""
        ...


class ClassesError(ValueError):
    """The estimator does not tell two classes apart."""


def check_classes(estimator: Any) -> None:
    """Raises ClassesError unless the estimator knows two classes, of which the second is at risk."""
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.shape != (2,):
        raise ClassesError(f"the estimator must tell two classes apart; its classes are {classes}")
