"""Whatever is there, a reconciliation brings about what is asked for, and writes no more than that."""

from __future__ import annotations

import copy
from typing import Any

from tests.unit.operator.cluster_objects import revision_of, spec_of, weld_model
from tests.unit.operator.plant import KEY, Plant
from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE, POD, POD_DISRUPTION_BUDGET, WELD_MODEL, Key, Kind, Object


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


async def test_a_field_that_is_asked_for_no_longer_is_removed(serving: Plant) -> None:
    serving.ask("a", availability={"spreadAcross": []})
    await serving.settle()
    spec = serving.body(INFERENCE_SERVICE, revision_of("a"))["spec"]
    assert spec["predictor"]["topologySpreadConstraints"] == []


async def test_a_weld_model_that_is_gone_or_going_is_left_to_the_garbage_collector(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(WELD_MODEL, "north-line"))
    body["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    serving.cluster.put(WELD_MODEL, body)
    before = list(serving.cluster.writes)
    assert await serving.reconciler.reconcile(KEY) is None
    serving.cluster.remove(WELD_MODEL, *KEY)
    assert await serving.reconciler.reconcile(KEY) is None
    assert serving.cluster.writes == before


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
