"""What follows from the risk."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.flags import Flag, has

UNKNOWN_RISK = 1.0
"""Risk of a reading that was not scored. JSON has no NaN, and a client that looks at the risk alone must not take the
reading for sound; the flag NOT_SCORED says that it is no estimate."""


class Decision(IntEnum):
    """Values of the output `decision`."""

    SOUND = 0
    AT_RISK = 1


def complete(
    flags: NDArray[np.uint32], risk_of_scored: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Risk and flags of all N readings, from the flags [N] and the risk of those without NOT_SCORED, in their order.

    Where the estimator itself gave no finite number, the reading counts as not scored.
    """
    risk = np.full(len(flags), UNKNOWN_RISK, np.float32)
    risk[~has(flags, Flag.NOT_SCORED)] = risk_of_scored
    unanswered = ~np.isfinite(risk)
    risk[unanswered] = UNKNOWN_RISK
    return risk, flags | np.where(unanswered, np.uint32(Flag.NOT_SCORED), np.uint32(0))


def decide(risk: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """`Decision` of each reading: at risk from the threshold on.

    The risk is compared as it is answered, in float32, so that a client that compares it finds the same.
    """
    return np.where(risk >= np.float64(threshold), np.uint8(Decision.AT_RISK), np.uint8(Decision.SOUND))
