"""A WeldModel in two regions, one of them in another cluster, is served in both by the same operator."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.operator.cluster_objects import UID
from tests.unit.operator.in_memory_cluster import CrashError, InMemoryCluster
from tests.unit.operator.regional_plant import BOTH, HERE, KEY, THERE, RegionalPlant, serving_of
from weld_api.names import MODEL_LABEL, REGION_LABEL, REGIONS_FINALIZER, predictor_name
from weld_operator.desired.anchor import HOME_ANNOTATION, INSTALLATION_ANNOTATION, MODEL_UID_ANNOTATION
from weld_operator.kinds import (
    CONFIG_MAP,
    EVENT,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    POD_DISRUPTION_BUDGET,
    WELD_MODEL,
    Object,
)

ANCHOR = (CONFIG_MAP, "plant-a", "north-line.anchor")
LOCAL_PAIR = (
    {"name": "east", "cluster": {"local": {"nodeSelector": {"zone": "e"}}}, "share": 70, "failoverTo": ["west"]},
    {"name": "west", "cluster": {"local": {}}, "share": 30, "failoverTo": ["east"]},
)


@pytest.fixture
async def plant() -> RegionalPlant:
    """Bundle `a` serves in both regions."""
    plant = RegionalPlant()
    await plant.until_a_serves()
    return plant


def _owned(cluster: InMemoryCluster) -> list[tuple[str, str]]:
    """What the operator made in a cluster, but for anchors."""
    kinds = (INFERENCE_SERVICE, HTTP_ROUTE, POD_DISRUPTION_BUDGET)
    return sorted((kind.name, name) for kind, _, name in cluster.objects if kind in kinds)


def _in_region(region: str, letter: str) -> list[tuple[str, str]]:
    service = serving_of(region, letter)
    return [
        ("HTTPRoute", f"north-line-{region}"),
        ("InferenceService", service),
        ("PodDisruptionBudget", service),
    ]


async def test_each_region_has_its_objects_in_its_cluster(plant: RegionalPlant) -> None:
    assert _owned(plant.home) == sorted([("HTTPRoute", "north-line"), *_in_region("south", "a")])
    assert _owned(plant.north) == _in_region("north", "a")
    labels = plant.north.objects[INFERENCE_SERVICE, "plant-a", serving_of("north", "a")]["metadata"]["labels"]
    assert (labels[MODEL_LABEL], labels[REGION_LABEL]) == ("north-line", "north")


async def test_what_is_elsewhere_belongs_to_an_anchor_that_says_whose_it_is(plant: RegionalPlant) -> None:
    about = plant.north.objects[ANCHOR]["metadata"]
    assert (about["annotations"][MODEL_UID_ANNOTATION], about["annotations"][HOME_ANNOTATION]) == (UID, "br")
    for (kind, _, _), body in plant.north.objects.items():
        if kind in (INFERENCE_SERVICE, HTTP_ROUTE, POD_DISRUPTION_BUDGET):
            assert [owner["uid"] for owner in body["metadata"]["ownerReferences"]] == [about["uid"]]
    for (kind, _, _), body in plant.home.objects.items():
        if kind in (INFERENCE_SERVICE, HTTP_ROUTE, POD_DISRUPTION_BUDGET):
            assert [owner["uid"] for owner in body["metadata"]["ownerReferences"]] == [UID]


async def test_the_status_says_how_it_stands_in_each_region_and_in_all(plant: RegionalPlant) -> None:
    assert plant.status["phase"] == "Serving"
    assert plant.condition("Serving")["reason"] == "AllRegionsServing"
    assert {each["name"]: each["stable"]["digest"][0] for each in plant.status["regions"]} == {
        "south": "a",
        "north": "a",
    }
    assert plant.region("north")["kubeconfigSecret"] == "north-cluster"
    assert plant.region("north")["url"] == "http://north-line-north.plant-a.example.com"
    assert plant.status["url"] == "http://north-line.plant-a.example.com"
    assert "revisions" not in plant.status or plant.status["revisions"] == []


async def test_the_rate_is_as_plain_as_without_regions(plant: RegionalPlant) -> None:
    plant.home.objects[WELD_MODEL, "plant-a", "north-line"]["spec"]["workload"]["tick"] = "300ms"
    await plant.reconciler.reconcile(KEY)
    assert plant.status["readingsPerSecond"] == "33333.333"


async def test_nothing_is_written_at_rest(plant: RegionalPlant) -> None:
    before = len(plant.home.writes)
    for _ in range(5):
        plant.clock.advance(600)
        await plant.reconciler.reconcile(KEY)
    assert plant.home.writes[before:] == []


async def test_the_host_of_all_is_divided_by_the_shares_of_regions_in_this_cluster() -> None:
    plant = RegionalPlant()
    await plant.until_a_serves(*LOCAL_PAIR)
    east, west = (predictor_name(serving_of(region, "a")) for region in ("east", "west"))
    weights = plant.weights()
    assert weights.keys() == {east, west}
    assert weights[east] * 30 == weights[west] * 70
    service = plant.home.objects[INFERENCE_SERVICE, "plant-a", serving_of("east", "a")]
    assert service["spec"]["predictor"]["nodeSelector"] == {"zone": "e"}


async def test_a_region_that_is_lost_for_long_is_carried_by_the_other_one_and_has_its_share_back() -> None:
    plant = RegionalPlant()
    await plant.until_a_serves(*LOCAL_PAIR)
    east, west = (predictor_name(serving_of(region, "a")) for region in ("east", "west"))
    await plant.live(60, lost=["east"])
    assert plant.region("east")["outage"]["stage"] == "FailedOver"
    assert plant.weights().keys() == {west}
    assert plant.condition("Serving")["status"] == "True"
    await plant.live(60)
    assert plant.weights().keys() == {west}, "not before it has served for a while"
    await plant.live(360)
    assert plant.weights().keys() == {east, west}
    assert "outage" not in plant.region("east")


async def test_a_cluster_that_is_lost_is_marked_and_delays_no_other(plant: RegionalPlant) -> None:
    plant.remotes.lost.add("north-cluster")
    before = copy.deepcopy(plant.north.objects)
    plant.clock.advance(5)
    await plant.settle()
    north = plant.region("north")
    assert "connection refused" in north["unreachableReason"]
    since = north["unreachableSince"]
    assert north["stable"]["digest"] == "a" * 64
    assert "RegionUnreachable" in plant.told()
    plant.ask("b", *BOTH)
    await plant.settle()
    plant.follow()
    await plant.settle()
    assert plant.region("south")["stable"]["digest"] == "b" * 64
    assert {key: body["spec"] for key, body in plant.north.objects.items() if "spec" in body} == {
        key: body["spec"] for key, body in before.items() if "spec" in body
    }
    assert plant.region("north")["unreachableSince"] == since
    plant.remotes.lost.clear()
    await plant.live(30)
    assert plant.region("north")["stable"]["digest"] == "b" * 64
    assert "unreachableSince" not in plant.region("north")
    assert "RegionReached" in plant.told()


async def test_an_anchor_of_another_installation_is_not_taken_over() -> None:
    plant = RegionalPlant()
    theirs = {"name": "north-line.anchor", "namespace": "plant-a", "annotations": {MODEL_UID_ANNOTATION: "theirs"}}
    plant.north.put(CONFIG_MAP, {"metadata": theirs})
    await plant.until_a_serves()
    assert plant.region("south")["stable"]["digest"] == "a" * 64
    assert plant.region("north")["unreachableReason"] == (
        "ConfigMap north-line.anchor there belongs to somebody else; if that is gone, delete the ConfigMap, and "
        "what it left there goes with it"
    )
    assert _owned(plant.north) == []


async def test_what_an_earlier_weld_model_of_the_name_left_elsewhere_goes_first() -> None:
    plant = RegionalPlant()
    annotations = {MODEL_UID_ANNOTATION: "of-an-earlier-one", INSTALLATION_ANNOTATION: "uid-of-the-lease"}
    left = {"name": "north-line.anchor", "namespace": "plant-a", "annotations": annotations}
    plant.north.put(CONFIG_MAP, {"metadata": left})
    owner = {"kind": "ConfigMap", "name": "north-line.anchor", "uid": plant.north.objects[ANCHOR]["metadata"]["uid"]}
    service = {"name": "north-line-north-old", "namespace": "plant-a", "ownerReferences": [owner]}
    plant.north.put(INFERENCE_SERVICE, {"metadata": service, "spec": {"predictor": {"minReplicas": 1}}})
    await plant.until_a_serves()
    assert plant.north.objects[ANCHOR]["metadata"]["annotations"][MODEL_UID_ANNOTATION] == UID
    assert _owned(plant.north) == _in_region("north", "a")


async def test_a_finalizer_is_there_before_anything_elsewhere_and_only_for_that(plant: RegionalPlant) -> None:
    assert plant.body["metadata"]["finalizers"] == [REGIONS_FINALIZER]
    verbs = [verb for verb, _, _ in plant.home.writes]
    assert verbs.index("apply_finalizers") < next(
        number for number, (verb, kind, name) in enumerate(plant.home.writes) if name == "north-line.anchor"
    )
    plant.ask("a", {**HERE, "share": 100, "failoverTo": []})
    await plant.settle()
    assert plant.body["metadata"]["finalizers"] == []
    local = RegionalPlant()
    await local.until_a_serves(*LOCAL_PAIR)
    assert "finalizers" not in local.body["metadata"]


async def test_a_region_that_is_removed_takes_its_objects_with_it(plant: RegionalPlant) -> None:
    plant.ask("a", {**HERE, "share": 100, "failoverTo": []})
    await plant.settle()
    plant.follow()
    assert plant.north.objects == {}
    assert [each["name"] for each in plant.status["regions"]] == ["south"]
    assert plant.remotes.needed[KEY] == set()


async def test_a_region_that_cannot_be_removed_yet_is_removed_when_its_cluster_is_back(plant: RegionalPlant) -> None:
    plant.remotes.lost.add("north-cluster")
    plant.ask("a", {**HERE, "share": 100, "failoverTo": []})
    await plant.settle()
    assert plant.status["removing"][0]["name"] == "north"
    assert "connection refused" in plant.status["removing"][0]["reason"]
    assert plant.body["metadata"]["finalizers"] == [REGIONS_FINALIZER]
    plant.remotes.lost.clear()
    await plant.settle()
    plant.follow()
    assert plant.north.objects == {}
    assert "removing" not in plant.status or plant.status["removing"] == []


async def test_one_of_two_regions_in_another_cluster_is_removed_alone(plant: RegionalPlant) -> None:
    third = {"name": "far", "cluster": THERE["cluster"], "share": 40}
    await plant.until_a_serves({**HERE, "share": 20}, {**THERE, "share": 40}, third)
    plant.ask("a", {**HERE, "share": 60, "failoverTo": []}, third)
    await plant.settle()
    plant.follow()
    assert _owned(plant.north) == _in_region("far", "a")
    assert ANCHOR in plant.north.objects


async def test_a_deleted_weld_model_is_cleaned_up_elsewhere_first(plant: RegionalPlant) -> None:
    plant.delete()
    assert await plant.settle() is None
    plant.follow()
    assert plant.north.objects == {}
    assert (WELD_MODEL, *KEY) not in plant.home.objects
    assert plant.remotes.needed[KEY] == set()


async def test_a_deleted_weld_model_does_not_wait_for_ever_for_a_cluster_that_is_lost(plant: RegionalPlant) -> None:
    plant.remotes.lost.add("north-cluster")
    plant.delete()
    look_after = await plant.settle()
    assert look_after is not None
    assert (WELD_MODEL, *KEY) in plant.home.objects
    plant.clock.advance(61)
    await plant.settle()
    assert (WELD_MODEL, *KEY) not in plant.home.objects
    left = [body["message"] for (kind, _, _), body in plant.home.objects.items() if kind == EVENT]
    assert any("ConfigMap north-line.anchor in namespace plant-a" in message for message in left)


async def test_what_served_before_there_were_regions_serves_until_they_do() -> None:
    plant = RegionalPlant()
    plant.ask("a")
    await plant.settle()
    plant.follow()
    await plant.settle()
    before = predictor_name("north-line-aaaaaaaa")
    assert plant.weights() == {before: 100}
    plant.ask("a", *BOTH)
    await plant.settle()
    assert plant.weights() == {before: 100}
    await plant.live(30)
    assert plant.weights().keys() == {predictor_name(serving_of("south", "a"))}
    assert _owned(plant.home) == sorted([("HTTPRoute", "north-line"), *_in_region("south", "a")])
    assert plant.status["phase"] == "Serving"


async def test_regions_serve_until_what_is_of_no_region_does(plant: RegionalPlant) -> None:
    plant.ask("a")
    await plant.settle()
    assert plant.weights().keys() == {predictor_name(serving_of("south", "a"))}
    assert _owned(plant.north) == _in_region("north", "a")
    await plant.live(30)
    assert plant.weights() == {predictor_name("north-line-aaaaaaaa"): 100}
    assert plant.north.objects == {}
    assert plant.status["phase"] == "Serving"
    assert plant.status.get("regions", []) == []
    assert plant.body["metadata"]["finalizers"] == []


async def test_a_spec_that_cannot_be_read_leaves_every_region_as_it_is(plant: RegionalPlant) -> None:
    before = (_owned(plant.home), _owned(plant.north))
    body = copy.deepcopy(plant.body)
    body["spec"]["workload"] = {}
    plant.home.put(WELD_MODEL, body)
    await plant.settle()
    assert (_owned(plant.home), _owned(plant.north)) == before
    assert plant.condition("Progressing")["reason"] == "InvalidSpec"
    assert len(plant.status["regions"]) == 2


async def test_what_is_of_a_region_that_nobody_knows_is_deleted(plant: RegionalPlant) -> None:
    stray = copy.deepcopy(plant.home.objects[INFERENCE_SERVICE, "plant-a", serving_of("south", "a")])
    stray["metadata"] |= {"name": "north-line-gone-aaaaaaaa", "uid": "stray"}
    stray["metadata"]["labels"][REGION_LABEL] = "gone"
    plant.home.put(INFERENCE_SERVICE, stray)
    await plant.settle()
    assert (INFERENCE_SERVICE, "plant-a", "north-line-gone-aaaaaaaa") not in plant.home.objects


async def _a_whole_life(plant: RegionalPlant, crash_at: int | None = None) -> bool:
    """Two regions with `a`, then `b`, then one region, then none; at one write the operator is killed.

    Gives whether it was.
    """
    plant.crash_at(crash_at)
    crashed = False

    async def settle() -> None:
        nonlocal crashed
        try:
            await plant.settle()
        except CrashError:
            crashed = True
            plant.crash_at(None)
            plant.clock.advance(7)
            plant.restart()
            await plant.settle()

    plant.ask("a", *BOTH)
    await settle()
    plant.follow()
    await settle()
    plant.ask("b", *BOTH)
    await settle()
    plant.follow()
    await settle()
    plant.clock.advance(120)
    await settle()
    plant.ask("b", {**HERE, "share": 100, "failoverTo": []})
    await settle()
    plant.follow()
    await settle()
    return crashed


def _essence(plant: RegionalPlant) -> dict[str, Any]:
    """Everything but what a clock or a counter gave."""
    essence: dict[str, Any] = {}
    for where, cluster in (("home", plant.home), ("north", plant.north)):
        for (kind, _, name), body in sorted(cluster.objects.items(), key=lambda item: item[0][1:]):
            if kind not in (EVENT, WELD_MODEL):
                essence[f"{where} {kind} {name}"] = (body.get("spec"), body["metadata"].get("labels"))
    return {**essence, "status": _timeless(plant.status), "finalizers": plant.body["metadata"]["finalizers"]}


def _timeless(value: Any) -> Any:
    times = ("lastTransitionTime", "since", "askedAt", "servesSince", "version", "reason")
    match value:
        case dict():
            return {key: _timeless(each) for key, each in value.items() if key not in times}
        case list():
            return [_timeless(each) for each in value]
    return value


async def test_an_operator_killed_at_any_write_leaves_nothing_lost_or_doubled() -> None:
    """Before each write, which is after the one before it."""
    whole = RegionalPlant()
    await _a_whole_life(whole)
    writes = list(whole.home.writes)
    assert len(writes) > 30
    assert whole.north.objects == {}
    told = sorted(_stories(whole))
    for crash_at in range(1, len(writes) + 1):
        plant = RegionalPlant()
        assert await _a_whole_life(plant, crash_at), f"write {crash_at} was never reached"
        about = f"killed at write {crash_at}: {writes[crash_at - 1]}"
        assert _essence(plant) == _essence(whole), about
        assert sorted(_stories(plant)) == told, about


def _stories(plant: RegionalPlant) -> list[tuple[str, str]]:
    events: list[Object] = [body for (kind, _, _), body in plant.home.objects.items() if kind == EVENT]
    return [(event["reason"], event["message"]) for event in events]
