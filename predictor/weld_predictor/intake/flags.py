"""What is wrong with a reading, said reading by reading: a bad one never spoils the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntFlag
from typing import Self

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard
from weld_predictor.intake.form import known_features
from weld_predictor.intake.readings import Readings
from weld_predictor.intake.sensors import KnownSensors
from weld_simulator.feature_sets import Limit

DELIVERY_DEVIATIONS = 3
"""Standard deviations of the delivery time that a reading may take: of normal delays, 0.13 % take longer."""

_MILLISECOND = timedelta(milliseconds=1)


class Flag(IntFlag):
    """One bit of the output `flags`. Bits are only ever added."""

    NOT_SCORED = 1
    """The estimator gave no answer; `risk` is 1 so that the reading never looks sound, and is no estimate."""
    NOT_FINITE = 2
    """A feature is NaN, infinite or missing, or context is infinite; never scored."""
    OUT_OF_RANGE = 4
    """A feature is outside the range that the card gives; scored, with reserve."""
    LATE = 8
    """It came later than the deadline and three deviations of the delivery time after it was sampled, or than the
    WeldModel allows, or after a reading of its sensor that was sampled later; scored, unless the WeldModel rejects
    it."""
    AHEAD = 16
    """It says that it was sampled later than it came, by more than three deviations of the delivery time: a clock, or a
    unit of time, is wrong; scored."""
    MISSING_CONTEXT = 32
    """Context that the model asks for did not come, or came as NaN; not scored unless the card reserves it."""
    SATURATED = 64
    """The waveform is at full scale for longer than the initial pulse lasts; scored, unless the card rejects it."""
    NO_COUPLING = 128
    """There is no back wall's echo: the sensor has lost its contact, so a flaw would not be seen either; scored, unless
    the card rejects it."""

    UNKNOWN_SENSOR = 256
    """The predictor was told which sensors there are, and this is none of them; scored, unless the card rejects it."""

    CARRIED = 512
    """It was not scored, because its sampling says so: risk and decision are those of an earlier reading of its
    sensor."""


REJECTED_BY_DEFAULT = Flag.MISSING_CONTEXT
_HANDLED = Flag.OUT_OF_RANGE | Flag.MISSING_CONTEXT | Flag.SATURATED | Flag.NO_COUPLING | Flag.UNKNOWN_SENSOR
"""Flags of which the card may say whether the reading is scored. What is not finite never is: estimators fail on it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a reading without flags keeps to."""

    minimum: NDArray[np.float32]
    """[F]"""
    maximum: NDArray[np.float32]
    """[F]"""
    late_after: timedelta
    ahead_after: timedelta
    context: NDArray[np.bool_]
    """[F], which columns are the plant's."""
    rejected: Flag
    """Flags with which a reading is not scored."""
    saturated: tuple[int, np.float32] | None = None
    """A column and the value above which the waveform is saturated, where the features are known."""
    no_coupling: tuple[int, np.float32] | None = None
    """A column and the value below which the sensor has lost its contact, likewise."""
    sensors: KnownSensors | None = None
    """Where there is no list, every sensor is known."""

    @classmethod
    def of(
        cls,
        card: BundleCard,
        deadline: timedelta,
        jitter: timedelta,
        sensors: KnownSensors | None = None,
        *,
        lateness: timedelta | None = None,
        reject_late: bool = False,
    ) -> Self:
        """Bounds by the card's ranges, and by the workload's deadline and deviation of the delivery time.

        `lateness`: after which a reading is late, where that is not left to the workload.
        """
        known = known_features(card)
        return cls(
            minimum=np.array([model_input.minimum for model_input in card.inputs], np.float32),
            maximum=np.array([model_input.maximum for model_input in card.inputs], np.float32),
            late_after=deadline + DELIVERY_DEVIATIONS * jitter if lateness is None else lateness,
            ahead_after=DELIVERY_DEVIATIONS * jitter,
            context=np.array([model_input.source == "Context" for model_input in card.inputs]),
            rejected=rejected_flags(card) | (Flag.LATE if reject_late else Flag(0)),
            saturated=None if known is None else _limit(card, known.saturated),
            no_coupling=None if known is None else _limit(card, known.no_coupling),
            sensors=sensors,
        )


def flag_readings(readings: Readings, bounds: Bounds, arrived_at: int | NDArray[np.int64]) -> NDArray[np.uint32]:
    """The flags of N readings: uint32 [N], of `Flag`. They arrived at `arrived_at`, Unix time in milliseconds, [N]."""
    features = readings.features
    flags = np.zeros(len(readings), np.uint32)
    with np.errstate(invalid="ignore"):
        outside = (features < bounds.minimum) | (features > bounds.maximum)
    finite = np.isfinite(features)
    if not finite.all():
        absent = np.isnan(features) & bounds.context
        _flag_rows(flags, ~(finite | absent), Flag.NOT_FINITE | Flag.NOT_SCORED)
        _flag_rows(flags, absent, Flag.MISSING_CONTEXT)
        outside &= finite
    _flag_rows(flags, outside, Flag.OUT_OF_RANGE)
    timed = True if readings.untimed is None else ~readings.untimed
    _flag(flags, (readings.sampled_at < arrived_at - bounds.late_after // _MILLISECOND) & timed, Flag.LATE)
    _flag(flags, (readings.sampled_at > arrived_at + bounds.ahead_after // _MILLISECOND) & timed, Flag.AHEAD)
    if bounds.saturated is not None:
        column, most = bounds.saturated
        _flag(flags, features[:, column] > most, Flag.SATURATED)
    if bounds.no_coupling is not None:
        column, least = bounds.no_coupling
        _flag(flags, features[:, column] < least, Flag.NO_COUPLING)
    if bounds.sensors is not None:
        _flag(flags, ~bounds.sensors.include(readings.sensor_id), Flag.UNKNOWN_SENSOR)
    _flag(flags, has(flags, bounds.rejected), Flag.NOT_SCORED)
    return flags


def _flag(flags: NDArray[np.uint32], concerned: NDArray[np.bool_], flag: Flag) -> None:
    """Adds `flag` to those `concerned` [N]."""
    if concerned.any():
        flags[concerned] |= np.uint32(flag)


def _flag_rows(flags: NDArray[np.uint32], concerned: NDArray[np.bool_], flag: Flag) -> None:
    """Adds `flag` to the rows with a cell that is `concerned` [N, F]; going row by row is dear, and mostly for none."""
    count = np.count_nonzero(concerned)
    if count > len(flags):
        flags[concerned.any(axis=1)] |= np.uint32(flag)
    elif count:
        flags[np.flatnonzero(concerned) // concerned.shape[1]] |= np.uint32(flag)


def rejected_flags(card: BundleCard) -> Flag:
    """Flags with which a reading is not scored, by default and by what the card says."""
    rejected = REJECTED_BY_DEFAULT
    for name, handling in card.flags.items():
        flag = Flag.__members__.get(name.upper(), Flag(0)) & _HANDLED
        rejected = rejected | flag if handling == "Reject" else rejected & ~flag
    return rejected


def _limit(card: BundleCard, limit: Limit | None) -> tuple[int, np.float32] | None:
    """The column of the feature that has this limit, and its value; None where the card does not take the feature."""
    names = [model_input.name for model_input in card.inputs]
    if limit is None or limit.feature not in names:
        return None
    return names.index(limit.feature), np.float32(limit.value)


def has(flags: NDArray[np.uint32], flag: Flag) -> NDArray[np.bool_]:
    """Which readings [N] have `flag`, or one of them."""
    return (flags & np.uint32(flag)).astype(np.bool_)
