"""What somebody else changes or deletes is put right; what belongs to somebody else is left alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.operator.cluster_objects import revision_of, spec_of, weld_model
from tests.unit.operator.plant import KEY, Plant
from weld_api import names
from weld_operator.adapters.cluster import ConflictError
from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, WELD_MODEL, Kind, Object


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
    await plant.until_a_serves()
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
