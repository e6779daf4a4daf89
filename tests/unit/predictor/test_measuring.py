"""Times of bursts are taken apart into those of passes, requests and readings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_predictor.bursts import SIZES, Burst
from weld_predictor.measuring import solve, stalls_of


def bursts(per_pass: float, per_request: float, per_reading: float, noise: float = 0.0) -> list[Burst]:
    source = np.random.default_rng(0)
    found = []
    for requests, readings in SIZES:
        passes = 1 + (requests > 1) + requests / 64
        seconds = per_pass * passes + per_request * requests + per_reading * requests * readings
        found.append(Burst(requests, readings, passes, seconds * (1 + noise * source.normal()), seconds, (1.0,)))
    return found


@given(per_pass=st.floats(1e-5, 1e-2), per_request=st.floats(1e-6, 1e-3), per_reading=st.floats(1e-8, 1e-4))
def test_what_times_are_made_of_is_found_again(per_pass: float, per_request: float, per_reading: float) -> None:
    assert solve(bursts(per_pass, per_request, per_reading)) == pytest.approx(
        (per_pass, per_request, per_reading), rel=1e-3, abs=1e-9
    )


def test_a_little_noise_does_little() -> None:
    found = solve(bursts(5e-4, 8e-5, 1.2e-6, noise=0.03))
    assert found == pytest.approx((5e-4, 8e-5, 1.2e-6), rel=0.15)


def test_nothing_is_below_zero() -> None:
    assert min(solve(bursts(5e-4, 0.0, 1.2e-6, noise=0.05))) >= 0


def test_answers_that_come_late_are_stalls_of_what_they_took_longer() -> None:
    found = stalls_of([*[0.001] * 996, 0.003, 0.001, 0.003, 0.001, 0.005, 0.001, 0.005])
    assert found is not None
    assert found.per_second == pytest.approx(4 / 1.015, rel=1e-3)
    assert found.share_of_time == pytest.approx(0.012 / 1.015, rel=1e-3)
    assert (found.seconds[0], found.seconds[-1]) == (0.002, 0.004)


def test_answers_that_come_late_one_after_the_other_are_held_up_by_one_stall() -> None:
    found = stalls_of([*[0.001] * 500, 0.003, 0.004, 0.005, *[0.001] * 500])
    assert found is not None
    assert found.per_second == pytest.approx(1 / 1.012, rel=1e-3)
    assert set(found.seconds) == {0.009}


def test_where_no_answer_is_late_there_are_no_stalls() -> None:
    assert stalls_of([0.001, 0.0011, 0.0019]) is None


@given(st.lists(st.floats(1e-5, 1), min_size=1, max_size=50))
def test_whatever_was_measured_may_be_written_into_a_card(latencies: list[float]) -> None:
    found = stalls_of(latencies)
    assert found is None or found.share_of_time < 1
