"""What replicas are to be scaled by leaves room for what comes meanwhile, and for the loss of one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.capacity.examples import THROUGHPUT
from weld_operator.domain.capacity.scaling_target import AFTER_A_LOSS, readings_target

MOST = THROUGHPUT.readings_per_second


@pytest.mark.parametrize(
    ("fewest", "share", "is_bound_by_loss"),
    [(1, 0.7, False), (2, 0.45, True), (3, 0.6, True), (4, 0.675, True), (5, 0.7, False), (100, 0.7, False)],
)
def test_the_fewer_replicas_there_may_be_the_more_room_a_loss_takes(
    fewest: int, share: float, is_bound_by_loss: bool
) -> None:
    found = readings_target(THROUGHPUT, fewest, None, 0.7)
    assert found.share == pytest.approx(share)
    assert found.is_bound_by_loss == is_bound_by_loss
    assert found.readings_per_second == pytest.approx(share * MOST, abs=1)


@given(fewest=st.integers(2, 1000), more=st.integers(0, 100), occupancy=st.floats(0.05, 0.95))
def test_whatever_the_size_one_may_be_lost_at_the_value(fewest: int, more: int, occupancy: float) -> None:
    value = readings_target(THROUGHPUT, fewest, None, occupancy).readings_per_second
    replicas = fewest + more
    assert value * replicas <= AFTER_A_LOSS * MOST * (replicas - 1) + 1e-6
    assert value <= occupancy * MOST


@pytest.mark.parametrize(("cores", "most"), [(None, MOST), (0.625, MOST / 2), (1.25, MOST), (8.0, MOST)])
def test_a_replica_that_may_use_fewer_cores_does_less_and_one_with_more_no_more(
    cores: float | None, most: float
) -> None:
    assert readings_target(THROUGHPUT, 2, cores, 0.7).most == pytest.approx(most)


def test_a_value_is_never_nothing() -> None:
    slow = THROUGHPUT.model_copy(update={"readings_per_second": 0.5})
    assert readings_target(slow, 2, None, 0.7).readings_per_second == 1
