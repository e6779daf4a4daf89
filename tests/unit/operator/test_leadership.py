"""A divided fleet: each shard is led by one process, and no two divisions of it are led at once."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_operator.adapters.cluster import ConflictError
from weld_operator.adapters.leadership import Leadership
from weld_operator.adapters.lease import JointLease, Lease, LeaseLostError, LeaseTimes
from weld_operator.kinds import LEASE, Kind, Object

TIMES = LeaseTimes(duration=15, renew_deadline=10, retry=2)


class Contended(InMemoryCluster):
    """Somebody else is always a little faster, so many times."""

    conflicts = 0

    async def replace(self, kind: Kind, body: Object) -> Object:
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError("the object has been modified")
        return await super().replace(kind, body)


class Process:
    """One process of a fleet that is divided into so many shards."""

    def __init__(self, name: str, shards: int, shared: InMemoryCluster) -> None:
        self.clock = HandClock()
        self.wire = Contended(objects=shared.objects, _versions=shared._versions)

        def own(lease: str) -> Lease:
            return Lease(self.wire, self.clock, namespace="system", name=lease, identity=name, times=TIMES)

        joint = JointLease(
            self.wire, self.clock, namespace="system", name="lease", identity=f"{shards} shards", times=TIMES
        )
        leases = [own("lease")] if shards == 1 else [own(f"lease-{number}") for number in range(shards)]
        self.leadership = Leadership(self.clock, leases, None if shards == 1 else joint, retry=TIMES.retry)

    async def tries(self, seconds: float = 0.0) -> bool:
        """Whether it leads after so many seconds."""
        waiting = asyncio.create_task(self.leadership.acquire())
        end = self.clock.elapsed + seconds
        for _ in range(1000):
            if waiting.done() or self.clock.elapsed > end:
                break
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        return self.leadership.is_held


@pytest.fixture
def cluster() -> InMemoryCluster:
    return InMemoryCluster()


def _holder(cluster: InMemoryCluster, name: str) -> str:
    return str(cluster.objects[LEASE, "system", name]["spec"]["holderIdentity"])


async def test_alone_a_process_needs_one_lease(cluster: InMemoryCluster) -> None:
    assert await Process("one", 1, cluster).tries()
    assert [name for _, _, name in cluster.objects] == ["lease"]
    assert _holder(cluster, "lease") == "one"


async def test_each_process_leads_another_shard_and_a_further_one_waits(cluster: InMemoryCluster) -> None:
    processes = [Process(name, 2, cluster) for name in ("one", "two", "three")]
    assert [await each.tries(4) for each in processes] == [True, True, False]
    assert [each.leadership.number for each in processes[:2]] == [0, 1]
    assert [_holder(cluster, name) for name in ("lease", "lease-0", "lease-1")] == ["2 shards", "one", "two"]


async def test_who_waits_takes_the_shard_of_a_process_that_ended(cluster: InMemoryCluster) -> None:
    one, two, three = (Process(name, 2, cluster) for name in ("one", "two", "three"))
    assert await one.tries()
    assert await two.tries()
    await two.leadership.release()
    assert not two.leadership.is_held
    assert await three.tries()
    assert three.leadership.number == 1
    assert _holder(cluster, "lease") == "2 shards", "the other still needs it"
    assert one.leadership.is_held


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3)])
async def test_another_division_waits_until_the_one_before_it_is_gone(
    cluster: InMemoryCluster, before: int, after: int
) -> None:
    old, new = Process("old", before, cluster), Process("new", after, cluster)
    assert await old.tries()
    assert not await new.tries(10)
    old.clock.advance(2)
    await asyncio.gather(*(lease.renew() for lease in old.leadership._held))
    assert not await new.tries(10), "it was renewed meanwhile"
    assert await new.tries(20)
    with pytest.raises(LeaseLostError):
        await old.leadership.keep()


async def test_a_single_process_gives_way_to_a_division_at_once(cluster: InMemoryCluster) -> None:
    old, new = Process("old", 1, cluster), Process("new", 2, cluster)
    assert await old.tries()
    await old.leadership.release()
    assert await new.tries()


async def test_that_others_renew_the_common_lease_at_the_same_time_is_no_loss(cluster: InMemoryCluster) -> None:
    one = Process("one", 2, cluster)
    assert await one.tries()
    for _ in range(10):
        one.clock.advance(2)
        one.wire.conflicts = 3
        assert one.leadership._joint is not None
        assert await one.leadership._joint.renew()
        assert await one.leadership._own[0].renew()
        assert one.leadership.is_held


@pytest.mark.parametrize("lost", ["lease", "lease-0"])
async def test_who_has_lost_one_of_its_leases_leads_no_more(cluster: InMemoryCluster, lost: str) -> None:
    one = Process("one", 2, cluster)
    assert await one.tries()
    cluster.objects[LEASE, "system", lost]["spec"]["holderIdentity"] = "somebody else"
    with pytest.raises(LeaseLostError, match=lost):
        await one.leadership.keep()
    one.clock.advance(10)
    assert not one.leadership.is_held


async def test_all_processes_of_an_installation_know_it_by_one_uid(cluster: InMemoryCluster) -> None:
    alone = Process("alone", 1, cluster)
    assert await alone.tries()
    await alone.leadership.release()
    processes = [Process(name, 2, cluster) for name in ("one", "two")]
    for each in processes:
        assert await each.tries()
    assert {each.leadership.uid for each in (alone, *processes)} == {
        cluster.objects[LEASE, "system", "lease"]["metadata"]["uid"]
    }
