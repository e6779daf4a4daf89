"""What `weldserve rollout status` shows: one trial at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from weld_api.gate import Gate
from weld_api.rollout import Rollout
from weld_api.rollout_status import Evidence, RolloutStatus
from weld_api.weld_model import WeldModel
from weld_cli.rollout_table import aligned
from weld_operator.domain.rollout.standing import Standing, standing
from weld_operator.domain.rollout.trial import gates_of
from weld_operator.domain.rollout.wording import limits_of, moment_in_words, time_in_words, value_in_words

BAR_LENGTH = 40

Course = Literal["OnItsWay", "Promoted", "RolledBack", "Failed"]
"""`Promoted`: what the spec asks for answers, whether it was tried or not."""


def course_of(model: WeldModel) -> Course:
    """How it ends, or that it is still on its way."""
    status, state = model.status, model.status.rollout
    if status.observed_generation < model.metadata.generation:
        return "OnItsWay"
    if status.stable is not None and status.stable.digest == model.spec.model.sha256:
        return "Promoted"
    if state is not None and state.digest == model.spec.model.sha256:
        if state.phase == "RolledBack":
            return "RolledBack"
        if state.phase == "Failed":
            return "Failed"
    return "OnItsWay"


def essence_of(model: WeldModel) -> object:
    """What is worth another picture where nobody sees it move: all but times and numbers."""
    state = model.status.rollout
    if state is None:
        return model.status.stable, model.spec.model.sha256
    verdicts = tuple((each.gate, each.verdict) for each in state.evidence)
    return state.digest, state.phase, state.step, state.weight, state.reason, verdicts


def picture(model: WeldModel, now: datetime) -> Iterator[str]:
    """Lines for a terminal; `now` in UTC."""
    status, state, rollout = model.status, model.status.rollout, model.spec.rollout
    stable = "none yet" if status.stable is None else status.stable.version
    yield f"WeldModel {model.metadata.namespace}/{model.metadata.name}"
    yield f"  stable     {stable}"
    if state is None or state.phase == "Idle" or rollout is None or course_of(model) == "Promoted":
        yield from _without_trial(model)
        return
    stands = standing(rollout, state, now)
    yield f"  candidate  {state.version}"
    yield f"  phase      {_phase(state, now)}"
    if stands.phase not in ("RollingBack", "RolledBack", "Failed"):
        yield f"  requests   {_bar(state.weight)}"
        yield from _clocks(rollout, state, stands, now)
    yield f"  because    {state.message}"
    if state.evidence:
        yield ""
        yield from (f"  {line}" for line in _evidence(rollout, state, now))


def _without_trial(model: WeldModel) -> Iterator[str]:
    asked = model.spec.model
    is_there = course_of(model) == "Promoted"
    yield "  candidate  none" if is_there else f"  candidate  {asked.version}, not on trial"
    said = " ".join(each.message for each in model.status.conditions if each.type == "Progressing")
    if said:
        yield f"  because    {said}"


def _phase(state: RolloutStatus, now: datetime) -> str:
    match state.phase:
        case "Canary":
            return f"Canary, step {state.step} of {state.steps}"
        case "Paused":
            since = "" if state.paused_from is None else f" since {moment_in_words(state.paused_from, now)}"
            return f"Paused{since}, in {state.paused_in}, step {state.step} of {state.steps}"
        case _:
            return state.phase


def _bar(weight: int) -> str:
    """Whose requests they are, of a hundred; a candidate that gets any is seen."""
    length = 0 if weight == 0 else max(round(BAR_LENGTH * weight / 100), 1)
    return f"stable {100 - weight:3} % {'█' * (BAR_LENGTH - length)}{'░' * length} {weight} % candidate"


def _clocks(rollout: Rollout, state: RolloutStatus, stands: Standing, now: datetime) -> Iterator[str]:
    if state.measured_from is None:
        yield f"  holds      {time_in_words(stands.hold)}, once it is ready"
    else:
        left = "over" if stands.hold_left <= timedelta() else f"{time_in_words(stands.hold_left)} left"
        yield f"  holds      {time_in_words(stands.held)} of {time_in_words(stands.hold)}, {left}"
    if stands.until_deadline is not None:
        then = "it is rolled back" if rollout.deadline.then == "Rollback" else "it stays"
        passed = stands.until_deadline <= timedelta()
        left = "passed" if passed else f"{time_in_words(stands.until_deadline)} left"
        yield f"  deadline   {left}, then {then}"
    if state.looked_at is not None:
        every = f"every {rollout.analysis.interval}"
        yield f"  judged     {time_in_words(now - state.looked_at)} ago, {every}"
    if rollout.approval == "Manual":
        by = "somebody must approve" if state.approval is None else f"approved by {state.approval.by}"
        yield f"  approval   {by}"


def _evidence(rollout: Rollout, state: RolloutStatus, now: datetime) -> Iterator[str]:
    """A table of gates, then why those that do not pass do not."""
    gates = {gate.name: gate for gate in gates_of(rollout, state)}
    heading = ["gate", "verdict", "value", "n", "interval", "limit", "age"]
    rows = [_row(each, gates.get(each.gate), state, now) for each in state.evidence]
    yield from aligned([heading, *rows], left=2)
    yield from (f"{each.gate}: {each.message}" for each in state.evidence if each.verdict != "Pass")


def _row(evidence: Evidence, gate: Gate | None, state: RolloutStatus, now: datetime) -> list[str]:
    def worded(value: float | None, otherwise: str) -> str:
        return otherwise if value is None or gate is None else value_in_words(gate, value)

    least, most = (None, None) if gate is None else limits_of(gate)
    limits = [f"{sign} {worded(limit, '')}" for sign, limit in ((">=", least), ("<=", most)) if limit is not None]
    both = evidence.lower is not None or evidence.upper is not None
    interval = f"{worded(evidence.lower, '...')} to {worded(evidence.upper, '...')}" if both else ""
    since_look = now - (state.looked_at or now)
    age = "" if evidence.age_seconds is None else time_in_words(timedelta(seconds=evidence.age_seconds) + since_look)
    return [
        evidence.gate,
        evidence.verdict,
        worded(evidence.value, ""),
        f"{evidence.samples:,}",
        interval,
        " and ".join(limits),
        age,
    ]
