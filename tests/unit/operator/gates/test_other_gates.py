"""Risk shift, throughput, and any query; and how the error probability is shared out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.gate_examples import NOW, TRIAL, answered
from weld_api.gate import ErrorRate, Gate, PromQL, RiskShift, Throughput
from weld_operator.domain.gates.judging import judge, judge_all
from weld_operator.domain.gates.measurement import Query
from weld_operator.domain.gates.promql import promql_faults, with_window
from weld_operator.domain.gates.questions import questions
from weld_operator.domain.gates.sequential import share_interval
from weld_operator.domain.gates.verdict import Verdict

RISK = Gate(name="risk", risk_shift=RiskShift(max=0.01))
PACE = Gate(name="pace", throughput=Throughput(min_of_stable=0.8))


def shifted(readings: float, rises: float, falls: float, squares: float) -> Verdict:
    sums = {"rises": {"": rises}, "falls": {"": falls}, "squares": {"": squares}}
    return judge(RISK, TRIAL, answered(RISK, {"compared readings": {"agreed": readings}, **sums}), NOW)


def paced(ours: tuple[float, float, float], theirs: tuple[float, float, float]) -> Verdict:
    """Readings, passes and seconds of each."""
    roles = ("readings scored", "passes", "seconds of scoring")
    values = {
        f"{owner}'s {role}": {"": number}
        for owner, work in (("the candidate", ours), ("stable", theirs))
        for role, number in zip(roles, work, strict=True)
    }
    return judge(PACE, TRIAL, answered(PACE, values), NOW)


@pytest.mark.parametrize(("rises", "falls"), [(30_000, 0), (0, 30_000)])
def test_a_shift_of_risk_counts_either_way(rises: float, falls: float) -> None:
    verdict = shifted(1e6, rises, falls, 5_000)
    assert verdict.verdict == "Fail"
    assert f"{(rises - falls) / 1e6:+g} off stable's" in verdict.message


def test_rises_and_falls_that_cancel_out_are_no_shift() -> None:
    assert shifted(1e6, 50_000, 50_000, 10_000).verdict == "Pass"


def test_differences_that_risks_cannot_have_are_no_evidence() -> None:
    assert shifted(1e5, 2e5, 0, 10).reason == "Inconsistent"
    assert shifted(1e5, 0, 0, 2e5).reason == "Inconsistent"


@given(readings=st.integers(1, 10**9), rise=st.floats(0, 0.5), fall=st.floats(0, 0.5), spread=st.floats(0, 1))
def test_the_interval_holds_the_shift_and_the_floor_holds(
    readings: int, rise: float, fall: float, spread: float
) -> None:
    verdict = shifted(readings, readings * rise, readings * fall, readings * spread)
    finding = verdict.finding
    assert finding.lower is not None
    assert finding.upper is not None
    assert finding.value is not None
    assert finding.lower <= finding.value + 1e-12
    assert finding.value <= finding.upper + 1e-12
    assert verdict.verdict == "InsufficientEvidence" or readings >= 10_000


PACES = [
    pytest.param((1e6, 1e4, 10.0), (1e6, 1e4, 10.0), "Pass", "WithinLimit", id="as quick"),
    pytest.param((1e6, 1e4, 20.0), (1e6, 1e4, 10.0), "Fail", "BeyondLimit", id="half as quick"),
    pytest.param((1e6, 1e4, 12.0), (1e6, 1e4, 10.0), "InsufficientEvidence", "Undecided", id="too near"),
    pytest.param((1e5, 999, 1.0), (1e6, 1e4, 10.0), "InsufficientEvidence", "BelowFloor", id="few passes of its own"),
    pytest.param((1e6, 1e4, 10.0), (1e5, 999, 1.0), "InsufficientEvidence", "BelowFloor", id="few passes of stable"),
    pytest.param((1e5, 1e4, 2.0), (1e6, 1e4, 10.0), "InsufficientEvidence", "Incomparable", id="smaller, so slower"),
    pytest.param((1e7, 1e4, 10.0), (1e6, 1e4, 10.0), "InsufficientEvidence", "Incomparable", id="larger, so quicker"),
    pytest.param((1e5, 1e4, 1.0), (1e6, 1e4, 10.0), "Pass", "WithinLimit", id="smaller, and yet as quick"),
    pytest.param((1e6, 1e4, 10.0), (1e6, 1e4, 0.0), "InsufficientEvidence", "NoData", id="stable did nothing"),
    pytest.param((1e3, 10, 0.01), (1e3, 10, 0.01), "InsufficientEvidence", "BelowFloor", id="no end to the interval"),
]


@pytest.mark.parametrize(("ours", "theirs", "expected", "reason"), PACES)
def test_throughput_is_compared_by_passes_of_like_size(
    ours: tuple[float, float, float], theirs: tuple[float, float, float], expected: str, reason: str
) -> None:
    verdict = paced(ours, theirs)
    assert (verdict.verdict, verdict.reason) == (expected, reason)


@given(passes=st.integers(1_000, 10**8), seconds=st.floats(0.1, 1e4), slower=st.floats(1, 10))
def test_a_slower_candidate_never_has_a_better_verdict(passes: int, seconds: float, slower: float) -> None:
    rank = {"Pass": 0, "InsufficientEvidence": 1, "Fail": 2}
    stable = (1e6, 1e4, 10.0)
    before, after = (paced((passes * 100, passes, seconds * each), stable) for each in (1, slower))
    assert rank[after.verdict] >= rank[before.verdict]


def _query(values: Mapping[str, float], samples: Mapping[str, float] | None = None, **limits: float) -> Verdict:
    floor = {} if samples is None else {"samples": "count(x)", "min_samples": 100}
    gate = Gate.model_validate({"name": "own", "promql": {"query": "x", **limits, **floor}})
    answers = {"the query": values, **({} if samples is None else {"the query for samples": samples})}
    return judge(gate, TRIAL, answered(gate, answers), NOW)


QUERIES = [
    pytest.param({"": 3.0}, None, {"max": 3}, "Pass", "WithinLimit", id="at the most"),
    pytest.param({"": 3.1}, None, {"max": 3}, "Fail", "BeyondLimit", id="above the most"),
    pytest.param({"": -1.0}, None, {"min": -2}, "Pass", "WithinLimit", id="negative"),
    pytest.param({"": -3.0}, None, {"min": -2}, "Fail", "BeyondLimit", id="below the least"),
    pytest.param({"": 2.0}, None, {"min": 1, "max": 3}, "Pass", "WithinLimit", id="between"),
    pytest.param({"": 4.0}, {"": 99}, {"max": 3}, "InsufficientEvidence", "BelowFloor", id="too few"),
    pytest.param({"": 4.0}, {"": 100}, {"max": 3}, "Fail", "BeyondLimit", id="just enough"),
    pytest.param({"": 4.0}, {"": -1}, {"max": 3}, "InsufficientEvidence", "Negative", id="fewer than none"),
    pytest.param({"": 4.0}, {}, {"max": 3}, "InsufficientEvidence", "NoData", id="samples unknown"),
    pytest.param({"a": 1.0, "b": 9.0}, None, {"max": 3}, "InsufficientEvidence", "SeveralValues", id="two values"),
    pytest.param({"": float("inf")}, None, {"min": 3}, "InsufficientEvidence", "NotANumber", id="infinite"),
]


@pytest.mark.parametrize(("values", "samples", "limits", "expected", "reason"), QUERIES)
def test_the_value_of_a_query_is_held_against_its_limits(
    values: Mapping[str, float],
    samples: Mapping[str, float] | None,
    limits: Mapping[str, float],
    expected: str,
    reason: str,
) -> None:
    verdict = _query(values, samples, **limits)
    assert (verdict.verdict, verdict.reason) == (expected, reason)


def test_placeholders_stand_for_the_trial_and_the_window_for_its_time() -> None:
    query = "rate(x{isvc='{{candidate}}'}[{{window}}]) / rate(x{isvc='{{stable}}',ns='{{namespace}}'}[{{window}}])"
    gate = Gate(name="own", promql=PromQL(query=query, max=1))
    [asked] = questions([gate], TRIAL)
    assert isinstance(asked, Query)
    assert with_window(asked.promql, TRIAL.since, NOW) == (
        "rate(x{isvc='north-line-6c1f0a2b'}[3600s]) / rate(x{isvc='north-line-77aa0b1c',ns='plant-a'}[3600s])"
    )
    assert with_window("{{window}}", NOW, NOW + timedelta(seconds=1.2)) == "2s"
    assert with_window("{{window}}", NOW, NOW) == "1s"


SOUND = [
    "vector(1)",
    "(sum(rate(weldserve_requests_total{status=~'5..'}[{{window}}])))",
    'histogram_quantile(0.9, sum by (le) (rate(x_bucket{isvc="{{candidate}}"}[5m])))',
    "up{namespace='{{namespace}}'}",
    "max_over_time(x[1h:1m])",
    "1 - x / on() y",
]
FAULTY = [
    ("sum(rate(x[5m])", "is not PromQL"),
    ("x{", "is not PromQL"),
    ("nonsense(x)", "nonsense"),
    ("x[5m]", "gives a range of values"),
    ("(x[5m:1m])", "gives a range of values"),
    ("'text'", "gives text"),
    ("x{a='{{model}}'}", "{{model}}"),
    ("x[{{Window}}]", "{{Window}}"),
]


@pytest.mark.parametrize("query", SOUND)
def test_a_sound_query_has_no_fault(query: str) -> None:
    assert promql_faults(Gate(name="own", promql=PromQL(query=query, max=1))) == ()


@pytest.mark.parametrize(("query", "words"), FAULTY)
def test_a_faulty_query_is_named_in_a_sentence(query: str, words: str) -> None:
    [fault] = promql_faults(Gate(name="own", promql=PromQL(query=query, max=1)))
    assert fault.startswith("own: promql.query ")
    assert words in fault
    assert "\n" not in fault


def test_the_query_for_samples_is_checked_too() -> None:
    gate = Gate(name="own", promql=PromQL(query="x", max=1, samples="count(", min_samples=1))
    [fault] = promql_faults(gate)
    assert fault.startswith("own: promql.samples is not PromQL")


def test_gates_of_other_kinds_have_no_query_to_be_wrong() -> None:
    assert promql_faults(RISK) == ()


def test_the_error_probability_is_shared_by_gates_and_phases() -> None:
    errors = [Gate(name=name, error_rate=ErrorRate(max=0.01)) for name in ("one", "two")]
    certain = Gate(name="own", promql=PromQL(query="x", max=1))
    gates = [*errors, certain]
    readings = {
        **answered(errors[0], {"requests": {"200": 99_900, "500": 100}}),
        **answered(certain, {"the query": {"": 1.0}}),
    }
    finding = judge_all(gates, TRIAL, readings, NOW)["one"].finding
    assert (finding.lower, finding.upper) == share_interval(100, 1e5, 0.01, 0.01 / (2 * 4))
    longer = judge_all(gates, replace(TRIAL, phases=8), readings, NOW)["one"].finding
    assert (longer.lower, longer.upper) == share_interval(100, 1e5, 0.01, 0.01 / (2 * 8))
