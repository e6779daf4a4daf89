"""What a rollout of a spec will do, in words and times, before anybody begins it.

Samples are reckoned at the workload's own rate. How many readings come in one request is the clients' affair: the
times for requests and passes reach from one reading in each request to a whole tick in each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, NamedTuple

from weld_api.gate import Drift, EffectivePrecision, EffectiveRecall, Gate
from weld_api.quantity import parse_duration
from weld_api.rollout import Rollout, Shadow
from weld_api.spec import WeldModelSpec
from weld_operator.domain.rollout.sufficiency import error_of, fewest_to_pass
from weld_operator.domain.rollout.wording import Demand, demand_of, share_in_words, time_in_words

UNFED = (EffectivePrecision, EffectiveRecall, Drift)
"""Conditions that nothing feeds yet: they never have evidence."""

Prospect = Literal["InTime", "AfterHold", "Doubtful", "Impossible", "Unknown"]
"""When there are enough samples: within the hold; after it, but before the deadline; before the deadline only if
requests are small; not before the deadline; that cannot be reckoned."""


@dataclass(frozen=True)
class Outlook:
    """A gate in one stage, or the readings that the shadow must compare, and when its samples are there.

    `needed`: samples with which it passes if they show nothing amiss, the floor at the least; None where none are
    enough. `soonest` and `latest`: time until these are counted, with one reading in each request and with a whole tick
    in each; None where that cannot be reckoned. `remark`: one sentence where it takes longer than the hold.
    """

    name: str
    asks: str
    floor: int | None
    of: str
    needed: int | None
    prospect: Prospect
    remark: str = ""
    soonest: timedelta | None = None
    latest: timedelta | None = None


@dataclass(frozen=True)
class Stage:
    """Shadow (weight 0) or a step: its share of the requests in percent, how long it takes, and what it must meet.

    `until_deadline` is the longest that it waits for evidence before the deadline decides.
    """

    name: str
    weight: int
    hold: timedelta
    until_deadline: timedelta
    conditions: tuple[Outlook, ...]


@dataclass(frozen=True)
class Preview:
    """A rollout's way; the times begin when the candidate is asked for, and `soonest` takes it for ready at once.

    `at_latest` is when it is decided whatever comes; None where it may stay as it is until somebody acts.
    """

    stages: tuple[Stage, ...]
    soonest: timedelta
    at_latest: timedelta | None
    warnings: tuple[str, ...]


class _Span(NamedTuple):
    """A stage's times, and what is counted in a second of it.

    `sent`: readings by the sensors; `received`: by the candidate, forwarded ones included; `asked`: those that it
    received in the requests that gates count, forwarded ones in the shadow and the sensors' own in a step; `compared`:
    those that both scored.
    """

    hold: timedelta
    until_deadline: timedelta
    sent: float
    received: float
    asked: float
    compared: float


def preview(spec: WeldModelSpec) -> Preview | None:
    """The way of the next bundle of this spec; None where the spec has no rollout, so that it answers untried."""
    rollout = spec.rollout
    if rollout is None:
        return None
    stages = tuple(_stages(spec, rollout))
    may_stay = rollout.deadline.then == "Hold" or rollout.approval == "Manual"
    return Preview(
        stages=stages,
        soonest=sum((stage.hold for stage in stages), timedelta()),
        at_latest=None if may_stay else sum((stage.until_deadline for stage in stages), timedelta()),
        warnings=tuple(_warnings(rollout, stages)),
    )


def _stages(spec: WeldModelSpec, rollout: Rollout) -> Iterator[Stage]:
    if rollout.shadow is not None:
        span = _span(spec, rollout, 0, rollout.shadow.for_)
        stage = _stage("shadow", 0, rollout.gates, spec, rollout, span)
        yield replace(stage, conditions=(*_comparison(rollout.shadow, span), *stage.conditions))
    for number, step in enumerate(rollout.steps, 1):
        span = _span(spec, rollout, step.weight, step.hold)
        name, gates = f"step {number} of {len(rollout.steps)}", (*rollout.gates, *step.gates)
        yield _stage(name, step.weight, gates, spec, rollout, span)


def _stage(
    name: str, weight: int, gates: tuple[Gate, ...], spec: WeldModelSpec, rollout: Rollout, span: _Span
) -> Stage:
    error = error_of(rollout, gates)
    conditions = tuple(_outlook(gate, error, spec, span) for gate in gates)
    return Stage(name, weight, span.hold, span.until_deadline, conditions)


def _span(spec: WeldModelSpec, rollout: Rollout, weight: int, hold: str) -> _Span:
    """`weight` in percent; what stable has scored of the rest is forwarded, in the shadow and in each step."""
    sent = float(spec.workload.readings_per_second)
    every = 1 if spec.serving.intake is None else spec.serving.intake.every_nth or 1
    forwarded = 0 if rollout.shadow is None else sent / every * rollout.shadow.share / 100
    compared = forwarded * (100 - weight) / 100
    return _Span(
        hold=parse_duration(hold),
        until_deadline=parse_duration(hold) + parse_duration(rollout.deadline.per),
        sent=sent,
        received=sent * weight / 100 + compared,
        asked=sent * weight / 100 if weight else forwarded,
        compared=compared,
    )


def _comparison(shadow: Shadow, span: _Span) -> Iterator[Outlook]:
    """What the shadow must have compared, if it must."""
    if shadow.min_readings:
        demand = Demand("readings are compared", shadow.min_readings, "readings")
        yield _reckoned("minReadings", demand, shadow.min_readings, span.compared, 1, span)


def _outlook(gate: Gate, error: float, spec: WeldModelSpec, span: _Span) -> Outlook:
    demand = demand_of(gate, spec.workload.deadline)
    if isinstance(gate.condition, UNFED):
        remark = "nothing tells this version of weldserve what it asks for: it never has evidence"
        return Outlook(gate.name, *demand, None, "Impossible", remark)
    if gate.promql is not None or demand.floor is None:
        return Outlook(gate.name, *demand, demand.floor, "Unknown")
    fewest = fewest_to_pass(gate, error)
    if fewest is None:
        remark = "no number of samples can show that it is met: such a limit leaves no room for chance"
        return Outlook(gate.name, *demand, None, "Impossible", remark)
    readings = span.compared if gate.is_paired else span.asked if demand.of == "requests" else span.received
    in_one = spec.workload.readings_per_tick if demand.of in ("requests", "passes") else 1
    return _reckoned(gate.name, demand, max(demand.floor, fewest), readings, in_one, span)


def _reckoned(name: str, demand: Demand, needed: int, readings: float, in_one: int, span: _Span) -> Outlook:
    """`readings`: that count in a second; `in_one`: the most that come in one of what is counted."""
    soonest, latest = (timedelta(seconds=min(needed * each / readings, _FOR_EVER)) for each in (1, in_one))
    share = f"{share_in_words(readings / span.sent)} of {span.sent:,.10g} readings/s"
    prospect, remark = _prospect(f"at {share} the {needed:,} {demand.of}", soonest, latest, span)
    return Outlook(name, *demand, needed, prospect, remark, soonest, latest)


_FOR_EVER = 1e12
"""Seconds; more does not fit into a time."""


def _prospect(needed: str, soonest: timedelta, latest: timedelta, span: _Span) -> tuple[Prospect, str]:
    if latest <= span.hold:
        return "InTime", ""
    within = f"within hold and deadline ({time_in_words(span.until_deadline)})"
    takes = f"{needed} that it needs at the least take {time_in_words(soonest)}"
    if soonest > span.until_deadline:
        return "Impossible", f"{takes}, and cannot be met {within}"
    if latest > span.until_deadline:
        whole = f"{takes} with one reading in a request, but {time_in_words(latest)} with a whole tick in each"
        return "Doubtful", f"{whole}: then it cannot be met {within}"
    most = f" to {time_in_words(latest)}, by how many readings come in a request" if latest > soonest else ""
    waits = "will" if soonest > span.hold else "may"
    return "AfterHold", f"{takes}{most}: it {waits} be waited for after the hold of {time_in_words(span.hold)}"


def _warnings(rollout: Rollout, stages: tuple[Stage, ...]) -> Iterator[str]:
    """What somebody should know before they apply it."""
    decides = "it is rolled back" if rollout.deadline.then == "Rollback" else "it stays until somebody acts"
    for stage in stages:
        for each in stage.conditions:
            if each.prospect in ("Impossible", "Doubtful"):
                yield f"{stage.name}, {each.name}: {each.remark}; at the deadline {decides}"
        if not stage.conditions:
            yield f"{stage.name} has no gate: time alone passes it"
