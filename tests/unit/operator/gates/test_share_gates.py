"""Gates about a share: what counts as bad, of what, and what is made of counts that are not exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.gate_examples import NOW, TRIAL, answered
from weld_api.gate import Coverage, Disagreement, ErrorRate, Gate, Latency
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.judging import judge
from weld_operator.domain.gates.kinds import kind_of
from weld_operator.domain.gates.measurement import Counter
from weld_operator.domain.gates.verdict import Verdict

ERRORS = Gate(name="errors", error_rate=ErrorRate(max=0.01))
AGREEMENT = Gate(name="agreement", disagreement=Disagreement(max=0.02))


def requests(gate: Gate, values: Mapping[str, float], trial: Trial = TRIAL) -> Verdict:
    return judge(gate, trial, answered(gate, {"requests": values}, trial=trial), NOW)


@pytest.mark.parametrize(
    "status",
    [
        "500",
        "501",
        "503",
        "504",
        "429",
        "UNKNOWN",
        "INTERNAL",
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "UNIMPLEMENTED",
        "DATA_LOSS",
    ],
)
def test_what_the_server_left_without_an_answer_is_an_error(status: str) -> None:
    verdict = requests(ERRORS, {"200": 9_000, "OK": 90_000, status: 1_000})
    assert (verdict.finding.value, verdict.finding.samples) == (0.01, 100_000)


@pytest.mark.parametrize(
    "status", ["400", "404", "408", "413", "415", "431", "499", "CANCELLED", "INVALID_ARGUMENT", "NOT_FOUND"]
)
def test_what_the_client_did_is_neither_an_error_nor_a_request_that_counts(status: str) -> None:
    verdict = requests(ERRORS, {"200": 99_900, "500": 100, status: 1e6})
    assert (verdict.finding.value, verdict.finding.samples) == (0.001, 100_000)


@pytest.mark.parametrize("status", ["429", "RESOURCE_EXHAUSTED"])
def test_what_a_shadow_refuses_for_load_leaves_no_sensor_waiting(status: str) -> None:
    verdict = requests(ERRORS, {"200": 99_900, "500": 100, status: 1e6}, replace(TRIAL, is_shadow=True))
    assert (verdict.finding.value, verdict.finding.samples) == (0.001, 100_000)


def test_requests_that_only_clients_spoiled_are_no_evidence() -> None:
    verdict = requests(ERRORS, {"400": 1e6})
    assert (verdict.verdict, verdict.reason) == ("InsufficientEvidence", "NoData")


def test_a_share_at_its_limit_stays_undecided() -> None:
    verdict = requests(ERRORS, {"200": 99_000, "500": 1_000})
    assert (verdict.verdict, verdict.reason) == ("InsufficientEvidence", "Undecided")
    assert verdict.message.startswith("1 % of 100,000 requests failed (0.8")
    assert verdict.message.endswith("expected at most 1 %: more must be counted")


def test_no_count_proves_that_there_is_none() -> None:
    none = Gate(name="errors", error_rate=ErrorRate(max=0))
    assert requests(none, {"200": 1e9}).reason == "Undecided"
    assert "no count can prove" in requests(none, {"200": 1e9}).message
    assert requests(none, {"200": 1e9, "500": 1e3}).verdict == "Fail"


LATENCIES = [
    pytest.param("100ms", {"0.05": 9e4, "0.1": 99_900, "+Inf": 1e5}, "Pass", id="the limit is a bound"),
    pytest.param("100ms", {"0.05": 9e4, "0.1": 98_000, "+Inf": 1e5}, "Fail", id="the limit is a bound, too slow"),
    pytest.param("80ms", {"0.05": 99_900, "0.1": 99_950, "+Inf": 1e5}, "Pass", id="quicker than the bound below"),
    pytest.param("80ms", {"0.05": 9e4, "0.1": 98_000, "+Inf": 1e5}, "Fail", id="slower than the bound above"),
    pytest.param("80ms", {"0.05": 9e4, "0.1": 1e5, "+Inf": 1e5}, "InsufficientEvidence", id="between two bounds"),
    pytest.param(
        "10s", {"0.1": 0, "5.0": 99_990, "+Inf": 1e5}, "Pass", id="longer than all, and quicker than the last"
    ),
    pytest.param("10s", {"0.1": 0, "5.0": 50, "+Inf": 1e5}, "InsufficientEvidence", id="longer than all"),
    pytest.param("1ms", {"0.002": 1e5, "+Inf": 1e5}, "InsufficientEvidence", id="shorter than all"),
    pytest.param("1ms", {"0.002": 10, "+Inf": 1e5}, "Fail", id="shorter than all, and slower than the first"),
]


@pytest.mark.parametrize(("limit", "buckets", "expected"), LATENCIES)
def test_a_latency_is_judged_by_the_bounds_next_to_its_limit(
    limit: str, buckets: Mapping[str, float], expected: str
) -> None:
    gate = Gate(name="speed", latency=Latency(quantile=0.99, max=limit))
    assert requests(gate, buckets).verdict == expected


def test_a_latency_without_a_limit_is_held_against_the_deadline_of_the_workload() -> None:
    gate = Gate(name="speed", latency=Latency())
    verdict = requests(gate, {"0.05": 5e4, "0.1": 1e5, "+Inf": 1e5})
    assert verdict.verdict == "Pass"
    assert "took longer than 100 ms" in verdict.message


def test_paired_gates_ask_stable_about_this_candidate() -> None:
    [asked] = kind_of(AGREEMENT).asks(AGREEMENT, TRIAL).values()
    expected = Counter(
        "weldserve_shadow_readings_total", "plant-a", TRIAL.stable, (("candidate", "6c1f0a2b"),), by="result"
    )
    assert asked == expected


def test_a_reading_with_two_flags_is_held_neither_against_the_candidate_nor_for_it() -> None:
    gate = Gate(name="coverage", coverage=Coverage(min=0.99))
    both: dict[str, dict[str, float]] = {
        "readings": {"": 1e6},
        "flags": {"missing_context": 7_000, "not_finite": 7_000},
    }
    assert judge(gate, TRIAL, answered(gate, both), NOW).verdict == "InsufficientEvidence"


def test_more_flags_than_readings_are_no_evidence() -> None:
    gate = Gate(name="coverage", coverage=Coverage(min=0.99))
    values: dict[str, dict[str, float]] = {"readings": {"": 1e5}, "flags": {"missing_context": 2e5, "not_finite": 0}}
    verdict = judge(gate, TRIAL, answered(gate, values), NOW)
    assert (verdict.verdict, verdict.reason) == ("InsufficientEvidence", "Inconsistent")


RANK = {"Pass": 0, "InsufficientEvidence": 1, "Fail": 2}


@given(samples=st.integers(1, 10**9), share=st.floats(0, 1), more=st.floats(0, 1))
def test_more_errors_never_make_a_verdict_better(samples: int, share: float, more: float) -> None:
    bad = int(samples * share)
    worse = bad + int((samples - bad) * more)
    before, after = (requests(ERRORS, {"200": samples - each, "500": each}) for each in (bad, worse))
    assert RANK[after.verdict] >= RANK[before.verdict]


@given(
    samples=st.integers(0, 10**9),
    quick=st.floats(0, 1),
    between=st.floats(0, 1),
    slower=st.floats(0, 1),
    limit=st.integers(1, 300),
)
def test_slower_requests_never_make_a_verdict_better(
    samples: int, quick: float, between: float, slower: float, limit: int
) -> None:
    gate = Gate(name="speed", latency=Latency(max=f"{limit}ms"))

    def judged(quick: float, between: float) -> Verdict:
        first = int(samples * quick)
        second = first + int((samples - first) * between)
        return requests(gate, {"0.05": first, "0.1": second, "+Inf": samples})

    assert RANK[judged(quick * slower, between * slower).verdict] >= RANK[judged(quick, between).verdict]


@given(samples=st.integers(0, 9_999), share=st.floats(0, 1))
def test_below_its_floor_nothing_is_decided(samples: int, share: float) -> None:
    bad = int(samples * share)
    values = {"compared readings": {"agreed": samples - bad, "disagreed": bad}}
    assert judge(AGREEMENT, TRIAL, answered(AGREEMENT, values), NOW).verdict == "InsufficientEvidence"


@given(samples=st.integers(1, 10**9), share=st.floats(0, 1))
def test_a_verdict_follows_from_its_interval(samples: int, share: float) -> None:
    bad = int(samples * share)
    verdict = requests(ERRORS, {"200": samples - bad, "500": bad})
    finding = verdict.finding
    assert finding.value == bad / samples
    assert finding.lower is not None
    assert finding.upper is not None
    assert finding.lower <= bad / samples <= finding.upper
    assert (verdict.verdict == "Pass") == (samples >= 1_000 and finding.upper <= 0.01)
    assert (verdict.verdict == "Fail") == (samples >= 1_000 and finding.lower > 0.01)
