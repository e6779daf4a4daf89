"""Losses: how likely, and what is left."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_operator.domain.capacity.losses import after_loss, chance_of_enough
from weld_operator.domain.capacity.passes import Load
from weld_operator.domain.capacity.service import Replica, ServiceTime


def test_two_of_three_machines_are_up_as_often_as_counted_by_hand() -> None:
    up = 0.9
    assert chance_of_enough(3, 2, up) == pytest.approx(up**3 + 3 * up**2 * (1 - up))


@given(machines=st.integers(1, 200), availability=st.floats(0.5, 0.99999))
def test_to_need_fewer_is_never_less_likely(machines: int, availability: float) -> None:
    chances = [chance_of_enough(machines, enough, availability) for enough in range(machines + 1)]
    assert chances[0] == pytest.approx(1)
    assert all(one >= other - 1e-12 for one, other in pairwise(chances))


def test_nothing_left_answers_nothing() -> None:
    replica = Replica(ServiceTime(0.001, 0, 1e-6), 100, 16_384, 0.002, 40_000)
    found = after_loss("zone", replica, Load(100, 0.1, 0.02, 0.1), 0)
    assert (found.latency, found.on_time, found.occupancy) == (None, 0, math.inf)
