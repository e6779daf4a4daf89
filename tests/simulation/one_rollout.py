"""One rollout from its beginning to its end, or until nobody would wait any longer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from tests.simulation.plans import Plan, Random
from tests.simulation.source import CANDIDATE, STABLE, Source
from tests.simulation.traffic import Counting, Totals, Traffic
from tests.simulation.truth import Truth
from weld_api.action import RolloutAction
from weld_api.gate import Gate
from weld_api.quantity import parse_duration
from weld_api.rollout import Rollout
from weld_api.rollout_status import RolloutStatus
from weld_api.status import BundleReference
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.judging import judge_all
from weld_operator.domain.gates.questions import questions
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout.advance import advance
from weld_operator.domain.rollout.trial import Memory, Sight, gates_of, is_measured

Ending = Literal["promoted", "failed a gate", "deadline", "held"]

_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
_ASKED = BundleReference(version="2.0.0", digest="6c1f0a2b" + "0" * 56)
_ANSWERING = BundleReference(version="1.4.0", digest="77aa0b1c" + "0" * 56)
_WAITED = 1.5
"""After so many times all holds and deadlines, what is held is given up."""
_GONE = 0.001
"""How often a look finds no replica of the candidate."""
_RESTARTED = 0.01
"""How often a replica restarted since the look before, with what it had counted since the last scrape."""
_LOST_BY_SHADOW = 0.05


@dataclass(frozen=True)
class Result:
    """How it ended, when, and whether something was decided with fewer samples than its floor."""

    plan: str
    truth: Truth
    traffic: Traffic
    ending: Ending
    took: timedelta
    looks: int
    below_floor: bool
    message: str


class _Run:
    def __init__(self, plan: Plan, truth: Truth, traffic: Traffic, random: Random) -> None:
        self._plan = plan
        self._truth = truth
        self._traffic = traffic
        self._random = random
        self._counting = Counting(truth, traffic, plan.slow_after, random)
        self._source = Source(truth, random)
        self._memory = Memory()
        self._weight = 0
        self._shadows = False
        self._counted_from: datetime | None = None
        self._ready_at = _BEGIN
        self._below_floor = False

    def run(self) -> Result:
        interval = self._plan.interval
        for look in range(1, math.ceil(_WAITED * _longest(self._plan.rollout) / interval) + 1):
            now = _BEGIN + look * interval
            ending = self._look(now)
            if ending is not None:
                break
        else:
            ending = "held"
        state = self._memory.rollout
        return Result(
            plan=self._plan.name,
            truth=self._truth,
            traffic=self._traffic,
            ending=ending,
            took=now - _BEGIN,
            looks=look,
            below_floor=self._below_floor,
            message=f"{state.reason}: {state.message}" if state is not None else "",
        )

    def _look(self, now: datetime) -> Ending | None:
        """Time passes, the gates are judged, the state machine goes on."""
        before = self._memory.rollout
        self._time_passes(before)
        verdicts = self._judged(before, now)
        outcome = advance(self._plan.rollout, self._memory, self._sight(before, verdicts, now), now)
        self._memory = outcome.memory
        after = outcome.memory.rollout
        if before is not None and after is not None:
            self._check_floors(before, after, verdicts or {})
        if outcome.weight != self._weight:
            self._ready_at = now + int(self._random.integers(0, 3)) * self._plan.interval
        self._weight, self._shadows = outcome.weight, outcome.shadows
        if outcome.promotes:
            return "promoted"
        if after is not None and after.phase == "RolledBack":
            return "failed a gate" if after.reason == "GateFailed" else "deadline"
        return None

    def _time_passes(self, state: RolloutStatus | None) -> None:
        measured_from = None if state is None else state.measured_from
        if measured_from != self._counted_from:
            # What came since `measured_from`, which was the last look, is all that there is to count.
            self._counted_from = measured_from
            self._counting.begin()
            self._source.begin()
        if measured_from is None:
            return
        shadow = self._plan.rollout.shadow
        shadowed = shadow.share / 100 * (1 - _LOST_BY_SHADOW) if shadow is not None and self._shadows else 0.0
        lost = float(self._random.uniform()) if self._random.uniform() < _RESTARTED else 0.0
        self._counting.count(self._plan.interval.total_seconds(), self._weight, shadowed, lost)

    def _judged(self, state: RolloutStatus | None, now: datetime) -> Mapping[str, Verdict] | None:
        if state is None or state.measured_from is None or not is_measured(state):
            return None
        rollout = self._plan.rollout
        trial = Trial(
            namespace="plant",
            candidate=CANDIDATE,
            stable=STABLE,
            digest=_ASKED.digest,
            since=state.measured_from,
            deadline=timedelta(milliseconds=100),
            phases=len(rollout.steps) + (rollout.shadow is not None),
            error_probability=rollout.analysis.error_probability,
            is_shadow=state.phase == "Shadow",
        )
        gates = gates_of(rollout, state)
        answers = self._source.measure(questions(gates, trial), self._counting.totals, trial.since, now)
        return judge_all(gates, trial, answers, now)

    def _sight(self, state: RolloutStatus | None, verdicts: Mapping[str, Verdict] | None, now: datetime) -> Sight:
        is_gone = bool(self._random.uniform() < _GONE)
        return Sight(
            asked=_ASKED,
            stable=_ANSWERING,
            exists=True,
            is_ready=not is_gone and now >= self._ready_at,
            can_take_all=not is_gone,
            answers=not is_gone,
            weight=self._weight,
            verdicts=verdicts,
            compared=int(self._source.told.get("compared", 0)) if verdicts is not None else 0,
            action=self._approval(state, now),
        )

    def _approval(self, state: RolloutStatus | None, now: datetime) -> RolloutAction | None:
        """Somebody approves sooner or later."""
        waits = state is not None and state.phase == "AwaitingApproval" and state.approval is None
        if not waits or self._random.uniform() < 0.8:
            return None
        return RolloutAction(
            id=now.isoformat(), verb="promote", digest=_ASKED.digest, by="operator@plant", why="It looks well", at=now
        )

    def _check_floors(self, before: RolloutStatus, after: RolloutStatus, verdicts: Mapping[str, Verdict]) -> None:
        """Notes where a gate took part in a decision with fewer samples than its floor, or with none at all."""
        failed = after.phase == "RollingBack" and after.reason == "GateFailed" and before.phase != "RollingBack"
        judged = before.phase in ("Shadow", "Canary", "AwaitingApproval")
        is_next = after.phase in ("AwaitingApproval", "Promoting") and after.phase != before.phase
        went_on = judged and (after.step > before.step or is_next)
        if not failed and not went_on:
            return
        for gate in gates_of(self._plan.rollout, before):
            verdict = verdicts.get(gate.name)
            decisive = went_on or (verdict is not None and verdict.verdict == "Fail")
            if decisive and (verdict is None or not _has_its_floor(gate, self._source.told)):
                self._below_floor = True


def _longest(rollout: Rollout) -> timedelta:
    """All holds and deadlines in a row."""
    holds = [each.hold for each in rollout.steps]
    if rollout.shadow is not None:
        holds.append(rollout.shadow.for_)
    return sum(map(parse_duration, holds), timedelta()) + len(holds) * parse_duration(rollout.deadline.per)


def _has_its_floor(gate: Gate, told: Totals) -> bool:
    """By what the source told, not by what the verdict says of itself."""
    floor = getattr(gate.condition, "min_samples", None)
    if floor is None:
        return True
    counted = {
        "ErrorRate": ("good", "failed"),
        "Latency": ("good", "failed"),
        "Disagreement": ("compared",),
        "RiskShift": ("compared",),
        "OutOfRange": ("readings",),
        "Coverage": ("readings",),
        "Throughput": ("passes ours",),
    }[type(gate.condition).__name__]
    return sum(told.get(name, 0.0) for name in counted) >= int(floor)


def run_rollout(plan: Plan, truth: Truth, traffic: Traffic, random: Random) -> Result:
    """The whole of it."""
    return _Run(plan, truth, traffic, random).run()
