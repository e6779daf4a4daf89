"""One gate of every kind, with answers that are within its limit, beyond it, and too few."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from weld_api.gate import (
    Coverage,
    Disagreement,
    Drift,
    EffectivePrecision,
    EffectiveRecall,
    ErrorRate,
    Gate,
    Latency,
    OutOfRange,
    PromQL,
    RiskShift,
    ServedElsewhere,
    Throughput,
)
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.kinds import kind_of
from weld_operator.domain.gates.measurement import Question, Reading

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRIAL = Trial(
    namespace="plant-a",
    candidate="north-line-6c1f0a2b",
    stable="north-line-77aa0b1c",
    digest="6c1f0a2b" + "0" * 56,
    since=NOW - timedelta(hours=1),
    deadline=timedelta(milliseconds=100),
    phases=4,
    error_probability=0.01,
    is_shadow=False,
)

Values = Mapping[str, Mapping[str, float]]
"""By the role of the question, and then by label."""


@dataclass(frozen=True)
class Example:
    """A gate, and values of its answers. `few` would be beyond the limit, were they as many as the floor asks for."""

    gate: Gate
    within: Values
    beyond: Values
    few: Values

    def __str__(self) -> str:
        return self.gate.name


def _work(readings: float, passes: float, seconds: float) -> dict[str, dict[str, float]]:
    """Of a candidate beside a stable revision that scores 100,000 readings a second in 10,000 passes."""
    ours = {"readings scored": readings, "passes": passes, "seconds of scoring": seconds}
    theirs = {"readings scored": 1e6, "passes": 1e4, "seconds of scoring": 10.0}
    return {
        f"{owner}'s {what}": {"": n}
        for owner, work in (("the candidate", ours), ("stable", theirs))
        for what, n in work.items()
    }


def _shift(readings: float, rises: float, falls: float, squares: float) -> dict[str, dict[str, float]]:
    sums = {"rises": {"": rises}, "falls": {"": falls}, "squares": {"": squares}}
    return {"compared readings": {"agreed": readings}, **sums}


EXAMPLES = (
    Example(
        Gate(name="errors", error_rate=ErrorRate(max=0.001)),
        within={"requests": {"200": 99_990, "OK": 1e5, "500": 10, "400": 5_000}},
        beyond={"requests": {"200": 99_000, "503": 1_000}},
        few={"requests": {"200": 500, "503": 499}},
    ),
    Example(
        Gate(name="speed", latency=Latency()),
        within={"requests": {"0.05": 9e4, "0.1": 99_900, "+Inf": 1e5}},
        beyond={"requests": {"0.05": 5e4, "0.1": 97_000, "+Inf": 1e5}},
        few={"requests": {"0.05": 100, "0.1": 100, "+Inf": 999}},
    ),
    Example(
        Gate(name="pace", throughput=Throughput(min_of_stable=0.8)),
        within=_work(1e6, 1e4, 10.5),
        beyond=_work(1e6, 1e4, 20.0),
        few=_work(99_900, 999, 9.99),
    ),
    Example(
        Gate(name="agreement", disagreement=Disagreement(max=0.02)),
        within={"compared readings": {"agreed": 1e6, "disagreed": 1_000}},
        beyond={"compared readings": {"agreed": 1e6, "disagreed": 1e5}},
        few={"compared readings": {"agreed": 5_000, "disagreed": 4_999}},
    ),
    Example(
        Gate(name="risk", risk_shift=RiskShift(max=0.01)),
        within=_shift(1e6, 3_000, 1_000, 300),
        beyond=_shift(1e6, 1_000, 60_000, 9_000),
        few=_shift(9_999, 5_000, 0, 2_500),
    ),
    Example(
        Gate(name="ranges", out_of_range=OutOfRange(max=0.01)),
        within={"readings": {"": 1e6}, "flags": {"out_of_range": 100}},
        beyond={"readings": {"": 1e6}, "flags": {"out_of_range": 50_000}},
        few={"readings": {"": 9_999}, "flags": {"out_of_range": 9_999}},
    ),
    Example(
        Gate(name="coverage", coverage=Coverage(min=0.99)),
        within={"readings": {"": 1e6}, "flags": {"missing_context": 100, "not_finite": 10}},
        beyond={"readings": {"": 1e6}, "flags": {"missing_context": 50_000, "not_finite": 0}},
        few={"readings": {"": 9_999}, "flags": {"missing_context": 9_999, "not_finite": 0}},
    ),
    Example(
        Gate(name="heat", promql=PromQL(query="max(heat{isvc='{{candidate}}'})", max=80, samples="n", min_samples=10)),
        within={"the query": {"": 79.5}, "the query for samples": {"": 10}},
        beyond={"the query": {"": 80.5}, "the query for samples": {"": 10}},
        few={"the query": {"": 80.5}, "the query for samples": {"": 9}},
    ),
    Example(
        Gate(name="elsewhere", served_elsewhere=ServedElsewhere(url="http://there/status/a/b", for_="168h")),
        within={"time served there": {"": 604_800}, "rollbacks there": {"": 0}},
        beyond={"time served there": {"": 604_800}, "rollbacks there": {"": 1}},
        few={"time served there": {"": 604_799}, "rollbacks there": {"": 0}},
    ),
)

UNFED = (
    Gate(name="precision", effective_precision=EffectivePrecision(min=0.93)),
    Gate(name="recall", effective_recall=EffectiveRecall(min=0.6)),
    Gate(name="drift", drift=Drift(max=0.2)),
)


def answered(
    gate: Gate, values: Values, *, trial: Trial = TRIAL, newest: datetime | None = NOW, fault: str = ""
) -> dict[Question, Reading]:
    """An answer to each question of the gate, with the values of its role; none where there is a fault."""
    return {
        question: Reading({} if fault else values.get(role, {}), trial.since, newest, f"rise of {role}", fault)
        for role, question in kind_of(gate).asks(gate, trial).items()
    }
