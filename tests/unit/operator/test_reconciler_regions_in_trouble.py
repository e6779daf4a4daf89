"""A WeldModel in regions while something is in the way: nothing else is lost for it, and it is told."""

from __future__ import annotations

import pytest

from tests.unit.operator.in_memory_cluster import InMemoryCluster
from tests.unit.operator.regional_plant import BOTH, HERE, KEY, THERE, RegionalPlant, serving_of
from weld_operator.adapters.cluster import BusyError
from weld_operator.kinds import CONFIG_MAP, EVENT, HTTP_ROUTE, INFERENCE_SERVICE, Object

ANCHOR = (CONFIG_MAP, "plant-a", "north-line.anchor")
ROLLOUT: Object = {
    "steps": [{"weight": 50, "hold": "10m"}],
    "gates": [{"name": "errors", "errorRate": {"max": 0.01}}],
    "analysis": {"interval": "5s"},
    "waves": [{"regions": ["south", "north"], "bake": "20s"}],
}
OTHER_SECRET: Object = {"name": "far", "cluster": {"kubeconfigSecret": "other-secret"}, "share": 40}
ALONE: Object = {**HERE, "share": 60, "failoverTo": []}


@pytest.fixture
async def twice() -> RegionalPlant:
    """Regions north and far are in one cluster, which is reached by two Secrets."""
    plant = RegionalPlant()
    plant.remotes.clusters["other-secret"] = plant.north
    await plant.until_a_serves({**HERE, "share": 20}, THERE, OTHER_SECRET)
    return plant


def _services(plant: RegionalPlant) -> list[str]:
    return list(plant.names(INFERENCE_SERVICE, plant.north))


async def test_a_region_outlives_another_one_that_reaches_its_cluster_by_another_secret(twice: RegionalPlant) -> None:
    twice.ask("a", ALONE, OTHER_SECRET)
    await twice.settle()
    twice.follow()
    assert _services(twice) == [serving_of("far", "a")]
    assert ANCHOR in twice.north.objects
    assert twice.status.get("removing", []) == []


async def test_what_may_belong_to_a_region_that_cannot_be_seen_is_kept_until_it_can(twice: RegionalPlant) -> None:
    twice.remotes.lost.add("other-secret")
    twice.ask("a", ALONE, OTHER_SECRET)
    await twice.settle()
    twice.follow()
    assert _services(twice) == [serving_of("far", "a")]
    assert twice.status["removing"][0]["reason"] == "whether region far is in the same cluster is not known yet"
    twice.remotes.lost.clear()
    await twice.settle()
    twice.follow()
    assert _services(twice) == [serving_of("far", "a")]
    assert twice.status.get("removing", []) == []


@pytest.fixture
async def trial() -> RegionalPlant:
    """Bundle `b` is on trial in both regions."""
    plant = RegionalPlant()
    plant.rollout = ROLLOUT
    await plant.until_a_serves()
    plant.ask("b", *BOTH)
    await plant.live(30)
    assert _phases(plant) == ["Canary", "Canary"]
    return plant


def _phases(plant: RegionalPlant) -> list[str]:
    return [plant.region(name)["rollout"]["phase"] for name in ("south", "north")]


async def test_an_act_waits_for_a_region_that_could_not_be_decided_about(
    trial: RegionalPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_busy(*_: object) -> list[Object]:
        raise BusyError("too many requests")

    trial.act("pause", "b")
    with monkeypatch.context() as patched:
        patched.setattr(trial.north, "list", is_busy)
        look_after = await trial.settle()
    assert look_after is not None
    assert look_after.total_seconds() <= 1
    assert _phases(trial) == ["Paused", "Canary"]
    await trial.live(30)
    assert _phases(trial) == ["Paused", "Paused"]
    assert trial.status["lastAction"] == "act-1"
    assert "ActRefused" not in trial.told()


async def test_an_act_that_a_lost_cluster_cannot_hear_is_refused_there_by_name(trial: RegionalPlant) -> None:
    trial.remotes.lost.add("north-cluster")
    trial.act("pause", "b")
    await trial.settle()
    assert _phases(trial) == ["Paused", "Canary"]
    (message,) = [
        body["message"]
        for (kind, _, _), body in trial.home.objects.items()
        if kind == EVENT and body["reason"] == "ActRefused"
    ]
    assert message.startswith(
        "region north has not heard of pause, as its cluster cannot be reached: connection refused"
    )
    trial.remotes.lost.clear()
    await trial.settle()
    assert _phases(trial) == ["Paused", "Canary"], "it is not carried out long after"


async def test_a_host_of_all_that_cannot_be_written_is_told_and_tried_again() -> None:
    plant = RegionalPlant()
    plant.home.refused["HTTPRoute north-line"] = "a policy forbids it"
    await plant.until_a_serves()
    progressing = plant.condition("Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "HTTPRouteRefused")
    assert "a policy forbids it" in progressing["message"]
    look_after = await plant.reconciler.reconcile(KEY)
    assert look_after is not None
    assert look_after.total_seconds() <= 60
    plant.home.refused.clear()
    await plant.settle()
    assert plant.condition("Progressing")["status"] == "True"
    assert (HTTP_ROUTE, *KEY) in plant.home.objects


async def test_a_region_that_something_keeps_from_being_served_is_looked_at_again_soon() -> None:
    plant = RegionalPlant()
    theirs = {"name": ANCHOR[2], "namespace": "plant-a", "annotations": {}}
    plant.north.put(CONFIG_MAP, {"metadata": theirs})
    await plant.until_a_serves()
    look_after = await plant.settle()
    assert look_after is not None
    assert look_after.total_seconds() <= 60


async def test_what_is_remembered_of_one_cluster_is_not_taken_for_another_that_does_not_answer_yet() -> None:
    plant = RegionalPlant()
    await plant.until_a_serves()
    plant.remotes.clusters["far-cluster"] = InMemoryCluster(writes=plant.home.writes)
    plant.remotes.lost.add("far-cluster")
    plant.ask("a", HERE, {**THERE, "cluster": {"kubeconfigSecret": "far-cluster"}})
    for _ in range(3):
        await plant.reconciler.reconcile(KEY)
        assert "stable" not in plant.region("north")
        assert plant.region("north")["unreachableReason"] == "connection refused"
