"""Who leads: one at a time, the next one when the first is gone, and nobody who may have been replaced."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_operator.adapters.cluster import UnreachableError
from weld_operator.adapters.fenced_cluster import FencedCluster
from weld_operator.adapters.lease import Lease, LeaseLostError, LeaseTimes
from weld_operator.kinds import LEASE, POD_DISRUPTION_BUDGET, Kind, Object

TIMES = LeaseTimes(duration=15, renew_deadline=10, retry=2)
BUDGET: Object = {"metadata": {"name": "x", "namespace": "plant-a"}, "spec": {}}


class Wire(InMemoryCluster):
    """A cluster that one replica can be cut off from."""

    is_cut = False

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        if self.is_cut:
            raise UnreachableError("connection refused")
        return await super().get(kind, namespace, name)


class Replica:
    """One replica with a clock and a wire of its own to the same cluster."""

    def __init__(self, name: str, shared: InMemoryCluster) -> None:
        self.clock = HandClock()
        self.wire = Wire(objects=shared.objects, _versions=shared._versions)
        self.lease = Lease(self.wire, self.clock, namespace="system", name="lease", identity=name, times=TIMES)

    async def tries(self) -> bool:
        """One attempt to lead."""
        return await self.lease.take()

    async def renews(self) -> None:
        """One renewal, after the pause that comes before it."""
        self.clock.advance(TIMES.retry)
        await self.lease.renew()


@pytest.fixture
def cluster() -> InMemoryCluster:
    return InMemoryCluster()


@pytest.fixture
def one(cluster: InMemoryCluster) -> Replica:
    return Replica("one", cluster)


@pytest.fixture
def two(cluster: InMemoryCluster) -> Replica:
    return Replica("two", cluster)


def _spec(cluster: InMemoryCluster) -> Object:
    spec: Object = cluster.objects[LEASE, "system", "lease"]["spec"]
    return spec


async def test_the_first_one_leads(one: Replica, cluster: InMemoryCluster) -> None:
    assert not one.lease.is_held
    assert await one.tries()
    assert one.lease.is_held
    assert _spec(cluster)["holderIdentity"] == "one"
    assert _spec(cluster)["leaseDurationSeconds"] == 15
    assert _spec(cluster)["leaseTransitions"] == 0


async def test_the_second_one_waits_as_long_as_the_first_renews(one: Replica, two: Replica) -> None:
    assert await one.tries()
    for _ in range(50):
        await one.renews()
        assert not await two.tries()
        two.clock.advance(TIMES.retry)
    assert one.lease.is_held
    assert not two.lease.is_held


async def test_the_second_one_leads_once_the_first_is_silent_for_the_duration(
    one: Replica, two: Replica, cluster: InMemoryCluster
) -> None:
    assert await one.tries()
    assert not await two.tries()
    two.clock.advance(14.9)
    assert not await two.tries()
    two.clock.advance(0.1)
    assert await two.tries()
    assert _spec(cluster)["holderIdentity"] == "two"
    assert _spec(cluster)["leaseTransitions"] == 1


async def test_clocks_that_differ_do_not_matter(one: Replica, two: Replica) -> None:
    two.clock.advance(100_000)
    assert await one.tries()
    assert not await two.tries()


async def test_a_leader_that_was_replaced_has_lost(one: Replica, two: Replica) -> None:
    assert await one.tries()
    await two.tries()
    two.clock.advance(15)
    assert await two.tries()
    with pytest.raises(LeaseLostError, match="two"):
        await one.lease.renew()


async def test_a_leader_that_cannot_renew_must_not_write_before_another_may_lead(
    one: Replica, two: Replica, cluster: InMemoryCluster
) -> None:
    fenced = FencedCluster(cluster, one.lease)
    assert await one.tries()
    await two.tries()
    one.wire.is_cut = True
    for _ in range(4):
        await one.renews()
    await fenced.apply(POD_DISRUPTION_BUDGET, BUDGET)
    await one.renews()
    assert one.clock.elapsed == 10
    assert two.clock.elapsed < 15
    assert not one.lease.is_held
    for write in (fenced.apply, fenced.apply_status, fenced.create, fenced.replace):
        with pytest.raises(UnreachableError, match="Lease"):
            await write(POD_DISRUPTION_BUDGET, BUDGET)
    with pytest.raises(UnreachableError, match="Lease"):
        await fenced.delete(POD_DISRUPTION_BUDGET, "plant-a", "x", "uid")
    assert await fenced.list(POD_DISRUPTION_BUDGET, None, {}), "reading is always allowed"


async def test_a_leader_goes_on_when_the_cluster_was_away_and_nobody_else_leads(one: Replica) -> None:
    assert await one.tries()
    one.wire.is_cut = True
    for _ in range(20):
        await one.renews()
    assert not one.lease.is_held
    one.wire.is_cut = False
    await one.renews()
    assert one.lease.is_held


async def test_a_process_that_was_suspended_does_not_write_on(one: Replica, cluster: InMemoryCluster) -> None:
    fenced = FencedCluster(cluster, one.lease)
    assert await one.tries()
    one.clock.advance(3600)
    with pytest.raises(UnreachableError):
        await fenced.apply(POD_DISRUPTION_BUDGET, BUDGET)


async def test_a_released_lease_is_taken_at_once(one: Replica, two: Replica, cluster: InMemoryCluster) -> None:
    assert await one.tries()
    assert not await two.tries()
    await one.lease.release()
    assert not one.lease.is_held
    assert _spec(cluster)["holderIdentity"] == ""
    assert await two.tries()


async def test_releasing_what_another_holds_leaves_it(one: Replica, two: Replica, cluster: InMemoryCluster) -> None:
    assert await one.tries()
    await two.tries()
    two.clock.advance(15)
    await two.tries()
    await one.lease.release()
    assert _spec(cluster)["holderIdentity"] == "two"


async def test_a_restarted_holder_of_the_same_name_goes_on(one: Replica, cluster: InMemoryCluster) -> None:
    assert await one.tries()
    again = Replica("one", cluster)
    assert await again.tries()


async def test_a_deleted_lease_is_made_again_by_its_holder(one: Replica, cluster: InMemoryCluster) -> None:
    assert await one.tries()
    cluster.remove(LEASE, "system", "lease")
    await one.renews()
    assert one.lease.is_held
    assert _spec(cluster)["holderIdentity"] == "one"


async def test_of_two_that_try_at_once_one_leads(one: Replica, two: Replica) -> None:
    assert sorted(await asyncio.gather(one.tries(), two.tries())) == [False, True]
