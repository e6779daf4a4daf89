"""The latency of passes: known cases, and what must hold in all of them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weld_operator.domain.capacity.passes import Load, latency_of
from weld_operator.domain.capacity.service import Replica, ServiceTime, Stalls

SERVICE = ServiceTime(fixed=0.0005, per_request=0.00008, per_reading=1.2e-6)


def replica(service: ServiceTime = SERVICE, max_readings: int = 16_384, max_delay: float = 0.002) -> Replica:
    return Replica(service, 100, max_readings, max_delay, 40_000)


@pytest.mark.parametrize("occupancy", [0.3, 0.6])
def test_one_request_in_a_pass_and_even_arrivals_are_pollaczek_and_khinchine(occupancy: float) -> None:
    """M/D/1: the wait is occupancy x service / (2 (1 - occupancy)). Arrivals of many sources are nearly Poisson's."""
    one = Replica(ServiceTime(0.001, 0, 0), 1, 1, 0.0, 40_000)
    found = latency_of(one, evenly(occupancy / 0.001), 400)
    assert found.mean == pytest.approx(0.001 + occupancy * 0.001 / (2 * (1 - occupancy)), rel=0.05)


def test_a_spread_of_service_times_counts_by_its_square() -> None:
    """M/G/1 of Pollaczek and Khinchine: the wait grows by 1 + the squared coefficient of variation."""
    one = Replica(ServiceTime(0.001, 0, 0, (0.5, 1.5)), 1, 1, 0.0, 40_000)
    found = latency_of(one, evenly(500), 400)
    assert found.mean == pytest.approx(0.001 + 0.5 * 0.001 * (1 + 0.25) / (2 * (1 - 0.5)), rel=0.05)


def evenly(rate: float) -> Load:
    """So many requests/s at each of 400 replicas, all of the time."""
    return Load(round(rate * 0.02 * 400), 0.02, 0.0199, 10)


def test_hardly_any_load_takes_the_time_of_one_request() -> None:
    found = latency_of(replica(), Load(1, 0.1, 0.02, 0.1), 1)
    assert found.p50 == pytest.approx(SERVICE.seconds(1, 100), rel=0.05)
    assert found.on_time == pytest.approx(1)


def test_without_jitter_a_tick_is_one_pass() -> None:
    found = latency_of(replica(), Load(100, 0.1, 0, 0.1), 1)
    assert found.p99 == pytest.approx(SERVICE.seconds(100, 10_000), rel=0.02)


def test_more_than_can_be_served_fills_the_queue_and_refuses_the_rest() -> None:
    one = replica()
    rate = one.most_requests_per_second
    found = latency_of(one, Load(round(2 * rate * 0.1), 0.1, 0.02, 0.2), 1)
    assert found.refused == pytest.approx(0.5, abs=0.02)
    assert found.mean == pytest.approx(40_000 / one.most_readings_per_second, rel=0.5)


def test_the_way_there_and_back_is_taken_from_the_deadline() -> None:
    load = Load(100, 0.1, 0.02, 0.1)
    near, far = latency_of(replica(), load, 1), latency_of(replica(), load, 1, way=0.0995)
    assert far.mean == pytest.approx(near.mean + 0.0995)
    assert far.on_time < near.on_time


@given(requests=st.integers(1, 250), replicas=st.integers(1, 4))
@settings(max_examples=8, deadline=None)
def test_losing_a_replica_never_improves_latency(requests: int, replicas: int) -> None:
    load = Load(requests, 0.1, 0.02, 0.1)
    before, after = latency_of(replica(), load, replicas + 1), latency_of(replica(), load, replicas)
    assert after.mean >= before.mean * 0.97
    assert after.on_time <= before.on_time + 1e-3


@given(requests=st.integers(1, 200), more=st.integers(1, 100))
@example(requests=84, more=1)
@settings(max_examples=8, deadline=None)
def test_more_requests_are_never_answered_sooner(requests: int, more: int) -> None:
    few, many = (latency_of(replica(), Load(count, 0.1, 0.02, 0.1), 1) for count in (requests, requests + more))
    assert many.p99 >= few.p99 * 0.97
    assert many.on_time <= few.on_time + 1e-3


def test_what_wakes_a_replica_up_delays_every_answer_and_takes_none_of_its_time() -> None:
    awake, woken = (replica(ServiceTime(0.0005, 0.00008, 1.2e-6, on_way=seconds)) for seconds in (0, 0.0002))
    load = Load(100, 0.1, 0.02, 0.1)
    assert latency_of(woken, load, 1).p99 == pytest.approx(latency_of(awake, load, 1).p99 + 0.0002)
    assert woken.most_readings_per_second == awake.most_readings_per_second


def test_where_hardly_anything_comes_a_stall_delays_what_comes_in_it_or_is_served_in_it() -> None:
    """Of a stall of 10 ms a request that comes by chance waits the second half, 5 ms; served in it, all 10."""
    calm = latency_of(replica(), Load(1, 0.1, 0.02, 0.1), 1)
    found = latency_of(
        replica(ServiceTime(0.0005, 0.00008, 1.2e-6, stalls=Stalls(2, (0.01,)))), Load(1, 0.1, 0.02, 0.1), 1
    )
    assert found.mean - calm.mean == pytest.approx(2 * 0.01 * 0.005 + 2 * calm.mean * 0.01, rel=0.1)


def test_time_that_goes_by_in_stalls_is_lost_to_work() -> None:
    stalled = replica(ServiceTime(0.0005, 0.00008, 1.2e-6, stalls=Stalls(10, (0.005, 0.015))))
    assert stalled.most_requests_per_second == pytest.approx(0.9 * replica().most_requests_per_second)


@given(requests=st.integers(1, 250), few=st.floats(0, 20), more=st.floats(1, 20))
@settings(max_examples=8, deadline=None)
def test_more_stalls_never_lower_the_latency(requests: int, few: float, more: float) -> None:
    seconds = (0.0003, 0.0005, 0.001, 0.004)
    services = (ServiceTime(0.0005, 0.00008, 1.2e-6, stalls=Stalls(rate, seconds)) for rate in (few, few + more))
    calm, stalled = (latency_of(replica(service), Load(requests, 0.1, 0.02, 0.1), 1) for service in services)
    assert stalled.mean >= calm.mean * 0.995
    assert stalled.p99 >= calm.p99 * 0.97
    assert stalled.on_time <= calm.on_time + 1e-3
