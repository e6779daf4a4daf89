"""What people tell a trial: promote, pause, resume, abort, retry.

| act     | where                                      | what it does |
| ------- | ------------------------------------------ | --- |
| promote | on trial, paused or not                    | approves, now or in advance; gates must still pass |
| pause   | Shadow, Canary, AwaitingApproval, Promoting | the clocks stand; weight and shadow stay as they are |
| resume  | Paused                                     | goes on where it was |
| abort   | on trial, paused or Failed                 | rolls back now; the bundle is rejected |
| retry   | RolledBack, Failed                         | forgets the rejection and begins anew |

Anything else is refused in a sentence and changes nothing. Each act is carried out once, and only if it names the
candidate that is there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from weld_api.action import RolloutAction, Verb
from weld_api.rollout_status import RolloutPhase, RolloutStatus
from weld_operator.domain.rollout import states
from weld_operator.domain.rollout.trial import Happening, Memory, Sight

ON_TRIAL: frozenset[RolloutPhase] = frozenset({"Shadow", "Canary", "AwaitingApproval", "Promoting"})

ALLOWED: dict[Verb, frozenset[RolloutPhase]] = {
    "promote": ON_TRIAL | {"Paused"},
    "pause": ON_TRIAL,
    "resume": frozenset({"Paused"}),
    "abort": ON_TRIAL | {"Paused", "Failed"},
    "retry": frozenset({"RolledBack", "Failed"}),
}


def refusal(verb: Verb, state: RolloutStatus | None) -> str:
    """Why an act cannot be carried out now, in a sentence; empty where it can."""
    if state is None or state.phase == "Idle":
        return f"{verb} was refused: no candidate is on trial"
    if state.phase not in ALLOWED[verb]:
        allowed = ", ".join(sorted(ALLOWED[verb]))
        return f"{verb} was refused: version {state.version} is in {state.phase}, and {verb} needs one of {allowed}"
    return ""


def with_act(memory: Memory, sight: Sight, now: datetime) -> tuple[Memory, tuple[Happening, ...]]:
    """The memory once the act that is seen, if it is a new one, is carried out or refused."""
    action = sight.action
    if action is None or action.id == memory.last_action:
        return memory, ()
    memory = replace(memory, last_action=action.id)
    state = memory.rollout
    told = refusal(action.verb, state)
    if not told and state is not None and action.digest != state.digest:
        told = f"{action.verb} was refused: it is about another bundle than version {state.version}, which is on trial"
    if told or state is None:
        return memory, (Happening("Warning", "ActRefused", f"{told}; {_who(action)}", action.id),)
    message = f"{action.verb} of version {state.version}, {_who(action)}"
    return _carried_out(memory, state, action, now), (Happening("Normal", "Act", message, action.id),)


def _carried_out(memory: Memory, state: RolloutStatus, action: RolloutAction, now: datetime) -> Memory:
    match action.verb:
        case "promote":
            return replace(memory, rollout=state.model_copy(update={"approval": states.act_of(action)}))
        case "pause":
            return replace(memory, rollout=states.paused(state, now))
        case "resume":
            return replace(memory, rollout=states.resumed(state, now))
        case "abort":
            message = f"{action.by} aborted it: {action.why}"
            memory = states.closed(memory, "Aborted", message, now, states.act_of(action))
            memory = states.rejected(memory, state, now, "Aborted", message)
            return replace(memory, rollout=states.rolling_back(state, now, "Aborted", message))
        case "retry":
            message = f"{action.by} wants it tried again: {action.why}"
            memory = states.closed(memory, "Failed", message, now, states.act_of(action))
            kept = tuple(each for each in memory.rejected if each.digest != state.digest)
            return replace(memory, rollout=None, rejected=kept)


def _who(action: RolloutAction) -> str:
    return f"by {action.by}: {action.why}"
