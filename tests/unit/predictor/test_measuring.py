"""Times of bursts are taken apart into those of passes, requests and readings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_predictor.measuring import BURSTS, Burst, solve


def bursts(per_pass: float, per_request: float, per_reading: float, noise: float = 0.0) -> list[Burst]:
    source = np.random.default_rng(0)
    found = []
    for requests, readings in BURSTS:
        passes = 1 + (requests > 1) + requests / 64
        seconds = per_pass * passes + per_request * requests + per_reading * requests * readings
        found.append(
            Burst(requests, readings, passes, seconds * (1 + noise * source.normal()), seconds, seconds, (1.0,))
        )
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
