"""Whatever happened before, and wherever it was interrupted, a reconciliation brings about what is asked for."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.cluster_objects import TARGET, deployment, pod, revision_of, spec_of, weld_model
from tests.unit.operator.in_memory_cluster import CrashError, InMemoryCluster
from weld_api import names
from weld_operator.adapters.cluster import ConflictError
from weld_operator.kinds import (
    DEPLOYMENT,
    EVENT,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    POD,
    POD_DISRUPTION_BUDGET,
    WELD_MODEL,
    Key,
    Kind,
    Object,
)
from weld_operator.metrics import Metrics
from weld_operator.reconciler import Reconciler

KEY = Key("plant-a", "north-line")


class Plant:
    """An operator, a cluster with one WeldModel, and KServe as far as the operator sees of it."""

    def __init__(self) -> None:
        self.cluster = InMemoryCluster()
        self.clock = HandClock()
        self.restart()

    def restart(self) -> None:
        """Another operator process, which remembers nothing."""
        self.reconciler = Reconciler(self.cluster, self.clock, TARGET, Metrics())

    def ask(self, letter: str, **serving: object) -> None:
        """Apply the WeldModel for this bundle."""
        body = self.cluster.objects.get((WELD_MODEL, *KEY))
        body = weld_model(spec_of(letter, **serving)) if body is None else copy.deepcopy(body)
        body["spec"] = spec_of(letter, **serving)
        self.cluster.put(WELD_MODEL, body)

    def serve(self, letter: str, available: int = 2) -> None:
        """KServe's part: the InferenceService's status and the Deployment, with so many replicas of 2."""
        service = copy.deepcopy(self.cluster.objects[INFERENCE_SERVICE, "plant-a", revision_of(letter)])
        service["status"] = {
            "observedGeneration": service["metadata"]["generation"],
            "conditions": [{"type": "Ready", "status": "True" if available >= 2 else "False"}],
        }
        self.cluster.put(INFERENCE_SERVICE, service)
        body = deployment(letter, available=available, desired=2)
        body["metadata"]["labels"] = service["metadata"]["labels"]
        body["metadata"].pop("generation")
        self.cluster.put(DEPLOYMENT, body)
        made = self.cluster.objects[DEPLOYMENT, "plant-a", f"{revision_of(letter)}-predictor"]
        made["status"]["observedGeneration"] = made["metadata"]["generation"]

    async def settle(self, rounds: int = 4) -> None:
        """Reconcile until nothing is written any more."""
        for _ in range(rounds):
            before = len(self.cluster.writes)
            await self.reconciler.reconcile(KEY)
            if len(self.cluster.writes) == before:
                return
        raise AssertionError(f"still writing after {rounds} rounds: {self.cluster.writes[-5:]}")

    def names(self, kind: Kind) -> list[str]:
        return sorted(name for each, _, name in self.cluster.objects if each == kind)

    def body(self, kind: Kind, name: str) -> Object:
        return self.cluster.objects[kind, "plant-a", name]

    @property
    def status(self) -> Object:
        status: Object = self.body(WELD_MODEL, "north-line")["status"]
        return status

    def condition(self, kind: str) -> Object:
        return next(entry for entry in self.status["conditions"] if entry["type"] == kind)

    def routed(self) -> list[str]:
        rules = self.body(HTTP_ROUTE, "north-line")["spec"]["rules"]
        return [backend["name"] for rule in rules for backend in rule["backendRefs"]]


@pytest.fixture
async def serving() -> Plant:
    """Bundle `a` serves, and nothing is on its way."""
    plant = Plant()
    await _until_a_serves(plant)
    return plant


async def _until_a_serves(plant: Plant) -> None:
    plant.ask("a")
    await plant.settle()
    plant.serve("a")
    await plant.settle()


async def test_a_weld_model_becomes_its_objects(serving: Plant) -> None:
    assert serving.names(INFERENCE_SERVICE) == [revision_of("a")]
    assert serving.names(POD_DISRUPTION_BUDGET) == [revision_of("a")]
    assert serving.names(HTTP_ROUTE) == ["north-line"]
    assert serving.routed() == [f"{revision_of('a')}-predictor"]
    assert serving.status["phase"] == "Serving"
    assert serving.status["stable"] == {"version": "10.0.0", "digest": "a" * 64}
    assert serving.status["replicas"] == {"desired": 2, "ready": 2}
    assert serving.status["readingsPerSecond"] == "100000"
    assert serving.status["url"] == "http://north-line.plant-a.example.com"
    assert serving.condition("Serving")["status"] == "True"
    assert serving.condition("Progressing")["reason"] == "UpToDate"


async def test_nothing_is_written_when_nothing_has_changed(serving: Plant) -> None:
    before = list(serving.cluster.writes)
    for _ in range(5):
        serving.clock.advance(600)
        await serving.reconciler.reconcile(KEY)
    assert serving.cluster.writes == before


async def test_a_restarted_operator_applies_each_object_once_and_changes_none(serving: Plant) -> None:
    before = copy.deepcopy(serving.cluster.objects)
    count = len(serving.cluster.writes)
    serving.restart()
    await serving.settle()
    assert serving.cluster.objects == before
    assert [verb for verb, _, _ in serving.cluster.writes[count:]] == ["apply"] * 3


async def test_a_second_weld_model_of_the_same_name_elsewhere_is_another(serving: Plant) -> None:
    other = weld_model(spec_of("b"))
    other["metadata"] |= {"namespace": "plant-b", "uid": "another-uid"}
    serving.cluster.put(WELD_MODEL, other)
    await serving.reconciler.reconcile(Key("plant-b", "north-line"))
    assert (INFERENCE_SERVICE, "plant-b", revision_of("b")) in serving.cluster.objects
    await serving.settle()
    assert serving.routed() == [f"{revision_of('a')}-predictor"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (INFERENCE_SERVICE, revision_of("a")),
        (POD_DISRUPTION_BUDGET, revision_of("a")),
        (HTTP_ROUTE, "north-line"),
    ],
)
async def test_a_deleted_object_is_made_again(serving: Plant, kind: Kind, name: str) -> None:
    before = copy.deepcopy(serving.body(kind, name))
    serving.cluster.remove(kind, "plant-a", name)
    await serving.reconciler.reconcile(KEY)
    after = serving.body(kind, name)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


@pytest.mark.parametrize(
    ("kind", "name", "field", "value"),
    [
        (INFERENCE_SERVICE, revision_of("a"), ("spec", "predictor", "model", "storageUri"), "pvc://elsewhere/x"),
        (INFERENCE_SERVICE, revision_of("a"), ("spec", "predictor", "minReplicas"), 7),
        (HTTP_ROUTE, "north-line", ("spec", "rules"), []),
        (POD_DISRUPTION_BUDGET, revision_of("a"), ("spec", "maxUnavailable"), 9),
        (HTTP_ROUTE, "north-line", ("metadata", "labels", names.MODEL_LABEL), "stolen"),
        (INFERENCE_SERVICE, revision_of("a"), ("metadata", "labels", names.MODEL_LABEL), "stolen"),
        (INFERENCE_SERVICE, revision_of("a"), ("metadata", "annotations", names.DIGEST_ANNOTATION), "0"),
        (POD_DISRUPTION_BUDGET, revision_of("a"), ("metadata", "ownerReferences", 0, "blockOwnerDeletion"), False),
    ],
)
async def test_an_edited_object_is_put_right(
    serving: Plant, kind: Kind, name: str, field: tuple[Any, ...], value: object
) -> None:
    before = copy.deepcopy(serving.body(kind, name))
    edited = copy.deepcopy(before)
    inner = edited
    for part in field[:-1]:
        inner = inner[part]
    inner[field[-1]] = value
    serving.cluster.put(kind, edited)
    await serving.settle()
    after = serving.body(kind, name)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]
    assert serving.status["phase"] != "Failed"


async def test_what_others_add_stays(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(INFERENCE_SERVICE, revision_of("a")))
    body["spec"]["predictor"]["model"]["name"] = ""
    body["metadata"]["annotations"]["modelFormat"] = "weldserve"
    serving.cluster.put(INFERENCE_SERVICE, body)
    await serving.settle()
    after = serving.body(INFERENCE_SERVICE, revision_of("a"))
    assert after["spec"]["predictor"]["model"]["name"] == ""
    assert after["metadata"]["annotations"]["modelFormat"] == "weldserve"


async def test_a_field_that_is_asked_for_no_longer_is_removed(serving: Plant) -> None:
    serving.ask("a", availability={"spreadAcross": []})
    await serving.settle()
    spec = serving.body(INFERENCE_SERVICE, revision_of("a"))["spec"]
    assert spec["predictor"]["topologySpreadConstraints"] == []


async def test_a_fight_is_left_for_a_while_and_said(serving: Plant) -> None:
    for turn in range(20):
        body = copy.deepcopy(serving.body(POD_DISRUPTION_BUDGET, revision_of("a")))
        body["spec"]["maxUnavailable"] = 5 + turn
        serving.cluster.put(POD_DISRUPTION_BUDGET, body)
        await serving.reconciler.reconcile(KEY)
        serving.clock.advance(1)
    applies = [write for write in serving.cluster.writes if write[1] == POD_DISRUPTION_BUDGET.name]
    assert len(applies) < 14
    assert serving.condition("Progressing")["reason"] == "Contested"
    serving.clock.advance(61)
    await serving.settle()
    assert serving.body(POD_DISRUPTION_BUDGET, revision_of("a"))["spec"]["maxUnavailable"] == 1
    assert serving.condition("Progressing")["reason"] == "UpToDate"


async def test_an_object_of_somebody_else_is_not_taken_over() -> None:
    plant = Plant()
    theirs: Object = {
        "metadata": {"name": "north-line", "namespace": "plant-a", "labels": {"theirs": "yes"}},
        "spec": {"hostnames": ["theirs.example.com"]},
    }
    plant.cluster.put(HTTP_ROUTE, theirs)
    plant.ask("a")
    await plant.settle()
    plant.serve("a")
    await plant.settle()
    assert plant.body(HTTP_ROUTE, "north-line")["spec"] == theirs["spec"]
    assert plant.condition("Progressing")["reason"] == "NameTaken"
    assert "HTTPRoute north-line" in plant.condition("Progressing")["message"]


async def test_an_object_of_the_same_label_and_another_owner_is_not_deleted(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(POD_DISRUPTION_BUDGET, revision_of("a")))
    body["metadata"] |= {"name": "theirs", "ownerReferences": []}
    body["metadata"].pop("uid")
    serving.cluster.put(POD_DISRUPTION_BUDGET, body)
    await serving.settle()
    assert "theirs" in serving.names(POD_DISRUPTION_BUDGET)


async def test_an_object_that_is_still_being_deleted_is_waited_for(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(INFERENCE_SERVICE, revision_of("a")))
    body["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    serving.cluster.put(INFERENCE_SERVICE, body)
    look_after = await serving.reconciler.reconcile(KEY)
    assert look_after is not None
    assert look_after.total_seconds() <= 2
    assert serving.condition("Serving")["status"] == "False"
    serving.cluster.remove(INFERENCE_SERVICE, "plant-a", revision_of("a"))
    await serving.settle()
    assert serving.names(INFERENCE_SERVICE) == [revision_of("a")]


async def test_leftovers_of_a_weld_model_of_the_same_name_are_waited_for() -> None:
    plant = Plant()
    await _until_a_serves(plant)
    for kind in (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, HTTP_ROUTE):
        for name in plant.names(kind):
            body = copy.deepcopy(plant.body(kind, name))
            body["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
            plant.cluster.put(kind, body)
    anew = weld_model(spec_of("a"))
    anew["metadata"]["uid"] = "of-the-new-one"
    plant.cluster.remove(WELD_MODEL, *KEY)
    plant.cluster.put(WELD_MODEL, anew)
    with pytest.raises(ConflictError, match="still being deleted"):
        await plant.reconciler.reconcile(KEY)


async def test_a_weld_model_that_is_gone_or_going_is_left_to_the_garbage_collector(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(WELD_MODEL, "north-line"))
    body["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    serving.cluster.put(WELD_MODEL, body)
    before = list(serving.cluster.writes)
    assert await serving.reconciler.reconcile(KEY) is None
    serving.cluster.remove(WELD_MODEL, *KEY)
    assert await serving.reconciler.reconcile(KEY) is None
    assert serving.cluster.writes == before


async def test_a_missing_kserve_is_said_and_heals() -> None:
    plant = Plant()
    plant.cluster.unserved = {INFERENCE_SERVICE}
    plant.ask("a")
    await plant.settle()
    assert plant.condition("Progressing")["reason"] == "PlatformNotReady"
    plant.cluster.unserved = set()
    plant.clock.advance(10)
    await plant.settle()
    assert plant.names(INFERENCE_SERVICE) == [revision_of("a")]
    assert plant.condition("Progressing")["reason"] == "RevisionStarting"


async def test_a_missing_gateway_api_is_said_and_heals() -> None:
    plant = Plant()
    plant.cluster.unserved = {HTTP_ROUTE}
    await _until_a_serves(plant)
    assert plant.condition("Progressing")["reason"] == "PlatformNotReady"
    plant.cluster.unserved = set()
    await plant.settle()
    assert plant.routed() == [f"{revision_of('a')}-predictor"]


async def test_a_refused_inference_service_is_said_and_the_stable_one_stays(serving: Plant) -> None:
    serving.cluster.refused = {f"InferenceService {revision_of('b')}": 'admission webhook "x" denied the request: no'}
    serving.ask("b")
    await serving.settle()
    assert serving.condition("Progressing")["status"] == "False"
    assert serving.condition("Progressing")["reason"] == "InferenceServiceRefused"
    assert "denied the request: no" in serving.condition("Progressing")["message"]
    assert serving.condition("Serving")["status"] == "True"
    assert serving.routed() == [f"{revision_of('a')}-predictor"]


async def test_a_route_that_cannot_be_written_keeps_its_backend_alive(serving: Plant) -> None:
    serving.ask("b")
    await serving.settle()
    serving.serve("b")
    serving.cluster.refused = {"HTTPRoute north-line": "no"}
    for _ in range(10):
        serving.clock.advance(120)
        await serving.reconciler.reconcile(KEY)
    assert serving.condition("Progressing")["reason"] == "HTTPRouteRefused"
    assert revision_of("a") in serving.names(INFERENCE_SERVICE), "the route still sends requests there"
    serving.cluster.refused = {}
    await serving.settle()
    assert serving.routed() == [f"{revision_of('b')}-predictor"]


async def test_an_invalid_spec_is_said_and_what_runs_stays(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(WELD_MODEL, "north-line"))
    body["spec"]["model"]["sha256"] = "short"
    serving.cluster.put(WELD_MODEL, body)
    await serving.settle()
    assert serving.condition("Progressing")["reason"] == "InvalidSpec"
    assert "spec.model.sha256" in serving.condition("Progressing")["message"]
    assert serving.condition("Serving")["status"] == "True"
    assert serving.routed() == [f"{revision_of('a')}-predictor"]
    serving.cluster.remove(INFERENCE_SERVICE, "plant-a", revision_of("a"))
    await serving.settle()
    assert serving.names(INFERENCE_SERVICE) == [revision_of("a")], "what runs is still kept in shape"


async def test_pods_are_looked_at_only_while_something_is_not_ready(serving: Plant) -> None:
    listed: list[Kind] = []
    whole = serving.cluster.list

    async def noting(kind: Kind, namespace: str | None, labels: Any) -> list[Object]:
        listed.append(kind)
        return await whole(kind, namespace, labels)

    serving.cluster.list = noting  # type: ignore[method-assign]  # to see what is asked for
    await serving.reconciler.reconcile(KEY)
    assert POD not in listed
    serving.ask("b")
    await serving.reconciler.reconcile(KEY)
    await serving.reconciler.reconcile(KEY)
    assert POD in listed


async def test_a_refused_bundle_is_named_within_seconds_and_the_old_version_stays(serving: Plant) -> None:
    serving.ask("b")
    await serving.settle()
    serving.serve("b", available=0)
    ended = {"exitCode": 3, "message": "estimator.skops has another SHA-256 than the manifest says"}
    statuses = [{"name": "kserve-container", "ready": False, "restartCount": 0, "state": {"terminated": ended}}]
    body = pod(containerStatuses=statuses)
    body["metadata"]["labels"] = {"app": f"isvc.{revision_of('b')}-predictor"}
    serving.cluster.put(POD, body)
    await serving.settle()
    progressing = serving.condition("Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "BundleRefused")
    assert "estimator.skops has another SHA-256 than the manifest says" in progressing["message"]
    assert serving.condition("Serving")["status"] == "True"
    assert serving.status["phase"] == "UpdateFailed"
    assert serving.routed() == [f"{revision_of('a')}-predictor"]


async def test_events_tell_the_story_once(serving: Plant) -> None:
    serving.ask("b")
    await serving.settle()
    serving.serve("b")
    await serving.settle()
    serving.clock.advance(120)
    await serving.settle()
    told = [body["reason"] for (kind, _, _), body in serving.cluster.objects.items() if kind == EVENT]
    assert told == [
        "RevisionStarting",
        "RevisionPromoted",
        "Serving",
        "RevisionStarting",
        "RevisionPromoted",
        "RevisionRemoved",
    ]


def _reasons(plant: Plant) -> list[str]:
    return [body["reason"] for (kind, _, _), body in plant.cluster.objects.items() if kind == EVENT]


async def test_what_somebody_else_undid_is_told_each_time(serving: Plant) -> None:
    serving.cluster.remove(HTTP_ROUTE, *KEY)
    await serving.settle()
    assert _reasons(serving).count("Restored") == 1
    for value in (5, 6):
        body = copy.deepcopy(serving.body(POD_DISRUPTION_BUDGET, revision_of("a")))
        body["spec"]["maxUnavailable"] = value
        serving.cluster.put(POD_DISRUPTION_BUDGET, body)
        await serving.settle()
    assert _reasons(serving).count("Restored") == 3


async def test_neither_defaults_of_others_nor_changes_of_the_user_are_told_as_undone(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(INFERENCE_SERVICE, revision_of("a")))
    body["spec"]["predictor"]["model"]["name"] = ""
    serving.cluster.put(INFERENCE_SERVICE, body)
    await serving.settle()
    serving.ask("a", scaling={"minReplicas": 3})
    await serving.settle()
    serving.restart()
    await serving.settle()
    assert "Restored" not in _reasons(serving)


async def _a_whole_switch(plant: Plant, crash_at: int | None = None, *, crash_late: bool = False) -> None:
    """From nothing to `a`, to `b`, to `b` alone; at one write the operator is killed, and another one starts."""
    cluster = plant.cluster
    cluster.crash_at, cluster.crash_late = crash_at, crash_late

    async def settle() -> None:
        try:
            await plant.settle()
        except CrashError:
            cluster.crash_at = None
            plant.clock.advance(7)
            plant.restart()
            await plant.settle()

    plant.ask("a")
    await settle()
    plant.serve("a")
    await settle()
    plant.ask("b")
    await settle()
    plant.serve("b")
    await settle()
    plant.clock.advance(120)
    await settle()


def _essence(plant: Plant) -> dict[str, Any]:
    """Everything but what a clock or a counter gave."""
    essence: dict[str, Any] = {}
    for (kind, _, name), body in sorted(plant.cluster.objects.items(), key=lambda item: item[0][1:]):
        if kind == EVENT:
            continue
        about = body["metadata"]
        essence[f"{kind} {name}"] = (body.get("spec"), about.get("labels"), about.get("ownerReferences"))
    status = copy.deepcopy(plant.status)
    for entry in status["conditions"]:
        del entry["lastTransitionTime"]
    for revision in status["revisions"]:
        del revision["since"], revision["askedAt"]
    return {**essence, "status": status}


def _stories(plant: Plant) -> list[tuple[str, str]]:
    events = [body for (kind, _, _), body in plant.cluster.objects.items() if kind == EVENT]
    return sorted((event["reason"], event["message"]) for event in events)


@pytest.mark.parametrize("crash_late", [False, True], ids=["before", "after"])
async def test_an_operator_killed_at_any_write_leaves_nothing_lost_or_doubled(crash_late: bool) -> None:
    whole = Plant()
    await _a_whole_switch(whole)
    assert len(whole.cluster.writes) > 15
    for crash_at in range(1, len(whole.cluster.writes) + 1):
        plant = Plant()
        await _a_whole_switch(plant, crash_at, crash_late=crash_late)
        assert plant.cluster.crash_at is None, f"write {crash_at} was never reached"
        assert _essence(plant) == _essence(whole), f"killed at write {crash_at}: {whole.cluster.writes[crash_at - 1]}"
        assert _stories(plant) == _stories(whole), f"killed at write {crash_at}: {whole.cluster.writes[crash_at - 1]}"


async def test_a_lost_status_is_found_again_from_what_exists(serving: Plant) -> None:
    serving.ask("b")
    await serving.settle()
    serving.serve("b", available=0)
    body = copy.deepcopy(serving.body(WELD_MODEL, "north-line"))
    del body["status"]
    serving.cluster.put(WELD_MODEL, body)
    serving.restart()
    await serving.settle()
    phases = {revision["name"]: revision["phase"] for revision in serving.status["revisions"]}
    assert phases == {revision_of("a"): "Stable", revision_of("b"): "Pending"}
    assert serving.names(INFERENCE_SERVICE) == [revision_of("a"), revision_of("b")]
    assert serving.routed() == [f"{revision_of('a')}-predictor"]
