"""The way of a candidate from shadow to promotion, or back, as the cluster shows it."""

from __future__ import annotations

import copy
import json
from datetime import timedelta

import pytest

from tests.unit.operator.cluster_objects import digest, revision_of
from tests.unit.operator.plant import KEY, Plant
from tests.unit.operator.rollouts import ROLLOUT, plant_with_a_serving, plant_with_b_on_trial
from weld_api.action import ACTION_ANNOTATION
from weld_api.names import predictor_name
from weld_api.shadow import SHADOW_FILE, ShadowOrder, shadow_name
from weld_operator.adapters.cluster import UnreachableError
from weld_operator.kinds import CONFIG_MAP, EVENT, INFERENCE_SERVICE, WELD_MODEL, Kind, Object

A, B, C = (predictor_name(revision_of(letter)) for letter in "abc")
SHADOW_OF_A = shadow_name(revision_of("a"))


def _told(plant: Plant) -> list[str]:
    return [body["message"] for (kind, _, _), body in plant.cluster.objects.items() if kind == EVENT]


def _progress(plant: Plant) -> tuple[str, str, str]:
    entry = plant.condition("Progressing")
    return entry["status"], entry["reason"], entry["message"]


def _stable(plant: Plant) -> str:
    return str(plant.status["stable"]["digest"][0])


def _floor(plant: Plant, letter: str) -> int:
    return int(plant.body(INFERENCE_SERVICE, revision_of(letter))["spec"]["predictor"]["minReplicas"])


async def test_the_first_bundle_is_not_tried_and_that_is_told() -> None:
    plant = await plant_with_a_serving()
    assert _stable(plant) == "a"
    assert plant.weights() == {A: 100}
    assert "rollout" not in plant.status
    assert any("it is the first, so that there is nothing to try it against" in text for text in _told(plant))


async def test_a_candidate_goes_through_every_phase_and_step_and_is_promoted() -> None:
    plant = await plant_with_b_on_trial()
    seen: list[tuple[str, dict[str, int]]] = []
    for _ in range(100):
        await plant.live(5)
        here = (plant.trial_phase, plant.weights())
        if here not in seen:
            seen.append(here)
        assert sum(plant.weights().values()) == 100
        assert [each["phase"] for each in plant.status["revisions"]].count("Stable") == 1
        if plant.trial_phase == "Idle":
            break
    assert [each for each in seen if each[0] != "Promoting"] == [
        ("Shadow", {A: 100}),
        ("Canary 1", {A: 90, B: 10}),
        ("Canary 2", {A: 50, B: 50}),
        ("Idle", {B: 100}),
    ]
    assert _stable(plant) == "b"
    assert "candidate" not in plant.status
    assert [each["outcome"] for each in plant.status["history"]] == ["Promoted"]
    assert plant.status["phase"] == "Serving"
    assert plant.told().count("RevisionPromoted") == 2
    await plant.live(90)
    assert plant.names(INFERENCE_SERVICE) == [revision_of("b")]


async def test_nothing_is_written_or_asked_once_a_rollout_is_over() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Idle")
    await plant.live(120)
    writes, asked = list(plant.cluster.writes), len(plant.source.asked)
    plant.clock.advance(3600)
    assert await plant.reconciler.reconcile(KEY) == timedelta.max
    await plant.settle()
    assert plant.cluster.writes == writes
    assert len(plant.source.asked) == asked


async def test_the_stable_revision_is_told_whom_it_shadows_as_long_as_it_does() -> None:
    plant = await plant_with_b_on_trial()
    order = ShadowOrder.model_validate_json(plant.body(CONFIG_MAP, SHADOW_OF_A)["data"][SHADOW_FILE])
    assert (order.digest, order.version, order.share) == (digest("b"), "11.0.0", 50)
    assert order.addresses == ("10.0.11.0:8080", "10.0.11.1:8080")
    plant.serve("b", available=1)
    await plant.settle()
    order = ShadowOrder.model_validate_json(plant.body(CONFIG_MAP, SHADOW_OF_A)["data"][SHADOW_FILE])
    assert order.addresses == ("10.0.11.0:8080",)
    await plant.live_until("Idle")
    assert plant.names(CONFIG_MAP) == []


async def test_a_shadow_s_order_that_somebody_edits_or_deletes_is_put_right() -> None:
    plant = await plant_with_b_on_trial()
    before = copy.deepcopy(plant.body(CONFIG_MAP, SHADOW_OF_A)["data"])
    edited = copy.deepcopy(plant.body(CONFIG_MAP, SHADOW_OF_A))
    edited["data"] = {SHADOW_FILE: "{}"}
    plant.cluster.put(CONFIG_MAP, edited)
    await plant.settle()
    assert plant.body(CONFIG_MAP, SHADOW_OF_A)["data"] == before
    plant.cluster.remove(CONFIG_MAP, "plant-a", SHADOW_OF_A)
    await plant.settle()
    assert plant.body(CONFIG_MAP, SHADOW_OF_A)["data"] == before
    assert plant.told().count("Restored") == 2


async def test_a_gate_that_fails_takes_the_candidate_back_and_it_is_not_tried_again() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 2")
    plant.source.failing = 20
    await plant.live_until("RolledBack", seconds=60)
    assert plant.weights() == {A: 100}
    assert plant.status["phase"] == "RolledBack"
    status, reason, message = _progress(plant)
    assert (status, reason) == ("False", "RolledBack")
    assert "errors" in message
    assert [each["digest"] for each in plant.status["rejected"]] == [digest("b")]
    assert [each["outcome"] for each in plant.status["history"]] == ["RolledBack"]
    assert _stable(plant) == "a"
    plant.source.failing = 0
    await plant.live(120)
    assert plant.names(INFERENCE_SERVICE) == [revision_of("a")]
    assert plant.names(CONFIG_MAP) == []
    plant.ask("b", scaling={"minReplicas": 3})
    await plant.live(600, step=30)
    assert plant.names(INFERENCE_SERVICE) == [revision_of("a")], "whatever else changes in the spec"
    plant.ask("a")
    await plant.settle()
    assert "rejected" not in plant.status or not plant.status["rejected"]
    assert plant.status["phase"] == "Serving"


async def test_without_evidence_nothing_moves_until_the_deadline() -> None:
    plant = await plant_with_b_on_trial()
    plant.source.fault = "the source is unreachable"
    await plant.live(300)
    assert plant.trial_phase == "Shadow"
    assert _progress(plant)[1] == "Shadowing"
    await plant.live_until("RolledBack", seconds=120)
    assert plant.status["rejected"][0]["reason"] == "DeadlineExceeded"


async def test_a_source_that_hangs_or_breaks_stops_no_reconciliation() -> None:
    plant = await plant_with_b_on_trial()
    plant.source.is_broken = True
    await plant.live(60)
    assert plant.trial_phase == "Shadow"
    plant.source.is_broken, plant.source.is_stuck = False, True
    for _ in range(5):
        plant.clock.advance(10)
        await plant.reconciler.reconcile(KEY)
    plant.ask("a")
    await plant.settle()
    assert plant.weights() == {A: 100}
    assert "candidate" not in plant.status


async def test_a_candidate_is_taken_back_though_no_event_can_be_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 2")
    plant.source.failing = 20

    async def unreachable(kind: Kind, body: Object) -> Object:
        raise UnreachableError(f"no answer to the creation of {kind} {body['metadata']['name']}")

    monkeypatch.setattr(plant.cluster, "create", unreachable)
    await plant.live_until("RolledBack", seconds=60)
    assert plant.weights() == {A: 100}


async def test_a_third_bundle_ends_the_trial_and_starts_its_own_against_the_stable_one() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 2")
    plant.ask("c")
    await plant.settle()
    assert plant.weights() == {A: 100}
    assert plant.trial_phase == "Shadow"
    assert plant.status["rollout"]["digest"] == digest("c")
    phases = {each["digest"][0]: each["phase"] for each in plant.status["revisions"]}
    assert phases == {"a": "Stable", "b": "Retiring", "c": "Pending"}
    assert [each["outcome"] for each in plant.status["history"]] == ["Superseded"]
    await plant.live_until("Idle")
    assert plant.weights() == {C: 100}


async def test_back_to_the_stable_bundle_ends_the_trial() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 1")
    await plant.live(10)
    plant.ask("a")
    await plant.settle()
    assert plant.weights() == {A: 100}
    assert plant.status["phase"] == "Serving"
    await plant.live(120)
    assert plant.names(INFERENCE_SERVICE) == [revision_of("a")]
    assert _floor(plant, "a") == 2


async def test_a_candidate_that_was_deleted_is_rebuilt_and_its_step_starts_over() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 2")
    await plant.live(20)
    plant.cluster.remove(INFERENCE_SERVICE, "plant-a", revision_of("b"))
    await plant.settle()
    assert plant.weights() == {A: 100}
    assert plant.names(INFERENCE_SERVICE) == [revision_of("a"), revision_of("b")]
    assert plant.trial_phase == "Canary 2"
    assert plant.status["rollout"].get("measuredFrom") is None
    await plant.live_until("Idle")
    assert plant.weights() == {B: 100}


async def test_a_candidate_answers_everything_while_no_stable_replica_does() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 1")
    await plant.live(20)
    plant.serve("a", available=0)
    await plant.settle()
    assert plant.weights() == {B: 100}
    assert plant.condition("Serving")["reason"] == "CandidateAnswers"
    assert _stable(plant) == "a", "that promotes nothing"
    plant.serve("a")
    await plant.settle()
    assert plant.weights()[A] == 90


async def test_taking_the_rollout_away_lets_the_candidate_answer_untried() -> None:
    plant = await plant_with_b_on_trial()
    plant.rollout = None
    plant.ask("b")
    await plant.settle()
    assert plant.weights() == {B: 100}
    assert plant.names(CONFIG_MAP) == []


async def test_gates_and_scaling_are_changed_in_flight_without_a_new_trial() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 1")
    started = plant.status["rollout"]["started"]
    plant.rollout = {**ROLLOUT, "gates": ROLLOUT["gates"][:1], "analysis": {"interval": "5s"}}
    plant.ask("b", scaling={"minReplicas": 3, "maxReplicas": 6})
    await plant.settle()
    assert plant.trial_phase == "Canary 1"
    assert plant.status["rollout"]["started"] == started
    assert _floor(plant, "b") == 3
    assert "rollout" not in plant.status["revisions"][1]["spec"]
    await plant.live_until("Idle")


async def test_the_candidate_grows_with_its_share_and_the_stable_one_keeps_its_size() -> None:
    plant = await plant_with_a_serving()
    plant.ask("b", scaling={"minReplicas": 1, "maxReplicas": 10})
    plant.serve("a", available=4, desired=4)
    await plant.settle()
    sizes: dict[str, tuple[int, int]] = {}
    for _ in range(100):
        plant.serve("b", *[_floor(plant, "b")] * 2)
        plant.serve("a", *[max(_floor(plant, "a"), 2)] * 2)
        await plant.settle()
        if plant.trial_phase == "Idle":
            break
        sizes[plant.trial_phase] = (_floor(plant, "a"), _floor(plant, "b"))
        plant.clock.advance(5)
    assert sizes["Shadow"] == (4, 1)
    assert sizes["Canary 1"] == (4, 1)
    assert sizes["Canary 2"] == (4, 2)
    assert _floor(plant, "b") == 4, "all of them before it takes over all"
    plant.clock.advance(120)
    await plant.settle()
    assert _floor(plant, "b") == 1, "its autoscaler knows its load"


async def test_a_candidate_that_is_rolled_back_does_not_grow_again() -> None:
    plant = await plant_with_a_serving()
    plant.ask("b", scaling={"minReplicas": 1, "maxReplicas": 10})
    plant.serve("a", available=4, desired=4)
    await plant.settle()
    await plant.live_until("Canary 2")
    await plant.live(10)
    assert _floor(plant, "b") == 2
    plant.source.failing = 30
    while plant.trial_phase != "RolledBack":
        await plant.live(5)
    writes = [write for write in plant.cluster.writes if write[1:] == ("InferenceService", revision_of("b"))]
    await plant.live(40)
    assert _floor(plant, "b") in (1, 2)
    after = [write for write in plant.cluster.writes if write[1:] == ("InferenceService", revision_of("b"))]
    assert after == writes, "a revision that retires is left as it is"


async def test_what_people_do_is_carried_out_once_and_told_with_who_and_why() -> None:
    plant = await plant_with_b_on_trial({**ROLLOUT, "approval": "Manual"})
    await plant.live_until("AwaitingApproval")
    assert plant.status["phase"] == "AwaitingApproval"
    await plant.live(60)
    assert plant.trial_phase == "AwaitingApproval"
    plant.act("promote", "b")
    await plant.live_until("Idle")
    assert plant.status["lastAction"] == "act-1"
    assert plant.status["history"][-1]["by"]["by"] == "ann"
    assert sum("by ann: the shift's end" in text for text in _told(plant)) == 1


async def test_an_abort_takes_the_candidate_back_at_once() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 1")
    await plant.live(10)
    plant.act("abort", "b")
    await plant.settle()
    assert plant.weights() == {A: 100}
    assert plant.trial_phase == "RolledBack"
    assert plant.status["history"][-1]["outcome"] == "Aborted"


async def test_an_act_about_nothing_is_refused_once() -> None:
    plant = await plant_with_a_serving()
    plant.act("promote", "b")
    await plant.settle()
    assert plant.told().count("ActRefused") == 1
    writes = list(plant.cluster.writes)
    await plant.settle()
    plant.restart()
    await plant.settle()
    assert plant.told().count("ActRefused") == 1
    assert [write for write in plant.cluster.writes[len(writes) :] if write[0] != "apply"] == []


@pytest.mark.parametrize("text", ["promote", "{}", json.dumps({"verb": "fly"}), "[" * 2000])
async def test_an_act_that_cannot_be_read_is_told_once_and_changes_nothing(text: str) -> None:
    plant = await plant_with_b_on_trial()
    body = copy.deepcopy(plant.body(WELD_MODEL, "north-line"))
    body["metadata"].setdefault("annotations", {})[ACTION_ANNOTATION] = text
    plant.cluster.put(WELD_MODEL, body)
    await plant.settle()
    await plant.settle()
    assert plant.told().count("ActRefused") == 1
    assert plant.trial_phase == "Shadow"


async def test_an_unreadable_spec_leaves_the_trial_and_its_shadow_as_they_are() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 1")
    await plant.live(10)
    before = (plant.weights(), plant.names(CONFIG_MAP), plant.names(INFERENCE_SERVICE))
    body = copy.deepcopy(plant.body(WELD_MODEL, "north-line"))
    del body["spec"]["model"]
    plant.cluster.put(WELD_MODEL, body)
    await plant.settle()
    assert (plant.weights(), plant.names(CONFIG_MAP), plant.names(INFERENCE_SERVICE)) == before
    assert plant.condition("Progressing")["reason"] == "InvalidSpec"


async def test_where_a_trial_is_stands_in_the_condition() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live(25)
    assert _progress(plant) == ("True", "Shadowing", "Shadow, 20 s of 1 min, errors 0 % (n = 100,000)")
    assert plant.status["phase"] == "Trial"
    await plant.live_until("Canary 2")
    await plant.live(30)
    status, reason, message = _progress(plant)
    assert (status, reason) == ("True", "CanaryStep")
    assert message.startswith("2 of 2: 50 %, ")
    assert "of 1 min" in message


async def test_the_operator_s_metrics_tell_of_the_trial_and_forget_it_with_the_weld_model() -> None:
    plant = await plant_with_b_on_trial()
    await plant.live_until("Canary 1")
    await plant.live(20)
    text = plant.metrics.exposition().decode()
    about = 'weldmodel="north-line",weldmodel_namespace="plant-a"'
    assert f'weldserve_operator_trial_phase{{phase="Canary",{about}}} 1.0' in text
    assert f"weldserve_operator_trial_weight{{{about}}} 10.0" in text
    assert f'weldserve_operator_trial_verdict{{gate="errors",verdict="Pass",{about}}} 1.0' in text
    await plant.live_until("Idle")
    assert 'weldserve_operator_trials_ended_total{outcome="Promoted"} 1.0' in plant.metrics.exposition().decode()
    plant.cluster.remove(WELD_MODEL, *KEY)
    await plant.reconciler.reconcile(KEY)
    assert "north-line" not in plant.metrics.exposition().decode()


async def test_scaling_reaches_the_stable_revision_while_a_bundle_is_asked_for_that_was_rolled_back() -> None:
    plant = await plant_with_b_on_trial()
    plant.source.failing = 50_000
    await plant.live_until("RolledBack")
    plant.ask("b", scaling={"minReplicas": 3, "maxReplicas": 9})
    await plant.settle()
    predictor = plant.body(INFERENCE_SERVICE, revision_of("a"))["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (3, 9)
    assert (plant.trial_phase, _stable(plant)) == ("RolledBack", "a")
