"""Where a trial is, in words, as the condition Progressing tells it.

Times in it are those of the last look at the gates: between two looks the words stay the same.
"""

from __future__ import annotations

from typing import NamedTuple

from weld_api.gate import Gate
from weld_api.rollout import Rollout
from weld_api.rollout_status import Evidence, Rejection, RolloutPhase, RolloutStatus
from weld_api.status import ConditionStatus
from weld_operator.domain.rollout.standing import standing
from weld_operator.domain.rollout.trial import gates_of
from weld_operator.domain.rollout.wording import time_in_words, value_in_words

REASONS: dict[RolloutPhase, str] = {
    "Shadow": "Shadowing",
    "Canary": "CanaryStep",
    "Paused": "Paused",
    "AwaitingApproval": "AwaitingApproval",
    "Promoting": "Promoting",
    "RollingBack": "RollingBack",
    "Failed": "TrialFailed",
}
"""The condition's reason in each phase in which there is a candidate."""

ROLLED_BACK = "RolledBack"
OVERDUE = "DeadlinePassed"


class Progress(NamedTuple):
    """How far it is: the condition without its times."""

    status: ConditionStatus
    reason: str
    message: str


def trial_progress(rollout: Rollout, state: RolloutStatus) -> Progress:
    """Of a trial that is on; False where it waits in vain, so that somebody should look."""
    if state.reason == OVERDUE:
        return Progress("False", OVERDUE, f"{_place(rollout, state)}. {state.message}")
    status: ConditionStatus = "False" if state.phase == "Failed" else "True"
    return Progress(status, REASONS.get(state.phase, state.phase), _sentence(rollout, state))


def rejection_progress(rejection: Rejection) -> Progress:
    """Of a bundle that was rolled back and is still asked for."""
    message = f"Version {rejection.version} was rolled back and is not tried again. {rejection.message}"
    return Progress("False", ROLLED_BACK, message)


def _sentence(rollout: Rollout, state: RolloutStatus) -> str:
    match state.phase:
        case "Shadow" | "Canary":
            said = state.measured_from is not None and state.reason in ("Measuring", "Holding")
            return _place(rollout, state) + ("" if said else f". {state.message}")
        case "Paused":
            place = _place(rollout, state.model_copy(update={"phase": state.paused_in}))
            return f"{place}, paused"
        case _:
            return f"Version {state.version}: {state.message}"


def _place(rollout: Rollout, state: RolloutStatus) -> str:
    """`2 of 3: 25 %, 41 min of 2 h, agreement 0.4 % (n = 1,204,331)`"""
    where = f"{state.step} of {state.steps}: {state.weight} %" if state.step else "Shadow"
    parts = [where]
    if (since := state.looked_at or state.measured_from) is not None:
        now = standing(rollout, state, since)
        over = f"{time_in_words(now.hold)} are over"
        parts.append(f"{time_in_words(now.held)} of {time_in_words(now.hold)}" if now.hold_left else over)
    if (telling := _most_telling(state)) is not None:
        gates = {gate.name: gate for gate in gates_of(rollout, state)}
        parts.append(_found(telling, gates.get(telling.gate)))
    return ", ".join(parts)


def _most_telling(state: RolloutStatus) -> Evidence | None:
    """The gate that keeps it, or else the one that rests on the most samples."""
    open_ones = [each for each in state.evidence if each.verdict != "Pass"]
    failing = [each for each in open_ones if each.verdict == "Fail"]
    return next(iter(failing or open_ones), None) or max(state.evidence, key=lambda each: each.samples, default=None)


def _found(evidence: Evidence, gate: Gate | None) -> str:
    value = "" if evidence.value is None or gate is None else f" {value_in_words(gate, evidence.value)}"
    lack = " lacks evidence" if evidence.verdict == "InsufficientEvidence" else ""
    return f"{evidence.gate}{value}{lack} (n = {evidence.samples:,})"
