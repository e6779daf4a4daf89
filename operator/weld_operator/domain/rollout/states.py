"""The states of a trial, made from one another; when to go from one to the other is not decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from weld_api.action import RolloutAction
from weld_api.rollout import Rollout
from weld_api.rollout_status import (
    LONGEST_SENTENCE,
    MOST_HISTORY,
    MOST_REJECTIONS,
    Evidence,
    HumanAct,
    Outcome,
    PastTrial,
    Rejection,
    RolloutPhase,
    RolloutStatus,
)
from weld_api.status import BundleReference
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout.trial import Memory

OVER: frozenset[RolloutPhase] = frozenset({"Idle", "RollingBack", "RolledBack"})
"""Phases of a trial that has been decided: its end is in the history."""


def begun(asked: BundleReference, spec: Rollout, now: datetime) -> RolloutStatus:
    """The first state: in the shadow, or at the first step."""
    first = RolloutStatus(
        phase="Shadow", digest=asked.digest, version=asked.version, steps=len(spec.steps), started=now, since=now
    )
    return shadowing(first, spec, now) if spec.shadow is not None else stepped(first, spec, 1, now)


def shadowing(state: RolloutStatus, spec: Rollout, now: datetime) -> RolloutStatus:
    return _entered(state, now, phase="Shadow", step=0, steps=len(spec.steps), **_unmeasured())


def stepped(state: RolloutStatus, spec: Rollout, step: int, now: datetime) -> RolloutStatus:
    """At the step of this number, from 1; its weight is not in force yet."""
    return _entered(state, now, phase="Canary", step=step, steps=len(spec.steps), **_unmeasured())


def started_over(state: RolloutStatus, spec: Rollout, now: datetime, reason: str, message: str) -> RolloutStatus:
    """The same phase or step from its beginning: what was measured does not count any more."""
    again = shadowing(state, spec, now) if state.step == 0 else stepped(state, spec, state.step, now)
    # The deadline goes on: a candidate that comes and goes must not have time without end.
    return explained(again.model_copy(update={"since": state.since}), reason, message)


def awaiting_approval(state: RolloutStatus, now: datetime) -> RolloutStatus:
    return explained(
        _entered(state, now, phase="AwaitingApproval"), "AwaitingApproval", "Every gate passes; somebody must approve"
    )


def promoting(state: RolloutStatus, now: datetime) -> RolloutStatus:
    message = "Every gate passes; it answers everything once it has the replicas for it"
    return explained(_entered(state, now, phase="Promoting"), "Promoting", message)


def promoted(state: RolloutStatus, now: datetime) -> RolloutStatus:
    return explained(_entered(state, now, phase="Idle", weight=0), "Promoted", "Every gate passed")


def rolling_back(state: RolloutStatus, now: datetime, reason: str, message: str) -> RolloutStatus:
    return explained(_entered(state, now, phase="RollingBack"), reason, message)


def rolled_back(state: RolloutStatus, now: datetime) -> RolloutStatus:
    return _entered(state, now, phase="RolledBack", weight=0)


def failed(state: RolloutStatus, now: datetime, message: str) -> RolloutStatus:
    return explained(_entered(state, now, phase="Failed", weight=0), "CandidateDoesNotStart", message)


def measuring(state: RolloutStatus, now: datetime) -> RolloutStatus:
    begun = state.model_copy(update={"measured_from": now})
    return explained(begun, "Measuring", "It holds, and its gates are judged")


def paused(state: RolloutStatus, now: datetime) -> RolloutStatus:
    return state.model_copy(update={"phase": "Paused", "paused_in": state.phase, "paused_from": now})


def resumed(state: RolloutStatus, now: datetime) -> RolloutStatus:
    """The phase that it was paused in; the time in between does not count."""
    stood = max(now - (state.paused_from or now), timedelta())
    seconds = 0.0 if state.measured_from is None else state.paused_seconds + stood.total_seconds()
    changes = {
        "phase": state.paused_in or "Canary",
        "paused_in": None,
        "paused_from": None,
        "paused_seconds": seconds,
        "since": state.since + stood,
    }
    return state.model_copy(update=changes)


def explained(state: RolloutStatus, reason: str, message: str) -> RolloutStatus:
    return state.model_copy(update={"reason": reason, "message": shortened(message)})


def time_in_phase(state: RolloutStatus, now: datetime) -> timedelta:
    """Time in this phase or step, without pauses."""
    return now - state.since


def time_measured(state: RolloutStatus, now: datetime) -> timedelta:
    """Time for which it has been measured in this phase or step, without pauses; none before."""
    if state.measured_from is None:
        return timedelta()
    return now - state.measured_from - timedelta(seconds=state.paused_seconds)


def with_evidence(state: RolloutStatus, verdicts: Mapping[str, Verdict], now: datetime) -> RolloutStatus:
    """What the gates say now; each verdict keeps the time since when it has been that one."""
    known = {each.gate: each for each in state.evidence}
    entries = tuple(_evidence(each, known.get(each.gate), now) for each in verdicts.values())
    return state.model_copy(update={"evidence": entries, "looked_at": now})


def act_of(action: RolloutAction) -> HumanAct:
    return HumanAct(verb=action.verb, by=action.by, why=action.why, at=action.at)


def closed(memory: Memory, outcome: Outcome, message: str, now: datetime, by: HumanAct | None = None) -> Memory:
    """The trial that is on is entered into the history."""
    state = memory.rollout
    if state is None or state.phase in OVER:
        return memory
    past = PastTrial(
        version=state.version,
        digest=state.digest,
        outcome=outcome,
        started=state.started,
        ended=now,
        message=shortened(message),
        by=by,
    )
    return replace(memory, history=(*memory.history, past)[-MOST_HISTORY:])


def rejected(memory: Memory, state: RolloutStatus, now: datetime, reason: str, message: str) -> Memory:
    """The bundle on trial is not tried again until the spec asks for another one, or somebody wants a retry."""
    entry = Rejection(digest=state.digest, version=state.version, at=now, reason=reason, message=shortened(message))
    others = tuple(each for each in memory.rejected if each.digest != state.digest)
    return replace(memory, rejected=(*others, entry)[-MOST_REJECTIONS:])


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SENTENCE else f"{text[: LONGEST_SENTENCE - 3]}..."


def _unmeasured() -> dict[str, Any]:
    return {
        "measured_from": None,
        "looked_at": None,
        "evidence": (),
        "reason": "Starting",
        "message": "It is measured as soon as the candidate is ready and its weight is in force",
    }


def _entered(state: RolloutStatus, now: datetime, **changes: Any) -> RolloutStatus:
    unpaused = {"paused_in": None, "paused_from": None, "paused_seconds": 0.0}
    return state.model_copy(update={"since": now, **unpaused, **changes})


def _evidence(verdict: Verdict, before: Evidence | None, now: datetime) -> Evidence:
    finding = verdict.finding
    same = before is not None and before.verdict == verdict.verdict
    return Evidence(
        gate=verdict.gate,
        verdict=verdict.verdict,
        reason=verdict.reason,
        message=shortened(verdict.message),
        value=finding.value,
        samples=finding.samples,
        lower=finding.lower,
        upper=finding.upper,
        query=shortened(finding.query),
        window_seconds=max((now - finding.since).total_seconds(), 0.0) if finding.since is not None else 0.0,
        age_seconds=None if finding.newest is None else (now - finding.newest).total_seconds(),
        since=before.since if before is not None and same else now,
    )
