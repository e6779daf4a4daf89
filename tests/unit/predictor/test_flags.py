"""What is wrong with a reading is said of that reading alone."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from weld_predictor.intake.flags import Bounds, Flag, flag_readings, has
from weld_predictor.intake.readings import Readings

ARRIVED = 1_700_000_000_000
BOUNDS = Bounds(
    minimum=np.array([0, -1], np.float32),
    maximum=np.array([10, 1], np.float32),
    late_after=timedelta(milliseconds=160),
    ahead_after=timedelta(milliseconds=60),
    context=np.array([False, False]),
    rejected=Flag.MISSING_CONTEXT,
)


def flags_of(features: np.ndarray, sampled_at: np.ndarray | None = None) -> list[Flag]:
    count = len(features)
    times = np.full(count, ARRIVED, np.int64) if sampled_at is None else sampled_at
    readings = Readings(features.astype(np.float32), np.arange(count, dtype=np.int64), times)
    return [Flag(int(flags)) for flags in flag_readings(readings, BOUNDS, ARRIVED)]


@pytest.mark.parametrize(
    ("features", "flags"),
    [
        ([5, 0], Flag(0)),
        ([0, -1], Flag(0)),
        ([10, 1], Flag(0)),
        ([10.1, 0], Flag.OUT_OF_RANGE),
        ([5, -1.1], Flag.OUT_OF_RANGE),
        ([np.nan, 0], Flag.NOT_FINITE | Flag.NOT_SCORED),
        ([5, np.inf], Flag.NOT_FINITE | Flag.NOT_SCORED),
        ([-np.inf, 2], Flag.NOT_FINITE | Flag.NOT_SCORED | Flag.OUT_OF_RANGE),
    ],
)
def test_features_that_cannot_be_meant_are_flagged(features: list[float], flags: Flag) -> None:
    assert flags_of(np.array([features])) == [flags]


@pytest.mark.parametrize(
    ("sampled_at", "flags"),
    [
        (ARRIVED - 160, Flag(0)),
        (ARRIVED - 161, Flag.LATE),
        (ARRIVED + 60, Flag(0)),
        (ARRIVED + 61, Flag.AHEAD),
        (-(2**63), Flag.LATE),
        (2**63 - 1, Flag.AHEAD),
    ],
)
def test_readings_that_came_late_or_too_early_are_flagged(sampled_at: int, flags: Flag) -> None:
    assert flags_of(np.array([[5, 0]]), np.array([sampled_at], np.int64)) == [flags]


def test_a_range_holds_at_its_ends_in_the_precision_of_the_features() -> None:
    bounds = replace(
        BOUNDS,
        minimum=np.array([0.1], np.float32),
        maximum=np.array([0.3], np.float32),
        context=np.array([False]),
    )
    ends = Readings(np.array([[0.1], [0.3]], np.float32), np.arange(2), np.full(2, ARRIVED))
    assert not flag_readings(ends, bounds, ARRIVED).any()


@settings(deadline=None)
@given(st_numpy.arrays(np.float32, st.tuples(st.integers(1, 20), st.just(2))))
def test_a_reading_has_the_flags_that_it_would_have_alone(features: np.ndarray) -> None:
    assert flags_of(features) == [flags_of(row[np.newaxis])[0] for row in features]


def test_one_flag_can_be_asked_for() -> None:
    flags = np.array([0, Flag.LATE, Flag.LATE | Flag.OUT_OF_RANGE], np.uint32)
    assert has(flags, Flag.LATE).tolist() == [False, True, True]
