"""Arrivals crowd within a tick as the wrapped normal distribution says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_operator.domain.capacity.arrivals import TickArrivals


@given(jitter=st.floats(0, 0.0999), phases=st.integers(2, 400))
def test_every_request_of_a_tick_arrives_in_some_phase(jitter: float, phases: int) -> None:
    shares = TickArrivals(100, 0.1, jitter).shares(phases)
    assert math.isclose(sum(shares), 1)
    assert min(shares) >= 0


def test_the_busiest_phase_is_as_busy_as_the_peak_factor_says() -> None:
    arrivals = TickArrivals(100, 0.1, 0.02)
    assert arrivals.peak_factor == pytest.approx(1.9947, abs=0.0005)
    assert max(arrivals.shares(1000)) * 1000 == pytest.approx(arrivals.peak_factor, rel=1e-3)


def test_shares_are_those_of_drawn_delays() -> None:
    drawn = np.random.default_rng(0).normal(0.05, 0.02, 200_000) % 0.1
    found, _ = np.histogram(drawn, 10, (0, 0.1))
    assert TickArrivals(1, 0.1, 0.02).shares(10) == pytest.approx(found / len(drawn), abs=0.003)


def test_without_jitter_all_come_at_once() -> None:
    arrivals = TickArrivals(100, 0.1, 0)
    assert max(arrivals.shares(50)) == 1
    assert arrivals.peak_factor == math.inf


def test_the_more_jitter_the_more_even() -> None:
    factors = [TickArrivals(1, 0.1, jitter / 1000).peak_factor for jitter in range(1, 100)]
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] == pytest.approx(1, abs=1e-4)
