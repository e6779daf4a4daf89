"""Wherever the operator is interrupted, the next one goes on as if nothing had happened."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.operator.cluster_objects import revision_of
from tests.unit.operator.in_memory_cluster import CrashError
from tests.unit.operator.plant import KEY, Plant
from tests.unit.operator.rollouts import ROLLOUT
from weld_operator.kinds import EVENT, HTTP_ROUTE, INFERENCE_SERVICE, WELD_MODEL, Object

WHOLE_ROLLOUT_SECONDS = 180
SHORT_ROLLOUT: Object = {
    **ROLLOUT,
    "shadow": {"for": "20s"},
    "steps": [{"weight": 10, "hold": "20s"}, {"weight": 50, "hold": "20s"}],
}


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
        essence[f"{kind} {name}"] = (
            body.get("spec"),
            body.get("data"),
            about.get("labels"),
            about.get("ownerReferences"),
        )
    status = copy.deepcopy(plant.status)
    for entry in status["conditions"]:
        del entry["lastTransitionTime"]
    for revision in status["revisions"]:
        del revision["since"], revision["askedAt"]
    # When the endpoints changed; its digest says what they are.
    del status["endpoints"]["version"]
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


async def _a_whole_rollout(
    plant: Plant, crash_at: int | None = None, *, crash_late: bool = False, fails_at: str = ""
) -> list[str]:
    """From `a` to `b` through shadow and steps; from the phase `fails_at` on a gate fails.

    At one write the operator is killed, and another one starts. Gives the phases with their weights.
    """
    plant.rollout = SHORT_ROLLOUT
    plant.cluster.crash_at, plant.cluster.crash_late = crash_at, crash_late
    journey: list[str] = []

    def note() -> None:
        if (WELD_MODEL, *KEY) in plant.cluster.objects and "status" in plant.body(WELD_MODEL, "north-line"):
            weight = plant.weights().get(f"{revision_of('b')}-predictor", 0) if plant.names(HTTP_ROUTE) else 0
            journey.append(f"{plant.trial_phase} {weight}")

    async def settle() -> None:
        try:
            await plant.settle()
        except CrashError:
            plant.cluster.crash_at = None
            plant.restart()
            note()
            await plant.settle()
        note()

    plant.ask("a")
    await settle()
    plant.serve("a")
    await settle()
    plant.ask("b")
    await settle()
    while plant.clock.elapsed < WHOLE_ROLLOUT_SECONDS:
        plant.follow()
        await settle()
        plant.clock.advance(10)
        plant.source.failing = 20 if plant.trial_phase == fails_at or plant.source.failing else 0
    return journey


def _steps(journey: list[str]) -> list[str]:
    """The phases and weights in their order, each once as long as it lasts."""
    return [each for number, each in enumerate(journey) if number == 0 or journey[number - 1] != each]


@pytest.mark.parametrize("fails_at", ["", "Canary 2"], ids=["promoted", "rolled back"])
@pytest.mark.parametrize("crash_late", [False, True], ids=["before", "after"])
async def test_an_operator_killed_at_any_write_of_a_rollout_skips_and_repeats_no_step(
    crash_late: bool, fails_at: str
) -> None:
    whole = Plant()
    steps = _steps(await _a_whole_rollout(whole, fails_at=fails_at))
    writes = list(whole.cluster.writes)
    assert whole.trial_phase == ("RolledBack" if fails_at else "Idle")
    for crash_at in range(1, len(writes) + 1):
        plant = Plant()
        journey = _steps(await _a_whole_rollout(plant, crash_at, crash_late=crash_late, fails_at=fails_at))
        about = f"killed at write {crash_at}: {writes[crash_at - 1]}"
        assert plant.cluster.crash_at is None, f"write {crash_at} was never reached"
        assert _essence(plant) == _essence(whole), about
        assert _stories(plant) == _stories(whole), about
        assert [each for each in journey if each in steps] == steps, f"{about}: {journey}"
        assert plant.status["history"] == whole.status["history"], about


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
