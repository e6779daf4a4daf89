"""The way of one candidate: shadow, steps, promotion, and every way back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator.rollout.trials import SPEED, START, STEPS, A, B, C, Trials, rollout, verdict
from weld_api.rollout_status import Rejection
from weld_api.status import BundleReference
from weld_operator.domain.rollout.trial import Memory


def test_a_good_candidate_is_shadowed_goes_through_the_steps_and_is_promoted() -> None:
    trials = Trials()
    trials.until("Idle", 2)
    assert list(dict.fromkeys(trials.shares)) == [0, 10, 50]
    assert trials.told == ["TrialShadow", "GatePass", "TrialStep", "GatePass", "TrialStep", "GatePass", "GatePass",
                           "TrialPassed", "TrialPromoted"]  # fmt: skip
    (past,) = trials.memory.history
    assert (past.outcome, past.version, past.started) == ("Promoted", "2.0.0", START)
    assert trials.sight.stable == B
    assert trials.memory.rejected == ()


def test_each_phase_holds_for_its_time() -> None:
    trials = Trials()
    trials.step()
    trials.step()
    trials.wait(299)
    assert trials.place == ("Shadow", 0)
    trials.wait(10)
    assert trials.place == ("Canary", 1)
    trials.wait(59)
    assert trials.place == ("Canary", 1)
    trials.wait(20)
    assert trials.place == ("Canary", 2)


def test_without_shadow_it_begins_at_the_first_step() -> None:
    trials = Trials(spec=rollout(shadow=None))
    trials.step()
    assert trials.place == ("Canary", 1)
    assert not trials.step().shadows


def test_with_shadow_alone_it_is_promoted_after_it() -> None:
    trials = Trials(spec=rollout(steps=[]))
    trials.until("Idle", 0)
    assert set(trials.shares) == {0}


def test_it_is_shadowed_all_through_the_trial() -> None:
    trials = Trials()
    trials.step()
    assert trials.step().shadows
    trials.until("Canary", 2)
    assert trials.step().shadows


def test_the_first_bundle_answers_as_soon_as_it_is_ready() -> None:
    trials = Trials()
    assert not trials.step(stable=None, answers=False).promotes
    assert trials.step(answers=True).promotes
    assert trials.memory == Memory()


def test_without_a_rollout_a_candidate_answers_as_soon_as_it_is_ready() -> None:
    trials = Trials(spec=None)
    assert not trials.step(can_take_all=False).promotes
    assert trials.step(can_take_all=True).promotes


def test_shadow_needs_its_number_of_compared_readings() -> None:
    trials = Trials()
    trials.sight = replace(trials.sight, compared=99)
    trials.wait(1_000)
    assert (trials.place, trials.state.reason) == (("Shadow", 0), "ComparingReadings")
    trials.step(compared=100)
    assert trials.place == ("Canary", 1)


@pytest.mark.parametrize(("phase", "step"), [("Shadow", 0), ("Canary", 1), ("Canary", 2)])
def test_a_gate_that_fails_rolls_back_and_the_bundle_is_rejected(phase: str, step: int) -> None:
    trials = Trials()
    trials.until(phase, step)
    trials.wait(20)
    trials.says = "Fail"
    trials.step()
    assert trials.place[0] == "RollingBack"
    assert "errors says Fail" in trials.state.message
    found = trials.step()
    assert found.weight == 0
    trials.step()
    assert trials.place[0] == "RolledBack"
    assert [each.digest for each in trials.memory.rejected] == [B.digest]
    assert trials.memory.history[-1].outcome == "RolledBack"
    assert not trials.step().wants_candidate


def test_a_rejected_bundle_is_not_tried_again_whatever_else_the_spec_says() -> None:
    trials = Trials(says="Fail")
    trials.until("RolledBack", 0)
    trials.says = "Pass"
    trials.spec = rollout(gates=[{"name": "errors", "errorRate": {"max": 0.5}}], deadline=None)
    trials.wait(100_000, every=1_000)
    assert trials.place == ("RolledBack", 0)
    trials.spec = None
    found = trials.wait(1_000)
    assert not found.promotes
    assert not found.wants_candidate


def test_a_rejected_bundle_stays_rejected_when_the_rest_of_the_state_is_lost() -> None:
    rejection = Rejection(digest=B.digest, version="2.0.0", at=START, reason="GateFailed", message="too slow")
    trials = Trials(memory=Memory(rejected=(rejection,)))
    assert not trials.step().wants_candidate
    assert (trials.place, trials.state.message) == (("RolledBack", 0), "too slow")


def test_back_to_a_rejected_bundle_after_another_was_asked_for_is_a_new_trial() -> None:
    trials = Trials(says="Fail")
    trials.until("RolledBack", 0)
    trials.says = "Pass"
    trials.step(asked=A)
    assert trials.memory.rejected == ()
    trials.step(asked=B)
    assert trials.place == ("Shadow", 0)


def test_evidence_that_does_not_come_neither_promotes_nor_rolls_back_before_the_deadline() -> None:
    trials = Trials(says="InsufficientEvidence")
    trials.until("Shadow", 0)
    trials.wait(300 + 3_600 - 20)
    assert (trials.place, trials.state.reason) == (("Shadow", 0), "WaitingForEvidence")
    trials.wait(30)
    assert trials.state.reason == "DeadlineExceeded"
    trials.step()
    assert trials.place == ("RolledBack", 0)
    assert "evidence of errors" in trials.memory.rejected[0].message


def test_after_a_deadline_that_holds_it_goes_on_when_the_evidence_comes() -> None:
    trials = Trials(spec=rollout(deadline={"per": "1h", "then": "Hold"}), says="InsufficientEvidence")
    trials.wait(90_000, every=100)
    assert (trials.place, trials.state.reason) == (("Shadow", 0), "DeadlinePassed")
    trials.says = "Pass"
    trials.step()
    assert trials.place == ("Canary", 1)


def test_gates_that_were_not_judged_just_now_promote_nothing() -> None:
    trials = Trials()
    trials.step()
    trials.step()
    trials.now += timedelta(hours=1) - timedelta(seconds=1)
    trials.step(verdicts=None)
    assert trials.place == ("Shadow", 0)


def test_a_gate_that_is_missing_among_the_verdicts_promotes_nothing() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(20)
    trials.now += timedelta(minutes=5)
    trials.step(verdicts={"errors": verdict("errors", "Pass")})
    assert trials.place == ("Canary", 2)
    trials.step(verdicts={gate: verdict(gate, "Pass") for gate in ("errors", "speed")})
    assert trials.place == ("Promoting", 2)


def test_it_is_not_measured_before_the_candidate_is_ready_and_its_weight_in_force() -> None:
    trials = Trials(spec=rollout(shadow=None))
    trials.wait(100, is_ready=False)
    assert trials.state.measured_from is None
    assert trials.shares[-1] == 0
    trials.step(is_ready=True)
    trials.step(weight=0)
    assert trials.state.measured_from is None
    trials.step()
    assert trials.state.measured_from == trials.now


def test_a_higher_weight_waits_for_the_replicas_that_it_needs() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(30, is_ready=False)
    assert trials.shares[-1] == 10
    trials.step(is_ready=True)
    assert trials.shares[-1] == 50


def test_a_candidate_that_dies_gets_no_requests_and_its_step_starts_over() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(90)
    trials.wait(30, answers=False, is_ready=False)
    assert (trials.shares[-1], trials.state.reason) == (0, "Starting")
    assert "CandidateGone" in trials.told
    trials.wait(60, answers=True, is_ready=True)
    assert trials.place == ("Canary", 2)
    trials.wait(90)
    assert trials.place[0] in ("Promoting", "Idle")


def test_a_candidate_that_comes_and_goes_has_no_time_without_end() -> None:
    trials = Trials(spec=rollout(shadow=None))
    for _ in range(200):
        trials.wait(20, answers=True, is_ready=True)
        trials.wait(20, answers=False, is_ready=False)
    assert trials.place[0] == "RolledBack"


def test_while_no_stable_replica_answers_the_candidate_of_a_step_answers_everything() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    trials.wait(20)
    trials.wait(600, stable_answers=False)
    assert trials.shares[-1] == 100
    assert trials.place == ("Canary", 1)
    trials.step(stable_answers=True)
    assert trials.shares[-1] == 10


def test_in_the_shadow_it_answers_nothing_even_when_nobody_else_does() -> None:
    trials = Trials()
    trials.wait(30)
    trials.wait(30, stable_answers=False)
    assert set(trials.shares) == {0}


def test_a_bundle_that_cannot_start_fails_is_not_rejected_and_begins_when_it_can() -> None:
    trials = Trials()
    trials.step(is_ready=False, answers=False)
    trials.step(fault="the digest is another one")
    assert (trials.place, trials.state.message) == (("Failed", 0), "the digest is another one")
    assert trials.memory.rejected == ()
    trials.step(fault="", is_ready=True, answers=True)
    assert trials.place == ("Shadow", 0)


def test_a_bundle_that_breaks_after_it_was_measured_is_rolled_back() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(20)
    trials.step(fault="the digest is another one", answers=False, is_ready=False)
    assert (trials.place[0], trials.state.reason) == ("RollingBack", "CandidateBroken")


def test_another_bundle_supersedes_the_trial() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    found = trials.step(asked=C)
    assert found.weight == 0
    assert trials.place == ("Shadow", 0)
    assert (trials.state.digest, trials.memory.history[-1].outcome) == (C.digest, "Superseded")


def test_back_to_the_stable_bundle_ends_the_trial() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    found = trials.step(asked=A)
    assert (found.weight, found.promotes, found.shadows) == (0, False, False)
    assert trials.memory.rollout is None
    assert trials.memory.history[-1].outcome == "Superseded"
    assert "TrialSuperseded" in trials.told


def test_a_rollout_that_goes_from_the_spec_leaves_the_candidate_untried() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    trials.spec = None
    found = trials.step(can_take_all=False)
    assert (found.weight, found.promotes) == (0, False)
    assert trials.step(can_take_all=True).promotes
    assert trials.memory.history[-1].outcome == "Superseded"


EDITS: list[tuple[str, int, dict[str, Any], tuple[str, int]]] = [
    ("Shadow", 0, {"shadow": None}, ("Canary", 1)),
    ("Canary", 2, {"steps": STEPS[:1]}, ("Canary", 1)),
    ("Canary", 2, {"steps": []}, ("Shadow", 0)),
    ("Canary", 1, {"steps": [{"weight": 20, "hold": "1m"}]}, ("Canary", 1)),
    ("Canary", 1, {"gates": []}, ("Canary", 1)),
]


@pytest.mark.parametrize(("phase", "step", "change", "then"), EDITS)
def test_a_rollout_that_is_edited_in_flight_goes_on_where_the_spec_still_has_it(
    phase: str, step: int, change: dict[str, Any], then: tuple[str, int]
) -> None:
    trials = Trials()
    trials.until(phase, step)
    trials.wait(20)
    trials.spec = rollout(**change)
    trials.step()
    assert trials.place == then
    trials.until("Idle", len(trials.spec.steps))


def test_a_weight_that_is_edited_holds_from_its_beginning() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    trials.wait(50)
    trials.spec = rollout(steps=[{"weight": 20, "hold": "1m"}, STEPS[1]])
    trials.step()
    trials.wait(50)
    assert (trials.place, trials.shares[-1]) == (("Canary", 1), 20)


def test_changed_thresholds_count_from_the_next_look_on_and_start_nothing() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    started = trials.state.started
    trials.spec = rollout(gates=[{"name": "errors", "errorRate": {"max": 0.5}}])
    trials.step()
    assert (trials.place, trials.state.started) == (("Canary", 1), started)


def test_promotion_waits_for_the_replicas_that_all_requests_need() -> None:
    trials = Trials()
    trials.sight = replace(trials.sight, can_take_all=False)
    trials.until("Promoting", 2)
    assert not trials.wait(600).promotes
    assert trials.shares[-1] == 50
    assert trials.step(can_take_all=True).promotes


def test_a_gate_that_fails_while_it_waits_for_replicas_still_rolls_back() -> None:
    trials = Trials()
    trials.sight = replace(trials.sight, can_take_all=False)
    trials.until("Promoting", 2)
    trials.says = "Fail"
    trials.step()
    assert trials.place[0] == "RollingBack"


def test_a_promotion_that_a_crash_hid_is_carried_to_its_end() -> None:
    trials = Trials()
    trials.sight = replace(trials.sight, can_take_all=False)
    trials.until("Promoting", 2)
    found = trials.step(weight=100)
    assert found.promotes


def test_a_sentence_is_never_longer_than_the_status_allows() -> None:
    trials = Trials()
    trials.step()
    trials.step()
    trials.step(verdicts={"errors": replace(verdict("errors", "Fail"), message="x" * 5_000)})
    assert len(trials.state.message) == 300
    assert len(trials.memory.rejected[0].message) == 300


def test_the_history_keeps_the_newest_ten() -> None:
    trials = Trials()
    for number in range(30):
        trials.step(asked=BundleReference(version=f"3.0.{number}", digest=f"{number:064x}"))
    assert len(trials.memory.history) == 10
    assert trials.memory.history[-1].version == "3.0.28"


def test_gates_of_a_step_are_its_own_and_those_of_the_rollout() -> None:
    spec = rollout(steps=[{"weight": 10, "hold": "1s", "gates": [SPEED]}])
    trials = Trials(spec=spec)
    trials.until("Canary", 1)
    trials.wait(20)
    assert {each.gate for each in trials.state.evidence} == {"errors", "speed"}
