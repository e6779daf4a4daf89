"""Why a rollout has not moved, in plain words: what it waits for, what would let it go on, and who must act."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from weld_api.gate import Gate
from weld_api.rollout import Rollout
from weld_api.rollout_status import Evidence, RolloutStatus
from weld_api.spec import WeldModelSpec
from weld_api.status import WeldModelStatus
from weld_operator.domain.rollout.standing import Standing, standing
from weld_operator.domain.rollout.trial import gates_of
from weld_operator.domain.rollout.wording import (
    Limits,
    demand_of,
    limits_of,
    moment_in_words,
    time_in_words,
    value_in_words,
)

_LONGEST = timedelta(days=10_000)


@dataclass(frozen=True)
class Explanation:
    """One sentence of where it is, one for each thing that it waits for, one for what the deadline does (or empty), and
    one for what somebody must do (or empty, where nobody must)."""

    where: str
    waits_for: tuple[str, ...] = ()
    deadline: str = ""
    act: str = ""


def explain(name: str, generation: int, spec: WeldModelSpec, status: WeldModelStatus, now: datetime) -> Explanation:
    """Of the WeldModel of this name, whose spec has this generation; `now` in UTC."""
    if status.observed_generation < generation:
        where = f"The operator has seen generation {status.observed_generation} of the spec, and not {generation} yet"
        return Explanation(where, act="Where that stays so, see whether the operator runs")
    state = status.rollout
    if state is None or state.phase == "Idle" or spec.rollout is None or state.digest != spec.model.sha256:
        return _without_trial(spec, status)
    match state.phase:
        case "RollingBack":
            return Explanation(f"Version {state.version} is taken from the route: {state.message}")
        case "RolledBack":
            return _rolled_back(name, state, now)
        case "Failed":
            where = f"Version {state.version} does not start: {state.message}"
            act = (
                f"It begins by itself once it is ready; otherwise ask for another bundle, or {_command('abort', name)}"
            )
            return Explanation(where, act=act)
        case _:
            return _on_trial(name, spec, spec.rollout, state, now)


def _without_trial(spec: WeldModelSpec, status: WeldModelStatus) -> Explanation:
    said = " ".join(each.message for each in status.conditions if each.type == "Progressing")
    if status.stable is None:
        where = "No version answers yet: the first one has nothing to be compared with, and answers once it is ready"
        return Explanation(where, (said,) if said else ())
    if status.stable.digest == spec.model.sha256:
        return Explanation(f"Nothing is on trial: version {status.stable.version} answers, and is what is asked for")
    if spec.rollout is None:
        where = f"Without spec.rollout version {spec.model.version} is not tried: it answers once it is ready"
    else:
        where = f"The trial of version {spec.model.version} has not begun yet"
    return Explanation(where, (said,) if said else ())


def _rolled_back(name: str, state: RolloutStatus, now: datetime) -> Explanation:
    where = f"Version {state.version} was rolled back at {moment_in_words(state.since, now)}: {state.message}"
    act = (
        f"It is not tried again until the spec asks for another bundle; {_command('retry', name)} tries it once more, "
        "as it is"
    )
    return Explanation(where, act=act)


def _on_trial(name: str, spec: WeldModelSpec, rollout: Rollout, state: RolloutStatus, now: datetime) -> Explanation:
    stands = standing(rollout, state, now)
    where = f"Version {state.version} is {_place(stands, state)}"
    if state.phase == "Paused":
        since = "" if state.paused_from is None else f" since {moment_in_words(state.paused_from, now)}"
        act = f"Nothing goes on until {_command('resume', name)}; a gate that fails rolls it back all the same"
        return Explanation(f"{where}, and paused{since}: its clocks stand", act=act)
    gates = tuple(_gates(spec, rollout, state, now))
    if stands.phase == "AwaitingApproval":
        act = f"Somebody must approve: {_command('promote', name)}"
        return Explanation(where, gates, act=act)
    if stands.phase == "Promoting":
        return Explanation(where, (state.message, *gates))
    waits = (*_beginning(rollout, state, stands, now), *gates)
    return Explanation(where, waits, _deadline(rollout, stands, now), _next_act(name, rollout, state))


def _place(stands: Standing, state: RolloutStatus) -> str:
    match stands.phase:
        case "Shadow":
            return "in the shadow: its answers are compared, and go nowhere"
        case "Canary":
            return f"at step {state.step} of {state.steps}, with {state.weight} % of the requests"
        case "AwaitingApproval":
            return f"ready to be promoted, with {state.weight} % of the requests"
        case _:
            return "about to be promoted"


def _beginning(rollout: Rollout, state: RolloutStatus, stands: Standing, now: datetime) -> Iterator[str]:
    """What must be over before its gates matter."""
    if state.measured_from is None:
        yield state.message
    elif stands.hold_left > timedelta():
        left = f"{time_in_words(stands.hold_left)} are left, until {moment_in_words(now + stands.hold_left, now)}"
        yield f"It holds for {time_in_words(stands.hold)}, of which {left}"
    elif state.reason == "ComparingReadings" and rollout.shadow is not None:
        yield f"{rollout.shadow.min_readings:,} readings must be compared, and are not yet"


def _gates(spec: WeldModelSpec, rollout: Rollout, state: RolloutStatus, now: datetime) -> Iterator[str]:
    """Each gate that does not pass, why, and what would let it."""
    if state.measured_from is None:
        return
    judged = {each.gate: each for each in state.evidence}
    for gate in gates_of(rollout, state):
        evidence = judged.get(gate.name)
        if evidence is None:
            yield f"Gate {gate.name} has not been judged yet, which happens every {rollout.analysis.interval}"
        elif evidence.verdict != "Pass":
            hope = _hope(gate, evidence, spec.workload.deadline, now)
            yield f"Gate {gate.name}: {evidence.message}" + (f". {hope}" if hope else "")


def _hope(gate: Gate, evidence: Evidence, workload_deadline: str, now: datetime) -> str:
    """What would let a gate pass, and when that is at the present rate."""
    match evidence.reason:
        case "BelowFloor":
            demand = demand_of(gate, workload_deadline)
            missing = (demand.floor or 0) - evidence.samples
            return f"{missing:,} {demand.of} are missing, {_when(missing, evidence, now)}"
        case "Undecided":
            return _hope_of_decision(gate, evidence, workload_deadline, now)
        case "NoData":
            return "See whether anything reaches the candidate, and whether its metrics are collected"
        case "Stale" | "SourceFailed":
            return "See whether metrics are still collected"
        case "NotFed":
            return "This version of weldserve cannot judge it: the rollout goes on once the gate is out of the spec"
        case _:
            return ""


def _hope_of_decision(gate: Gate, evidence: Evidence, workload_deadline: str, now: datetime) -> str:
    """When the interval will lie within the limits, if the value stays as it is.

    Intervals narrow with the root of the number of samples, nearly; the logarithm that they have besides is left out.
    """
    value, limits = evidence.value, limits_of(gate)
    if value is None or evidence.samples == 0:
        return ""
    if not _is_within(value, limits):
        limit = limits.most if limits.most is not None and value > limits.most else limits.least
        shown = value_in_words(gate, limit or 0.0)
        return f"At its present value of {value_in_words(gate, value)}, beyond {shown}, it will sooner fail than pass"
    growth = max(_growths(value, evidence, limits), default=1.0)
    if growth == float("inf"):
        return "Its value lies on the limit: no number of samples will decide it"
    missing = max(round(evidence.samples * (growth - 1)), 1)
    of = demand_of(gate, workload_deadline).of
    when = _when(missing, evidence, now)
    return f"If it stays at {value_in_words(gate, value)}, about {missing:,} more {of} will do, {when}"


def _is_within(value: float, limits: Limits) -> bool:
    return (limits.least is None or value >= limits.least) and (limits.most is None or value <= limits.most)


def _growths(value: float, evidence: Evidence, limits: Limits) -> Iterator[float]:
    """By which factor the samples must grow so that each end of the interval comes within its limit."""
    sides = ((limits.most, evidence.upper, 1), (limits.least, evidence.lower, -1))
    for limit, end, direction in sides:
        if limit is not None and end is not None and (end - limit) * direction > 0:
            room = (limit - value) * direction
            yield ((end - value) * direction / room) ** 2 if room > 0 else float("inf")


def _when(missing: int, evidence: Evidence, now: datetime) -> str:
    """When so many more samples are counted, if they go on to come as they came."""
    if evidence.samples == 0 or evidence.window_seconds == 0:
        return "and none comes at present"
    seconds = missing / (evidence.samples / evidence.window_seconds)
    if seconds > _LONGEST.total_seconds():
        return "which takes years at the present rate"
    time = timedelta(seconds=seconds)
    return f"which takes {time_in_words(time)} at the present rate, until {moment_in_words(now + time, now)}"


def _deadline(rollout: Rollout, stands: Standing, now: datetime) -> str:
    left = stands.until_deadline
    if left is None:
        return ""
    rolls_back = rollout.deadline.then == "Rollback"
    if left <= timedelta():
        what = "it is rolled back at the next look" if rolls_back else "it stays, and goes on when the evidence comes"
        return f"Its deadline has passed: {what}"
    what = "it is rolled back" if rolls_back else "it stays as it is"
    return f"Where that has not come within {time_in_words(left)}, by {moment_in_words(now + left, now)}, {what}"


def _next_act(name: str, rollout: Rollout, state: RolloutStatus) -> str:
    if state.reason == "DeadlinePassed":
        return f"Somebody must decide: wait, mend what keeps the evidence away, or {_command('abort', name)}"
    if rollout.approval == "Manual" and state.approval is None:
        return f"Before it is promoted somebody must approve, now or then: {_command('promote', name)}"
    return ""


def _command(verb: str, name: str) -> str:
    return f'`weldserve rollout {verb} {name} --why "..."`'
