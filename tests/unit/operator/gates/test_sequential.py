"""Intervals that hold at every look at once: exact numbers, invariants, and how often they are wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_operator.domain.gates.sequential import mean_interval, relative_radius, share_interval

ERRORS = st.floats(1e-6, 0.3)
LIMITS = st.floats(0.0, 1.0)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Bad ones, of so many."""
    samples = draw(st.integers(1, 10**11))
    return draw(st.integers(0, samples)), samples


@given(counts(), LIMITS, ERRORS)
def test_the_interval_of_a_share_holds_the_share_seen(count: tuple[int, int], expected: float, error: float) -> None:
    bad, samples = count
    interval = share_interval(bad, samples, expected, error)
    assert 0 <= interval.lower <= bad / samples <= interval.upper <= 1


@given(counts(), LIMITS, ERRORS)
def test_one_more_bad_one_never_lowers_the_interval(count: tuple[int, int], expected: float, error: float) -> None:
    bad, samples = count
    before, after = (share_interval(each, samples, expected, error) for each in (bad, min(bad + 1, samples)))
    assert after.lower >= before.lower - 1e-9  # beyond 10^10 samples their logarithms have no more digits
    assert after.upper >= before.upper - 1e-9  # beyond 10^10 samples their logarithms have no more digits


@given(counts(), LIMITS, ERRORS)
def test_the_interval_of_good_ones_mirrors_that_of_bad_ones(
    count: tuple[int, int], expected: float, error: float
) -> None:
    bad, samples = count
    interval = share_interval(bad, samples, expected, error)
    mirrored = share_interval(samples - bad, samples, 1 - expected, error)
    assert interval.lower == pytest.approx(1 - mirrored.upper, abs=1e-9)
    assert interval.upper == pytest.approx(1 - mirrored.lower, abs=1e-9)


@given(counts(), LIMITS, ERRORS)
def test_to_be_surer_takes_a_wider_interval(count: tuple[int, int], expected: float, error: float) -> None:
    bad, samples = count
    sure, surer = (share_interval(bad, samples, expected, each) for each in (error, error / 10))
    assert surer.lower <= sure.lower + 1e-9
    assert surer.upper >= sure.upper - 1e-9  # beyond 10^10 samples their logarithms have no more digits


def test_nothing_counted_says_nothing() -> None:
    assert share_interval(0, 0, 0.01, 0.01) == (0, 1)
    assert mean_interval(0, 0, 0, 0.01) == (-1, 1)
    assert relative_radius(0, 1_000, 0.01) == math.inf


def test_one_of_each_under_an_even_mixture_is_as_reckoned_by_hand() -> None:
    """Beta(1/2, 1/2): the mean of p (1 - p) is 1/8, so shares with p (1 - p) <= error / 8 are struck off."""
    interval = share_interval(1, 2, 0.5, 0.05)
    edge = (1 - math.sqrt(1 - 4 * 0.05 / 8)) / 2
    assert interval.lower == pytest.approx(edge)
    assert interval.upper == pytest.approx(1 - edge)


@given(
    samples=st.integers(1, 10**10),
    mean=st.floats(-1, 1),
    spread=st.floats(0, 1),
    error=ERRORS,
)
def test_the_interval_of_a_mean_holds_the_mean_seen(samples: int, mean: float, spread: float, error: float) -> None:
    squares = samples * (mean * mean + spread * (1 - mean * mean))
    interval = mean_interval(samples, samples * mean, squares, error)
    assert -1 <= interval.lower <= mean + 1e-9
    assert mean - 1e-12 <= interval.upper <= 1
    mirrored = mean_interval(samples, -samples * mean, squares, error)
    assert mirrored.lower == pytest.approx(-interval.upper, abs=1e-9)


def test_equal_differences_do_not_make_a_mean_certain() -> None:
    """A normal interval would have no width here."""
    interval = mean_interval(100, 0.0, 0.0, 0.01)
    assert interval.upper > 0.1


LOOKS = np.unique(np.geomspace(20, 20_000, 60).astype(np.int64))
RUNS = 300
ERROR = 0.1
MOST_WRONG = ERROR * RUNS
"""Bounds are not sharp: the mixtures stay well below, so no allowance for chance is needed."""


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3])
def test_the_interval_of_a_share_keeps_its_error_however_often_it_is_looked_at(share: float) -> None:
    seen = np.random.default_rng(1).random((RUNS, LOOKS[-1])) < share
    bad = np.cumsum(seen, axis=1)[:, LOOKS - 1]
    wrong = sum(
        any(
            not _holds(share_interval(*each, share, ERROR), share)
            for each in zip(row.tolist(), LOOKS.tolist(), strict=True)
        )
        for row in bad
    )
    assert wrong <= MOST_WRONG


def test_an_interval_for_one_look_does_not_keep_its_error_when_looked_at_often() -> None:
    """Wilson's, at the same looks: why these are not used."""
    share, z = 0.3, 1.645
    bad = np.cumsum(np.random.default_rng(1).random((RUNS, LOOKS[-1])) < share, axis=1)[:, LOOKS - 1]
    centre = (bad + z * z / 2) / (LOOKS + z * z)
    half = z * np.sqrt(bad * (LOOKS - bad) / LOOKS + z * z / 4) / (LOOKS + z * z)
    wrong = (np.abs(centre - share) > half).any(axis=1).sum()
    assert wrong > 3 * MOST_WRONG


@pytest.mark.parametrize("rare", [False, True], ids=["many small differences", "few large ones"])
def test_the_interval_of_a_mean_keeps_its_error_however_often_it_is_looked_at(rare: bool) -> None:
    random = np.random.default_rng(2)
    shape, looks = (RUNS, 5_000), LOOKS[LOOKS <= 5_000][::4]
    values = np.where(random.random(shape) < 0.002, 1.0, 0.0) if rare else random.normal(0.01, 0.05, shape).clip(-1, 1)
    mean = 0.002 if rare else 0.01
    total, squares = (np.cumsum(each, axis=1)[:, looks - 1] for each in (values, values**2))
    wrong = sum(
        any(
            not _holds(mean_interval(*each, ERROR), mean)
            for each in zip(looks.tolist(), sums.tolist(), of_squares.tolist(), strict=True)
        )
        for sums, of_squares in zip(total, squares, strict=True)
    )
    assert wrong <= MOST_WRONG


def test_a_rate_of_work_keeps_its_error_however_often_it_is_looked_at() -> None:
    """Times of passes that vary as much as is assumed: exponential ones."""
    random = np.random.default_rng(3)
    seconds = np.cumsum(random.exponential(1.0, (500, 20_000)).astype(np.float32), axis=1)[:, LOOKS - 1]
    radius = np.array([relative_radius(float(passes), 1_000, ERROR) for passes in LOOKS])
    many = LOOKS >= 1_000
    off = np.abs(LOOKS / seconds - 1) > (LOOKS / seconds) * radius
    assert off[:, many].any(axis=1).sum() <= ERROR * 500


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]
