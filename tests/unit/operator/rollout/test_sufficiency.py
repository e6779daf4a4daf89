"""The fewest samples with which a gate passes are those with which its own judgement does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from weld_api.gate import Coverage, Disagreement, ErrorRate, Gate, Latency, OutOfRange, PromQL, RiskShift, Throughput
from weld_api.rollout import Rollout, Shadow
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.judging import judge_all
from weld_operator.domain.gates.measurement import Counter, Question, Reading
from weld_operator.domain.gates.questions import questions
from weld_operator.domain.rollout.sufficiency import error_of, fewest_to_pass

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
LOWEST_FLOOR = 1
GATES = (
    Gate(name="errors", error_rate=ErrorRate(max=0.001, min_samples=LOWEST_FLOOR)),
    Gate(name="speed", latency=Latency(quantile=0.99, max="100ms", min_samples=LOWEST_FLOOR)),
    Gate(name="agreement", disagreement=Disagreement(max=0.02, min_samples=LOWEST_FLOOR)),
    Gate(name="shift", risk_shift=RiskShift(max=0.01, min_samples=LOWEST_FLOOR)),
    Gate(name="ranges", out_of_range=OutOfRange(max=0.01, min_samples=LOWEST_FLOOR)),
    Gate(name="inputs", coverage=Coverage(min=0.99, min_samples=LOWEST_FLOOR)),
    Gate(name="pace", throughput=Throughput(min_of_stable=0.8, min_samples=1_000)),
)
ROLLOUT = Rollout(shadow=Shadow(), gates=GATES)


def flawless(question: Question, samples: int) -> Reading:
    """What a source answers when nothing is amiss, and candidate and stable are alike."""
    assert isinstance(question, Counter)
    match question.by:
        case "status":
            values = {"200": float(samples)}
        case "le":
            values = {"0.05": float(samples), "0.1": float(samples), "+Inf": float(samples)}
        case "result":
            values = {"agreed": float(samples), "disagreed": 0.0}
        case "flag":
            values = {"out_of_range": 0.0}
        case _:
            is_nothing = "risk" in question.metric
            values = {"": 0.0 if is_nothing else float(samples)}
    return Reading(values=values, since=NOW - timedelta(hours=1), newest=NOW)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_a_gate_passes_with_them_and_not_with_one_less(gate: Gate) -> None:
    trial = Trial(
        namespace="plant-a",
        candidate="b",
        stable="a",
        digest="b" * 64,
        since=NOW - timedelta(hours=1),
        deadline=timedelta(milliseconds=100),
        phases=4,
        error_probability=ROLLOUT.analysis.error_probability,
        is_shadow=False,
    )
    fewest = fewest_to_pass(gate, error_of(ROLLOUT, GATES))
    assert fewest is not None
    verdicts = [
        judge_all(GATES, trial, {asked: flawless(asked, samples) for asked in questions(GATES, trial)}, NOW)[gate.name]
        for samples in (fewest - 1, fewest)
    ]
    assert [each.verdict for each in verdicts] == ["InsufficientEvidence", "Pass"]


def test_what_is_judged_by_no_interval_needs_none() -> None:
    gate = Gate(name="own", promql=PromQL(query="up", max=1))
    assert fewest_to_pass(gate, 0.01) == 0


@pytest.mark.parametrize(
    "gate",
    [
        Gate(name="it", error_rate=ErrorRate(max=0)),
        Gate(name="it", risk_shift=RiskShift(max=0)),
        Gate(name="it", coverage=Coverage(min=1)),
        Gate(name="it", throughput=Throughput(min_of_stable=1)),
    ],
    ids=lambda gate: type(gate.condition).__name__,
)
def test_what_leaves_no_room_for_chance_is_never_shown(gate: Gate) -> None:
    assert fewest_to_pass(gate, 0.01) is None


def test_a_limit_that_allows_everything_is_shown_at_once() -> None:
    assert fewest_to_pass(Gate(name="it", disagreement=Disagreement(max=1)), 0.01) == 1
