"""The state machine of a trial.

A trial begins when the spec asks for another bundle than the one that answers. Its phases:

| phase            | candidate's share    | goes on to |
| ---------------- | -------------------- | --- |
| Shadow           | 0, answers compared  | Canary 1, or what follows the last step where there are none |
| Canary k         | the step's weight    | Canary k + 1; after the last AwaitingApproval or Promoting |
| AwaitingApproval | the last step's      | Promoting, once somebody has approved |
| Promoting        | the last step's      | Idle: the candidate is Stable, once it has replicas for all requests |
| RollingBack      | 0                    | RolledBack, once the cluster shows that nothing goes there |
| RolledBack       | 0, it is removed     | a new trial of another bundle, or of this one after a retry |
| Failed           | 0, it does not start | the trial's beginning once it is ready; retry; abort; another bundle |
| Paused           | as it was            | the phase it was paused in |
| Idle             |                      | a new trial |

Shadow and each step go on when they have been measured for as long as they hold, and when every gate - the rollout's
and the step's own, judged in this very moment - says Pass. From any phase on trial:

| what                                       | then |
| ------------------------------------------ | --- |
| one gate says Fail                         | RollingBack; the bundle is rejected |
| gates lack evidence until the deadline     | RollingBack, or it stays and can still go on (`deadline.then: Hold`) |
| the candidate cannot start, for certain    | Failed, where it was never measured; RollingBack, where it was |
| no replica of the candidate answers        | its share is 0; the phase or step starts over when it is back |
| the candidate was deleted by hand          | the same, once it is rebuilt |
| no replica of the Stable revision answers  | a candidate in Canary or later answers everything; the step starts over |
|                                            | after. That promotes it only if every gate had passed already |
| the spec asks for a third bundle           | Superseded; the trial of that one begins |
| the spec asks for the Stable one           | Superseded; nothing is on trial, and rejections are forgotten |
| the spec asks for a rejected one, still    | RolledBack, whatever else changes in the spec: `retry` is the way |
| the spec asks for one that was rejected    | a new trial: in between it has asked for another one |
| gates, holds, deadlines, approval change   | they count from the next look on |
| a step's weight changes, steps come and go | the step of that number starts over; Shadow, where there are none |
| `shadow` goes while it is in Shadow        | Canary 1 |
| `rollout` goes                             | Superseded; the candidate answers as soon as it is ready, untried; |
|                                            | one that was rejected does not |
| nobody answers yet (the first bundle)      | there is nothing to compare with: it answers as soon as it is ready |

The memory says what will be done, the next call does it: a share follows from the state that was remembered before.
So a crash between any two writes neither skips nor repeats a step.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from weld_api.quantity import parse_duration
from weld_api.rollout import Rollout
from weld_api.rollout_status import Rejection, RolloutPhase, RolloutStatus
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout import states
from weld_operator.domain.rollout.acts import ON_TRIAL, with_act
from weld_operator.domain.rollout.news import happenings
from weld_operator.domain.rollout.trial import Advance, Memory, Sight, gates_of

_TRUSTED: frozenset[RolloutPhase] = frozenset({"Canary", "AwaitingApproval", "Promoting"})
"""Phases in which sensors already get the candidate's answers."""


def advance(spec: Rollout | None, memory: Memory, sight: Sight, now: datetime) -> Advance:
    """What follows from what is remembered and seen; `now` in UTC. Equal inputs give equal outputs."""
    if sight.stable is None or sight.asked.digest == sight.stable.digest:
        return _without_candidate(memory, sight, now)
    former = memory.rollout
    memory = _superseded(memory, sight, now)
    if spec is None:
        return _untried(memory, sight, now)
    before = memory.rollout
    share = 0 if before is None else _share(spec, before, sight)
    memory, told = with_act(memory, sight, now)
    memory = _next(spec, memory, sight, now)
    after = memory.rollout
    promotes = before is not None and before.phase == "Promoting" and after is not None and after.phase == "Idle"
    return Advance(
        memory=memory if promotes else _with_share(memory, share),
        weight=share,
        shadows=before is not None and _shadows(spec, before),
        promotes=promotes,
        wants_candidate=after is None or after.phase != "RolledBack",
        happenings=(*told, *happenings(former, after)),
    )


def _without_candidate(memory: Memory, sight: Sight, now: datetime) -> Advance:
    """Nothing is on trial: the spec asks for what answers, or nobody answers yet."""
    former = memory.rollout
    memory = _superseded(memory, sight, now)
    told = happenings(former, None) if memory.rollout is None else ()
    return Advance(memory=memory, promotes=sight.stable is None and sight.answers, happenings=told)


def _untried(memory: Memory, sight: Sight, now: datetime) -> Advance:
    """Without a rollout in the spec."""
    if _rejection(memory, sight) is not None:
        return Advance(memory=memory, wants_candidate=False)
    memory = replace(states.closed(memory, "Superseded", "The spec has no rollout any more", now), rollout=None)
    return Advance(memory=memory, promotes=sight.can_take_all or (sight.answers and not sight.stable_answers))


def _superseded(memory: Memory, sight: Sight, now: datetime) -> Memory:
    """The spec asks for another bundle than the one that was on trial, and the rejection of that one is over."""
    state = memory.rollout
    if state is not None and state.digest != sight.asked.digest:
        message = f"The spec asks for version {sight.asked.version}"
        memory = states.closed(memory, "Failed" if state.phase == "Failed" else "Superseded", message, now)
        memory = replace(memory, rollout=None)
    return replace(memory, rejected=tuple(each for each in memory.rejected if each.digest == sight.asked.digest))


def _next(spec: Rollout, memory: Memory, sight: Sight, now: datetime) -> Memory:
    """The memory after this moment."""
    state = memory.rollout
    if state is None or state.phase == "Idle":
        return replace(memory, rollout=_begun(spec, memory, sight, now))
    match state.phase:
        case "RollingBack":
            return replace(memory, rollout=states.rolled_back(state, now)) if sight.weight == 0 else memory
        case "Failed":
            is_back = sight.is_ready and not sight.fault
            return replace(memory, rollout=states.begun(sight.asked, spec, now)) if is_back else memory
        case "RolledBack":
            return memory
        case _:
            return _on_trial(spec, memory, state, sight, now)


def _begun(spec: Rollout, memory: Memory, sight: Sight, now: datetime) -> RolloutStatus:
    """A new trial; where the bundle was rejected and that is all that is known, it stays so."""
    fresh = states.begun(sight.asked, spec, now)
    rejection = _rejection(memory, sight)
    if rejection is None:
        return fresh
    return states.rolled_back(states.explained(fresh, rejection.reason, rejection.message), now)


def _on_trial(spec: Rollout, memory: Memory, state: RolloutStatus, sight: Sight, now: datetime) -> Memory:
    """A chain of checks: the first that has something to say decides."""
    if sight.verdicts is not None:
        state = states.with_evidence(state, sight.verdicts, now)
    if (failing := _failing(sight)) is not None:
        return _back(memory, state, now, "GateFailed", f"Gate {failing.gate} failed: {failing.message}")
    if sight.fault and state.measured_from is not None:
        return _back(memory, state, now, "CandidateBroken", sight.fault)
    if state.phase == "Paused":
        return replace(memory, rollout=state)
    if sight.fault and state.step <= 1:
        return replace(memory, rollout=states.failed(state, now, sight.fault))
    changed = _as_edited(spec, state, now) or _interrupted(spec, state, sight, now)
    if changed is not None:
        return replace(memory, rollout=changed)
    match state.phase:
        case "Promoting":
            return _taking_over(memory, state, sight, now)
        case "AwaitingApproval":
            is_approved = spec.approval == "Automatic" or state.approval is not None
            goes_on = is_approved and _pass_all(spec, state, sight)
            return replace(memory, rollout=states.promoting(state, now) if goes_on else state)
        case _:
            return _measured(spec, memory, state, sight, now)


def _taking_over(memory: Memory, state: RolloutStatus, sight: Sight, now: datetime) -> Memory:
    """Where all goes there already, the route was written and a crash hid it."""
    if not (sight.can_take_all or sight.weight == 100 or not sight.stable_answers):
        return replace(memory, rollout=state)
    memory = states.closed(memory, "Promoted", "Every gate passed", now, state.approval)
    return replace(memory, rollout=states.promoted(state, now))


def _measured(spec: Rollout, memory: Memory, state: RolloutStatus, sight: Sight, now: datetime) -> Memory:
    """In Shadow or Canary: the measuring begins, goes on, is enough, or takes too long."""
    if state.measured_from is None and sight.is_ready and sight.weight == _target(spec, state):
        return replace(memory, rollout=states.measuring(state, now))
    lack = _lack(spec, state, sight, now)
    if lack is None:
        return replace(memory, rollout=_following(spec, state, now))
    reason, missing = lack
    if states.time_in_phase(state, now) < hold_of(spec, state) + parse_duration(spec.deadline.per):
        # Between two looks at the gates nothing new is known of what is missing.
        is_known = state.measured_from is None or sight.verdicts is not None
        state = states.explained(state, reason, f"It waits for {missing}") if is_known else state
        return replace(memory, rollout=state)
    message = f"Until its deadline it waited for {missing}"
    if spec.deadline.then == "Rollback":
        return _back(memory, state, now, "DeadlineExceeded", message)
    return replace(memory, rollout=states.explained(state, "DeadlinePassed", f"{message}; it goes on when that comes"))


def _lack(spec: Rollout, state: RolloutStatus, sight: Sight, now: datetime) -> tuple[str, str] | None:
    """What it waits for, as a word and in words without clocks; None where nothing is missing."""
    if state.measured_from is None:
        return "Starting", "the candidate to be ready, with its weight in force"
    if states.time_measured(state, now) < hold_of(spec, state):
        return "Holding", "its time to be over"
    if state.phase == "Shadow" and spec.shadow is not None and sight.compared < spec.shadow.min_readings:
        return "ComparingReadings", f"{spec.shadow.min_readings:,} readings to be compared"
    if not _pass_all(spec, state, sight):
        waiting = [each.gate for each in state.evidence if each.verdict != "Pass"]
        return "WaitingForEvidence", f"evidence of {', '.join(waiting) if waiting else 'its gates'}"
    return None


def _following(spec: Rollout, state: RolloutStatus, now: datetime) -> RolloutStatus:
    if state.step < len(spec.steps):
        return states.stepped(state, spec, state.step + 1, now)
    if spec.approval == "Manual" and state.approval is None:
        return states.awaiting_approval(state, now)
    return states.promoting(state, now)


def _as_edited(spec: Rollout, state: RolloutStatus, now: datetime) -> RolloutStatus | None:
    """Where the spec no longer has the phase or step that it is in, or has it with another weight."""
    if state.step == 0:
        return states.stepped(state, spec, 1, now) if spec.shadow is None and spec.steps else None
    reason, message = "SpecChanged", "Its part of the spec was changed: it holds from its beginning"
    if not spec.steps:
        return states.explained(states.shadowing(state, spec, now), reason, message)
    if state.step > len(spec.steps):
        return states.explained(states.stepped(state, spec, len(spec.steps), now), reason, message)
    if state.measured_from is not None and state.weight not in (_target(spec, state), 100):
        return states.explained(states.stepped(state, spec, state.step, now), reason, message)
    return None


def _interrupted(spec: Rollout, state: RolloutStatus, sight: Sight, now: datetime) -> RolloutStatus | None:
    """Where candidate or Stable revision went away, so that what is measured compares nothing."""
    if state.measured_from is None:
        return None
    if not sight.exists or not sight.answers:
        message = "No replica of the candidate answers: it starts over when one does"
        return states.started_over(state, spec, now, "CandidateGone", message)
    if not sight.stable_answers and state.phase == "Canary":
        message = "No replica of the stable revision answers: the candidate answers everything, and starts over after"
        return states.started_over(state, spec, now, "StableGone", message)
    return None


def _share(spec: Rollout, state: RolloutStatus, sight: Sight) -> int:
    """Requests of a hundred that the candidate gets by what is remembered of it."""
    phase = state.paused_in if state.phase == "Paused" else state.phase
    if phase not in _TRUSTED or not sight.answers:
        return 0
    if not sight.stable_answers:
        return 100
    if phase == "Promoting" and sight.weight == 100:
        return 100
    target = _target(spec, state)
    waits = state.phase == "Paused" or not sight.is_ready
    return min(state.weight, target) if waits and state.measured_from is None else target


def _shadows(spec: Rollout, state: RolloutStatus) -> bool:
    """All through the trial: in the steps, too, it is compared reading by reading."""
    phase = state.paused_in if state.phase == "Paused" else state.phase
    return spec.shadow is not None and phase in ON_TRIAL


def _target(spec: Rollout, state: RolloutStatus) -> int:
    """The weight of the step that it is at; 0 in Shadow."""
    return spec.steps[state.step - 1].weight if 0 < state.step <= len(spec.steps) else 0


def hold_of(spec: Rollout, state: RolloutStatus) -> timedelta:
    """Time for which the phase or step that it is in holds at the least."""
    if 0 < state.step <= len(spec.steps):
        return parse_duration(spec.steps[state.step - 1].hold)
    return timedelta() if spec.shadow is None else parse_duration(spec.shadow.for_)


def _failing(sight: Sight) -> Verdict | None:
    verdicts = (sight.verdicts or {}).values()
    return next((each for each in verdicts if each.verdict == "Fail"), None)


def _pass_all(spec: Rollout, state: RolloutStatus, sight: Sight) -> bool:
    """Whether every gate of this phase or step was judged in this moment, and passes; so where there are none."""
    verdicts = sight.verdicts or {}
    found = (verdicts.get(gate.name) for gate in gates_of(spec, state))
    return all(each is not None and each.verdict == "Pass" for each in found)


def _back(memory: Memory, state: RolloutStatus, now: datetime, reason: str, message: str) -> Memory:
    memory = states.closed(memory, "RolledBack", message, now)
    memory = states.rejected(memory, state, now, reason, message)
    return replace(memory, rollout=states.rolling_back(state, now, reason, message))


def _rejection(memory: Memory, sight: Sight) -> Rejection | None:
    return next((each for each in memory.rejected if each.digest == sight.asked.digest), None)


def _with_share(memory: Memory, share: int) -> Memory:
    """The memory of the share that is asked for in this moment."""
    state = memory.rollout
    if state is None or state.weight == share:
        return memory
    return replace(memory, rollout=state.model_copy(update={"weight": share}))
