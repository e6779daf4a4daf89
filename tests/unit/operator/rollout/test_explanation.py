"""An explanation says what a rollout waits for, until when, and who must act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weld_api.rollout_status import Evidence, GateVerdict, HumanAct, RolloutPhase, RolloutStatus
from weld_api.spec import WeldModelSpec
from weld_api.status import BundleReference, Condition, WeldModelStatus
from weld_operator.domain.rollout.explanation import Explanation, explain

BEGAN = datetime(2026, 8, 1, 12, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=20)
STABLE = BundleReference(version="1.0.0", digest="a" * 64)
ROLLOUT: dict[str, Any] = {
    "shadow": {"for": "1h", "minReadings": 10_000},
    "steps": [{"weight": 5, "hold": "30m"}, {"weight": 50, "hold": "10m"}],
    "gates": [
        {"name": "errors", "errorRate": {"max": 0.01}},
        {"name": "shift", "riskShift": {"max": 0.01}},
    ],
    "deadline": {"per": "2h"},
}


def spec(rollout: dict[str, Any] | None = ROLLOUT, **changes: Any) -> WeldModelSpec:
    return WeldModelSpec.model_validate(
        {
            "asset": {"kind": "PipelineWeld", "site": "north-line"},
            "model": {"version": "2.0.0", "uri": "pvc://bundles/weld-2.0.0", "sha256": "b" * 64},
            "workload": {"readingsPerTick": 10_000},
            "rollout": None if rollout is None else {**rollout, **changes},
        }
    )


def trial(**changes: Any) -> RolloutStatus:
    """At step 2 of 2 for 20 minutes, its hold over."""
    fields: dict[str, Any] = {
        "phase": "Canary",
        "digest": "b" * 64,
        "version": "2.0.0",
        "step": 2,
        "steps": 2,
        "weight": 50,
        "started": BEGAN,
        "since": BEGAN,
        "measured_from": BEGAN,
    }
    return RolloutStatus(**{**fields, **changes})


def evidence(gate: str, verdict: GateVerdict, reason: str, **fields: Any) -> Evidence:
    known = {"message": f"what {gate} says", "since": BEGAN, "window_seconds": 600.0}
    return Evidence(gate=gate, verdict=verdict, reason=reason, **{**known, **fields})


PASSES = (evidence("errors", "Pass", "WithinLimit"), evidence("shift", "Pass", "WithinLimit"))


def explained(state: RolloutStatus | None, of: WeldModelSpec | None = None, **status: Any) -> Explanation:
    known = {"observed_generation": 1, "stable": STABLE, "rollout": state}
    return explain("north-line", 1, of or spec(), WeldModelStatus(**{**known, **status}), NOW)


def test_an_operator_that_has_not_looked_yet_is_named() -> None:
    said = explain("north-line", 2, spec(), WeldModelStatus(observed_generation=1, rollout=trial()), NOW)
    assert said.where == "The operator has seen generation 1 of the spec, and not 2 yet"
    assert "see whether the operator runs" in said.act


def test_nothing_on_trial_is_said_so() -> None:
    same = BundleReference(version="2.0.0", digest="b" * 64)
    assert explained(None, stable=same).where == "Nothing is on trial: version 2.0.0 answers, and is what is asked for"


@pytest.mark.parametrize(
    ("stable", "of", "where"),
    [
        (None, spec(), "No version answers yet: the first one has nothing to be compared with"),
        (STABLE, spec(None), "Without spec.rollout version 2.0.0 is not tried: it answers once it is ready"),
        (STABLE, spec(), "The trial of version 2.0.0 has not begun yet"),
    ],
)
def test_what_keeps_a_candidate_is_told_by_the_condition(
    stable: BundleReference | None, of: WeldModelSpec, where: str
) -> None:
    condition = Condition(
        type="Progressing",
        status="True",
        reason="RevisionStarting",
        message="Version 2.0.0 is starting: 0 of 2 replicas available",
        last_transition_time=BEGAN,
        observed_generation=1,
    )
    said = explained(None, of, stable=stable, conditions=(condition,))
    assert said.where.startswith(where)
    assert said.waits_for == (condition.message,)


def test_a_trial_of_another_bundle_is_not_told_as_this_one_s() -> None:
    assert explained(trial(digest="c" * 64)).where == "The trial of version 2.0.0 has not begun yet"


def test_a_hold_that_is_not_over_is_told_with_its_end_and_the_deadline() -> None:
    said = explained(trial(step=1, weight=5, evidence=PASSES))
    assert said.where == "Version 2.0.0 is at step 1 of 2, with 5 % of the requests"
    assert said.waits_for == ("It holds for 30 min, of which 10 min are left, until 12:30:00 UTC",)
    assert said.deadline == "Where that has not come within 2 h 10 min, by 14:30:00 UTC, it is rolled back"
    assert said.act == ""


def test_before_it_is_measured_it_waits_to_be_ready() -> None:
    message = "It waits for the candidate to be ready, with its weight in force"
    said = explained(trial(measured_from=None, message=message))
    assert said.waits_for == (message,)


def test_a_gate_below_its_floor_is_told_with_what_is_missing_and_when_that_has_come() -> None:
    below = evidence("errors", "InsufficientEvidence", "BelowFloor", samples=400)
    (reason,) = explained(trial(evidence=(below, PASSES[1]))).waits_for
    assert reason == (
        "Gate errors: what errors says. 600 requests are missing, which takes 15 min at the present rate, "
        "until 12:35:00 UTC"
    )


def test_a_gate_without_a_sample_gets_none_at_present() -> None:
    below = evidence("errors", "InsufficientEvidence", "BelowFloor", samples=0)
    (reason,) = explained(trial(evidence=(below, PASSES[1]))).waits_for
    assert reason.endswith("1,000 requests are missing, and none comes at present")


def test_an_undecided_gate_is_told_when_it_will_be_decided_if_nothing_changes() -> None:
    # Twice the distance to the limit: four times the samples.
    wide = {"value": 0.005, "lower": 0.001, "upper": 0.015, "samples": 2_000}
    undecided = evidence("errors", "InsufficientEvidence", "Undecided", **wide)
    (reason,) = explained(trial(evidence=(undecided, PASSES[1]))).waits_for
    assert reason.endswith(
        "If it stays at 0.5 %, about 6,000 more requests will do, which takes 30 min at the present rate, "
        "until 12:50:00 UTC"
    )


def test_both_ends_of_an_interval_must_come_within_the_limits() -> None:
    wide = {"value": -0.005, "lower": -0.02, "upper": 0.01, "samples": 1_000}
    undecided = evidence("shift", "InsufficientEvidence", "Undecided", **wide)
    (reason,) = explained(trial(evidence=(PASSES[0], undecided))).waits_for
    assert "If it stays at -0.005, about 8,000 more readings will do" in reason


def test_a_value_beyond_its_limit_gives_no_hope() -> None:
    bad = {"value": 0.0123, "lower": 0.009, "upper": 0.016, "samples": 1_000}
    undecided = evidence("errors", "InsufficientEvidence", "Undecided", **bad)
    (reason,) = explained(trial(evidence=(undecided, PASSES[1]))).waits_for
    assert reason.endswith("At its present value of 1.23 %, beyond 1 %, it will sooner fail than pass")


def test_a_value_on_its_limit_is_never_decided() -> None:
    level = {"value": 0.01, "lower": 0.005, "upper": 0.02, "samples": 1_000}
    undecided = evidence("errors", "InsufficientEvidence", "Undecided", **level)
    (reason,) = explained(trial(evidence=(undecided, PASSES[1]))).waits_for
    assert reason.endswith("no number of samples will decide it")


@pytest.mark.parametrize(
    ("reason", "hope"),
    [
        ("NoData", "See whether anything reaches the candidate, and whether its metrics are collected"),
        ("Stale", "See whether metrics are still collected"),
        ("SourceFailed", "See whether metrics are still collected"),
        ("NotFed", "the rollout goes on once the gate is out of the spec"),
    ],
)
def test_evidence_that_does_not_come_is_told_with_where_to_look(reason: str, hope: str) -> None:
    lacking = evidence("errors", "InsufficientEvidence", reason)
    (told,) = explained(trial(evidence=(lacking, PASSES[1]))).waits_for
    assert told.startswith("Gate errors: what errors says. ")
    assert told.endswith(hope)


def test_gates_that_were_not_judged_yet_are_named() -> None:
    assert explained(trial()).waits_for == (
        "Gate errors has not been judged yet, which happens every 30s",
        "Gate shift has not been judged yet, which happens every 30s",
    )


def test_readings_that_the_shadow_must_compare_are_named() -> None:
    began = BEGAN - timedelta(hours=2)
    state = trial(
        phase="Shadow", step=0, weight=0, since=began, measured_from=began, evidence=PASSES, reason="ComparingReadings"
    )
    said = explained(state)
    assert said.where == "Version 2.0.0 is in the shadow: its answers are compared, and go nowhere"
    assert said.waits_for == ("10,000 readings must be compared, and are not yet",)


def test_a_deadline_that_holds_leaves_it_to_people() -> None:
    state = trial(since=BEGAN - timedelta(hours=3), reason="DeadlinePassed", evidence=PASSES)
    said = explained(state, spec(deadline={"per": "2h", "then": "Hold"}))
    assert said.deadline == "Its deadline has passed: it stays, and goes on when the evidence comes"
    assert said.act.startswith("Somebody must decide: wait")
    assert '`weldserve rollout abort north-line --why "..."`' in said.act


def test_while_it_is_paused_the_clocks_stand() -> None:
    state = trial(phase="Paused", paused_in="Canary", paused_from=BEGAN + timedelta(minutes=5))
    said = explained(state)
    assert said.where == (
        "Version 2.0.0 is at step 2 of 2, with 50 % of the requests, and paused since 12:05:00 UTC: its clocks stand"
    )
    assert '`weldserve rollout resume north-line --why "..."`' in said.act


def test_approval_is_asked_for_before_it_is_due() -> None:
    state = trial(step=1, weight=5, evidence=PASSES)
    manual = spec(approval="Manual")
    assert explained(state, manual).act.startswith("Before it is promoted somebody must approve, now or then")
    act = HumanAct(verb="promote", by="ada", why="known sensors", at=BEGAN)
    assert explained(state.model_copy(update={"approval": act}), manual).act == ""


def test_what_waits_for_approval_says_who_must_act() -> None:
    said = explained(trial(phase="AwaitingApproval", evidence=PASSES), spec(approval="Manual"))
    assert said.where == "Version 2.0.0 is ready to be promoted, with 50 % of the requests"
    assert (said.waits_for, said.deadline) == ((), "")
    assert said.act == 'Somebody must approve: `weldserve rollout promote north-line --why "..."`'


def test_what_is_promoted_waits_for_its_replicas() -> None:
    message = "Every gate passes; it answers everything once it has the replicas for it"
    assert explained(trial(phase="Promoting", evidence=PASSES, message=message)).waits_for == (message,)


@pytest.mark.parametrize(
    ("phase", "where", "act"),
    [
        ("RollingBack", "Version 2.0.0 is taken from the route: Gate errors failed", ""),
        ("RolledBack", "Version 2.0.0 was rolled back at 12:00:00 UTC: Gate errors failed", "rollout retry north-line"),
        ("Failed", "Version 2.0.0 does not start: Gate errors failed", "It begins by itself once it is ready"),
    ],
)
def test_an_end_is_told_with_its_reason(phase: RolloutPhase, where: str, act: str) -> None:
    said = explained(trial(phase=phase, message="Gate errors failed"))
    assert said.where == where
    assert act in said.act


seconds = st.floats(-1e6, 1e6)
numbers = st.none() | st.floats(-1e9, 1e9)


@settings(deadline=None)
@given(
    phase=st.sampled_from(get_args(RolloutPhase)),
    paused_in=st.none() | st.sampled_from(get_args(RolloutPhase)),
    step=st.integers(0, 20),
    measured=st.none() | seconds,
    paused=st.none() | seconds,
    since=seconds,
    judged=st.lists(
        st.builds(
            evidence,
            st.sampled_from(["errors", "shift", "another"]),
            st.sampled_from(get_args(GateVerdict)),
            st.sampled_from(["BelowFloor", "Undecided", "NoData", "Stale", "NotFed", "BeyondLimit", "AnyOther"]),
            samples=st.integers(0, 10**12),
            value=numbers,
            lower=numbers,
            upper=numbers,
            window_seconds=st.floats(0, 1e9),
        ),
        max_size=3,
    ),
    then=st.sampled_from(["Hold", "Rollback"]),
    generation=st.integers(0, 2),
)
def test_whatever_the_state_there_is_an_explanation(
    phase: RolloutPhase,
    paused_in: RolloutPhase | None,
    step: int,
    measured: float | None,
    paused: float | None,
    since: float,
    judged: list[Evidence],
    then: str,
    generation: int,
) -> None:
    state = trial(
        phase=phase,
        paused_in=paused_in,
        step=step,
        measured_from=None if measured is None else BEGAN + timedelta(seconds=measured),
        paused_from=None if paused is None else BEGAN + timedelta(seconds=paused),
        since=BEGAN + timedelta(seconds=since),
        evidence=tuple(judged),
        message="It waits for something",
    )
    of = spec(deadline={"per": "2h", "then": then})
    status = WeldModelStatus(observed_generation=1, stable=STABLE, rollout=state)
    said = explain("north-line", generation, of, status, NOW)
    assert said == explain("north-line", generation, of, status, NOW)
    assert said.where
    assert all(each and "None" not in each and "nan" not in each for each in said.waits_for)
