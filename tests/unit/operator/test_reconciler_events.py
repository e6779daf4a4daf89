"""What happened is told as Events, once."""

from __future__ import annotations

import copy

from tests.unit.operator.cluster_objects import revision_of
from tests.unit.operator.plant import KEY, Plant
from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET


async def test_events_tell_the_story_once(serving: Plant) -> None:
    serving.ask("b")
    await serving.settle()
    serving.serve("b")
    await serving.settle()
    serving.clock.advance(120)
    await serving.settle()
    assert serving.told() == [
        "RevisionStarting",
        "RevisionPromoted",
        "Serving",
        "RevisionStarting",
        "RevisionPromoted",
        "RevisionRemoved",
    ]


async def test_what_somebody_else_undid_is_told_each_time(serving: Plant) -> None:
    serving.cluster.remove(HTTP_ROUTE, *KEY)
    await serving.settle()
    assert serving.told().count("Restored") == 1
    for value in (5, 6):
        body = copy.deepcopy(serving.body(POD_DISRUPTION_BUDGET, revision_of("a")))
        body["spec"]["maxUnavailable"] = value
        serving.cluster.put(POD_DISRUPTION_BUDGET, body)
        await serving.settle()
    assert serving.told().count("Restored") == 3


async def test_neither_defaults_of_others_nor_changes_of_the_user_are_told_as_undone(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(INFERENCE_SERVICE, revision_of("a")))
    body["spec"]["predictor"]["model"]["name"] = ""
    serving.cluster.put(INFERENCE_SERVICE, body)
    await serving.settle()
    serving.ask("a", scaling={"minReplicas": 3})
    await serving.settle()
    serving.restart()
    await serving.settle()
    assert "Restored" not in serving.told()
