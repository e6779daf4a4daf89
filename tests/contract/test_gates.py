"""What every kind of gate does alike: one suite over all of them.

No data, old data, a source that fails, a clock that is wrong, numbers that are none, too few samples: none of these
ever passes or fails. Within the limit passes, beyond it fails, and each verdict says why, and on what it rests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.gate_examples import EXAMPLES, NOW, TRIAL, UNFED, Example, Values, answered
from weld_api.gate import Gate
from weld_api.rollout_status import LONGEST_SENTENCE
from weld_operator.domain.gates.judging import judge, judge_all
from weld_operator.domain.gates.kinds import KINDS, kind_of
from weld_operator.domain.gates.measurement import Question, Reading
from weld_operator.domain.gates.questions import questions
from weld_operator.domain.gates.verdict import Verdict

every_kind = pytest.mark.parametrize("example", EXAMPLES, ids=str)


def _with_every_value(values: Values, number: float) -> Values:
    return {role: dict.fromkeys(each, number) for role, each in values.items()}


def _is_insufficient(verdict: Verdict, reason: str) -> bool:
    return (verdict.verdict, verdict.reason) == ("InsufficientEvidence", reason)


def _judged(gate: Gate, readings: Mapping[Question, Reading]) -> Verdict:
    verdict = judge(gate, TRIAL, readings, NOW)
    assert verdict.gate == gate.name
    assert 0 < len(verdict.message) <= LONGEST_SENTENCE
    return verdict


def test_every_kind_is_tried_here() -> None:
    tried = {type(example.gate.condition) for example in EXAMPLES} | {type(gate.condition) for gate in UNFED}
    assert tried == set(KINDS)


@every_kind
def test_within_the_limit_it_passes(example: Example) -> None:
    verdict = _judged(example.gate, answered(example.gate, example.within))
    assert (verdict.verdict, verdict.reason) == ("Pass", "WithinLimit")
    assert "expected at" in verdict.message


@every_kind
def test_beyond_the_limit_it_fails(example: Example) -> None:
    verdict = _judged(example.gate, answered(example.gate, example.beyond))
    assert (verdict.verdict, verdict.reason) == ("Fail", "BeyondLimit")
    assert "expected at" in verdict.message


@every_kind
def test_a_verdict_says_what_it_rests_on(example: Example) -> None:
    newest = NOW - timedelta(seconds=20)
    finding = _judged(example.gate, answered(example.gate, example.beyond, newest=newest)).finding
    assert finding.value is not None
    assert finding.lower is not None
    assert finding.upper is not None
    assert finding.lower <= finding.value <= finding.upper
    assert finding.samples > 0
    assert (finding.since, finding.newest) == (TRIAL.since, newest)
    assert "rise of" in finding.query


@every_kind
def test_below_its_floor_it_is_not_judged(example: Example) -> None:
    assert _is_insufficient(_judged(example.gate, answered(example.gate, example.few)), "BelowFloor")


@every_kind
def test_nothing_counted_is_no_evidence(example: Example) -> None:
    assert _is_insufficient(_judged(example.gate, answered(example.gate, {}, newest=None)), "NoData")
    assert _is_insufficient(_judged(example.gate, answered(example.gate, {})), "NoData")
    assert _is_insufficient(_judged(example.gate, answered(example.gate, example.within, newest=None)), "NoData")


@every_kind
def test_all_counts_at_zero_are_no_evidence(example: Example) -> None:
    verdict = _judged(example.gate, answered(example.gate, _with_every_value(example.within, 0.0)))
    assert verdict.verdict == "InsufficientEvidence"
    assert verdict.reason in ("NoData", "BelowFloor")


@every_kind
def test_one_answer_that_is_missing_is_no_evidence(example: Example) -> None:
    whole = answered(example.gate, example.within)
    for question in whole:
        empty = {**whole, question: replace(whole[question], values={}, newest=None)}
        assert _is_insufficient(_judged(example.gate, empty), "NoData")
        without = {asked: answer for asked, answer in whole.items() if asked != question}
        assert _is_insufficient(_judged(example.gate, without), "SourceFailed")


@every_kind
def test_old_samples_are_no_evidence(example: Example) -> None:
    fresh, old = NOW - timedelta(minutes=5), NOW - timedelta(minutes=5, seconds=1)
    assert _judged(example.gate, answered(example.gate, example.within, newest=fresh)).verdict == "Pass"
    verdict = _judged(example.gate, answered(example.gate, example.within, newest=old))
    assert _is_insufficient(verdict, "Stale")
    assert "5 min 1 s" in verdict.message


@every_kind
def test_the_oldest_answer_counts(example: Example) -> None:
    whole = answered(example.gate, example.within)
    for question in whole:
        old = {**whole, question: replace(whole[question], newest=NOW - timedelta(hours=1))}
        assert _is_insufficient(_judged(example.gate, old), "Stale")


@every_kind
def test_samples_from_the_future_are_no_evidence(example: Example) -> None:
    near, far = NOW + timedelta(seconds=30), NOW + timedelta(seconds=31)
    assert _judged(example.gate, answered(example.gate, example.within, newest=near)).verdict == "Pass"
    assert _is_insufficient(_judged(example.gate, answered(example.gate, example.within, newest=far)), "ClockSkew")


@every_kind
def test_a_source_that_fails_is_no_evidence(example: Example) -> None:
    verdict = _judged(example.gate, answered(example.gate, example.beyond, fault="http://prometheus is away"))
    assert _is_insufficient(verdict, "SourceFailed")
    assert "http://prometheus is away" in verdict.message


@every_kind
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_evidence(example: Example, number: float) -> None:
    whole = answered(example.gate, example.within)
    for question, answer in whole.items():
        spoiled = {**whole, question: replace(answer, values=dict.fromkeys(answer.values, number))}
        assert _is_insufficient(_judged(example.gate, spoiled), "NotANumber")


@every_kind
def test_a_count_below_zero_is_no_evidence(example: Example) -> None:
    whole = answered(example.gate, example.within)
    counts = [
        question for role, question in kind_of(example.gate).asks(example.gate, TRIAL).items() if role != "the query"
    ]
    for question in counts:
        spoiled = {**whole, question: replace(whole[question], values=dict.fromkeys(whole[question].values, -1.0))}
        assert _is_insufficient(_judged(example.gate, spoiled), "Negative")


@every_kind
def test_equal_inputs_give_equal_verdicts(example: Example) -> None:
    once, again = (judge(example.gate, TRIAL, answered(example.gate, example.within), NOW) for _ in range(2))
    assert once == again


@pytest.mark.parametrize("gate", UNFED, ids=lambda gate: str(gate.name))
def test_what_nothing_feeds_is_no_evidence(gate: Gate) -> None:
    verdict = _judged(gate, {})
    assert _is_insufficient(verdict, "NotFed")
    assert "fed yet" in verdict.message
    assert verdict.finding.value is None


def test_all_gates_are_judged_from_the_answers_to_all_questions() -> None:
    gates = [*(example.gate for example in EXAMPLES), *UNFED]
    readings = {
        question: reading
        for example in EXAMPLES
        for question, reading in answered(example.gate, example.within).items()
    }
    assert questions(gates, TRIAL) == set(readings)
    verdicts = judge_all(gates, TRIAL, readings, NOW)
    assert list(verdicts) == [gate.name for gate in gates]
    assert [each.verdict for each in verdicts.values()] == ["Pass"] * len(EXAMPLES) + ["InsufficientEvidence"] * 3
