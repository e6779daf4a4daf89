"""Windows and disorder follow from the normal distribution of delays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_operator.domain.capacity.jitter import (
    expected_last,
    share_disordered,
    share_within,
    window_for_all,
    window_for_each,
)


def test_a_jitter_of_20_ms_needs_62_ms_more_for_999_of_1000_readings() -> None:
    assert window_for_each(0.06, 0.02, 0.999) == pytest.approx(0.06 + 3.090 * 0.02, abs=1e-5)


def test_a_whole_tick_needs_a_longer_window_than_a_reading() -> None:
    """Of 100 requests the largest delay is below m with probability F(m)^100."""
    drawn = np.random.default_rng(1).normal(0.06, 0.02, (40_000, 100)).max(axis=1)
    assert window_for_all(0.06, 0.02, 100, 0.99) == pytest.approx(np.quantile(drawn, 0.99), rel=0.01)
    assert expected_last(0.06, 0.02, 100) == pytest.approx(drawn.mean(), rel=0.01)


def test_readings_overtake_each_other_as_often_as_drawn_ones() -> None:
    drawn = np.random.default_rng(2).normal(0, 0.05, (400_000, 2))
    overtaken = (drawn[:, 0] > drawn[:, 1] + 0.1).mean()
    assert share_disordered(0.05, 0.1) == pytest.approx(overtaken, rel=0.02)
    assert share_disordered(0.0, 0.1) == 0


@given(jitter=st.floats(0.0001, 0.1), goal=st.floats(0.5, 0.99999))
def test_the_window_catches_the_share_that_it_is_for(jitter: float, goal: float) -> None:
    window = window_for_each(0.06, jitter, goal)
    assert share_within(0.06, jitter, window) == pytest.approx(goal, abs=1e-6)


@given(requests=st.integers(1, 1_000_000), goal=st.floats(0.5, 0.99999))
def test_more_requests_never_need_a_shorter_window(requests: int, goal: float) -> None:
    assert window_for_all(0.06, 0.02, requests + 1, goal) >= window_for_all(0.06, 0.02, requests, goal)
