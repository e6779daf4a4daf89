"""What is wrong with a reading, said reading by reading: a bad one never spoils the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntFlag
from typing import Self

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard
from weld_predictor.intake.readings import Readings

DELIVERY_DEVIATIONS = 3
"""Standard deviations of the delivery time that a reading may take: of normal delays, 0.13 % take longer."""

_MILLISECOND = timedelta(milliseconds=1)


class Flag(IntFlag):
    """One bit of the output `flags`. Bits are only ever added."""

    NOT_SCORED = 1
    """The estimator gave no answer; `risk` is 1 so that the reading never looks sound, and is no estimate."""
    NOT_FINITE = 2
    """A feature is NaN, infinite or missing; never scored."""
    OUT_OF_RANGE = 4
    """A feature is outside the range that the card gives; scored, with reserve."""
    LATE = 8
    """It came later than the deadline and three deviations of the delivery time after it was sampled; scored."""
    AHEAD = 16
    """It says that it was sampled later than it came, by more than three deviations of the delivery time: a clock, or a
    unit of time, is wrong; scored."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a reading without flags keeps to."""

    minimum: NDArray[np.float32]
    """[F]"""
    maximum: NDArray[np.float32]
    """[F]"""
    late_after: timedelta
    ahead_after: timedelta

    @classmethod
    def of(cls, card: BundleCard, deadline: timedelta, jitter: timedelta) -> Self:
        """Bounds by the card's ranges, and by the workload's deadline and deviation of the delivery time."""
        return cls(
            minimum=np.array([model_input.minimum for model_input in card.inputs], np.float32),
            maximum=np.array([model_input.maximum for model_input in card.inputs], np.float32),
            late_after=deadline + DELIVERY_DEVIATIONS * jitter,
            ahead_after=DELIVERY_DEVIATIONS * jitter,
        )


def flag_readings(readings: Readings, bounds: Bounds, arrived_at: int) -> NDArray[np.uint32]:
    """The flags of N readings that arrived at `arrived_at` (Unix time in milliseconds): uint32 [N], of `Flag`."""
    features = readings.features
    with np.errstate(invalid="ignore"):
        outside = (features < bounds.minimum) | (features > bounds.maximum)
    finite = np.isfinite(features)
    oldest = arrived_at - bounds.late_after // _MILLISECOND
    newest = arrived_at + bounds.ahead_after // _MILLISECOND
    flags = np.zeros(len(readings), np.uint32)
    for flag, concerned in (
        (Flag.OUT_OF_RANGE, (outside & finite).any(axis=1)),
        (Flag.NOT_FINITE | Flag.NOT_SCORED, ~finite.all(axis=1)),
        (Flag.LATE, readings.sampled_at < oldest),
        (Flag.AHEAD, readings.sampled_at > newest),
    ):
        flags[concerned] |= np.uint32(flag)
    return flags


def has(flags: NDArray[np.uint32], flag: Flag) -> NDArray[np.bool_]:
    """Which readings [N] have `flag`."""
    return (flags & np.uint32(flag)).astype(np.bool_)
