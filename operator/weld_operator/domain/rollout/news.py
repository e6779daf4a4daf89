"""What is to be told of a trial: each change of phase or step, and each change of a verdict, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from weld_api.rollout_status import RolloutStatus
from weld_operator.domain.rollout.trial import Happening


def happenings(before: RolloutStatus | None, after: RolloutStatus | None) -> tuple[Happening, ...]:
    """Between two states; `before` may be of another bundle. What tells them apart is taken from `before`."""
    return (*_changes(before, after), *_verdicts(before, after))


def _changes(before: RolloutStatus | None, after: RolloutStatus | None) -> Iterator[Happening]:
    if before is not None and (after is None or after.digest != before.digest):
        if before.phase not in ("Idle", "RolledBack"):
            text = f"The trial of version {before.version} is over: the spec asks for another bundle"
            yield Happening("Normal", "TrialSuperseded", text, _moment(before))
        before = None
    if after is None or (before is not None and _place(before) == _place(after)):
        return
    moment = after.digest if before is None else _moment(before)
    version = f"Version {after.version}"
    match after.phase:
        case "Shadow" | "Canary" if before is not None and _same_place_again(before, after):
            if after.reason not in ("Starting", before.reason):
                yield Happening("Warning", after.reason, f"{version}: {after.message}", moment)
        case "Shadow":
            yield Happening("Normal", "TrialShadow", f"{version} is shadowed: its answers are compared", moment)
        case "Canary":
            text = f"{version} is at step {after.step} of {after.steps}"
            yield Happening("Normal", "TrialStep", text, moment)
        case "AwaitingApproval":
            yield Happening("Normal", "AwaitingApproval", f"{version}: {after.message}", moment)
        case "Promoting":
            yield Happening("Normal", "TrialPassed", f"{version}: {after.message}", moment)
        case "Idle":
            yield Happening("Normal", "TrialPromoted", f"{version} is promoted: every gate passed", moment)
        case "RollingBack":
            yield Happening("Warning", "RollingBack", f"{version} is rolled back. {after.message}", moment)
        case "RolledBack":
            text = f"{version} gets no requests any more, and is not tried again until the spec asks for another bundle"
            yield Happening("Warning", "RolledBack", text, moment)
        case "Failed":
            yield Happening("Warning", "TrialFailed", f"{version} does not start: {after.message}", moment)


def _verdicts(before: RolloutStatus | None, after: RolloutStatus | None) -> Iterator[Happening]:
    """A first verdict is told where it says more than that there is no evidence yet."""
    if after is None:
        return
    same = before is not None and before.digest == after.digest and before.step == after.step
    known = {each.gate: each for each in before.evidence} if before is not None and same else {}
    for each in after.evidence:
        earlier = known.get(each.gate)
        was = "InsufficientEvidence" if earlier is None else earlier.verdict
        if each.verdict != was:
            moment = f"{after.digest} {after.step} {after.started} {'' if earlier is None else earlier.since}"
            kind: Literal["Normal", "Warning"] = "Warning" if each.verdict == "Fail" else "Normal"
            text = f"Gate {each.gate} of version {after.version} says {each.verdict}: {each.message}"
            yield Happening(kind, f"Gate{each.verdict}", text, f"{each.gate} {moment}")


def _place(state: RolloutStatus) -> tuple[object, ...]:
    """Where it is; being paused is told by the act."""
    phase = state.paused_in if state.phase == "Paused" else state.phase
    again = state.reason if state.reason in ("CandidateGone", "StableGone", "SpecChanged") else ""
    return phase, state.step, state.started, again


def _same_place_again(before: RolloutStatus, after: RolloutStatus) -> bool:
    return _place(before)[:3] == _place(after)[:3]


def _moment(state: RolloutStatus) -> str:
    return f"{state.digest} {state.phase} {state.step} {state.since.isoformat()} {state.reason}"
