"""How many replicas: never fewer for more, and enough when something is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weld_operator.domain.capacity.passes import Load
from weld_operator.domain.capacity.service import Replica, ServiceTime
from weld_operator.domain.capacity.sizing import Aims, NotEnoughError, Spread, size_for

REPLICA = Replica(ServiceTime(0.0005, 0.00008, 1.2e-6), 100, 16_384, 0.002, 40_000)
OWN_MACHINES = Spread(3, None)


def aims(survive: str = "machine", fewest: int = 1) -> Aims:
    return Aims(on_time=0.999, occupancy=0.7, survive=survive, fewest=fewest)


def load(requests: int) -> Load:
    return Load(requests, 0.1, 0.02, 0.1)


def test_a_single_replica_would_do_but_does_not_survive() -> None:
    assert size_for(REPLICA, load(100), OWN_MACHINES, aims("nothing")).replicas == 1
    found = size_for(REPLICA, load(100), OWN_MACHINES, aims())
    assert found.replicas == 2
    assert found.reason == "99.9% on time with a machine lost"


def test_a_zone_takes_more_than_a_machine() -> None:
    by_machine = size_for(REPLICA, load(5000), OWN_MACHINES, aims()).replicas
    by_zone = size_for(REPLICA, load(5000), OWN_MACHINES, aims("zone")).replicas
    assert by_zone >= by_machine


def test_the_models_own_floor_counts() -> None:
    found = size_for(REPLICA, load(1), OWN_MACHINES, aims(fewest=5))
    assert (found.replicas, found.reason) == (5, "the WeldModel's minReplicas")


def test_no_number_of_replicas_makes_a_request_shorter_than_the_deadline() -> None:
    slow = Replica(ServiceTime(0.2, 0, 1e-6), 100, 16_384, 0.002, 40_000)
    with pytest.raises(NotEnoughError, match="one request of 100 readings alone takes 200 ms"):
        size_for(slow, load(10), OWN_MACHINES, aims())


@given(requests=st.integers(1, 600), more=st.integers(1, 300))
@settings(max_examples=6, deadline=None)
def test_more_readings_never_need_fewer_replicas(requests: int, more: int) -> None:
    few, many = (size_for(REPLICA, load(count), OWN_MACHINES, aims()).replicas for count in (requests, requests + more))
    assert many >= few


@given(replicas=st.integers(1, 500), zones=st.integers(1, 5), machines=st.integers(1, 50))
def test_a_zone_never_takes_less_than_its_share(replicas: int, zones: int, machines: int) -> None:
    spread = Spread(zones, machines)
    assert spread.lost_with("zone", replicas) * zones >= replicas
    assert 1 <= spread.lost_with("machine", replicas) <= replicas
    assert spread.lost_with("nothing", replicas) == 0
