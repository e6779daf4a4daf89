"""A preview says when a rollout's evidence can be there, and where it cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weld_api.gate import GATE_KINDS
from weld_api.quantity import parse_duration
from weld_api.spec import WeldModelSpec
from weld_operator.domain.rollout.preview import Outlook, Preview, preview
from weld_operator.domain.rollout.wording import roughly, share_in_words, time_in_words

SECOND = timedelta(seconds=1)

GATES: dict[str, dict[str, Any]] = {
    "errorRate": {"max": 0.001},
    "latency": {"quantile": 0.99, "max": "80ms"},
    "throughput": {"minOfStable": 0.8},
    "disagreement": {"max": 0.02},
    "riskShift": {"max": 0.01},
    "outOfRange": {"max": 0.01},
    "coverage": {"min": 0.99},
    "effectivePrecision": {"min": 0.93},
    "effectiveRecall": {"min": 0.6},
    "drift": {"max": 0.2},
    "promql": {"query": "up", "max": 900_000_000},
    "servedElsewhere": {"url": "https://weldserve.example/v1/status/plant-a/north-line", "for": "168h"},
}


def spec(rollout: dict[str, Any] | None, readings: int = 10_000, tick: str = "100ms", **serving: Any) -> WeldModelSpec:
    return WeldModelSpec.model_validate(
        {
            "asset": {"kind": "PipelineWeld", "site": "north-line"},
            "model": {"version": "2.0.0", "uri": "pvc://bundles/weld-2.0.0", "sha256": "0" * 64},
            "workload": {"readingsPerTick": readings, "tick": tick},
            "serving": serving,
            "rollout": rollout,
        }
    )


def gate(kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": "it", kind: {**GATES[kind], **fields}}


def found(rollout: dict[str, Any], **workload: Any) -> Preview:
    seen = preview(spec(rollout, **workload))
    assert seen is not None
    return seen


def outlook(rollout: dict[str, Any], stage: int = 0, **workload: Any) -> Outlook:
    """Of the gate called `it`."""
    conditions = found(rollout, **workload).stages[stage].conditions
    return next(each for each in conditions if each.name == "it")


def test_without_a_rollout_there_is_nothing_to_preview() -> None:
    assert preview(spec(None)) is None


def test_shadow_and_steps_follow_each_other_with_their_holds() -> None:
    rollout = {"shadow": {"for": "24h"}, "steps": [{"weight": 5, "hold": "1h"}, {"weight": 50, "hold": "2h"}]}
    seen = found({**rollout, "deadline": {"per": "12h"}})
    assert [(each.name, each.weight, each.hold) for each in seen.stages] == [
        ("shadow", 0, timedelta(hours=24)),
        ("step 1 of 2", 5, timedelta(hours=1)),
        ("step 2 of 2", 50, timedelta(hours=2)),
    ]
    assert seen.soonest == timedelta(hours=27)
    assert seen.at_latest == timedelta(hours=27 + 3 * 12)


@pytest.mark.parametrize("change", [{"deadline": {"then": "Hold"}}, {"approval": "Manual"}])
def test_what_waits_for_somebody_has_no_latest_end(change: dict[str, Any]) -> None:
    assert found(change).at_latest is None


def test_a_step_s_own_gates_are_asked_for_there_alone() -> None:
    steps = [{"weight": 5}, {"weight": 50, "gates": [gate("latency")]}]
    seen = found({"steps": steps, "gates": [{"name": "errors", "errorRate": {"max": 0.1}}]})
    assert [[each.name for each in stage.conditions] for stage in seen.stages] == [["errors"], ["errors", "it"]]


def test_readings_come_at_the_step_s_share_of_the_workload_s_rate() -> None:
    seen = outlook({"steps": [{"weight": 5}], "gates": [gate("outOfRange", minSamples=10_000)]})
    assert (seen.soonest, seen.latest, seen.prospect) == (2 * SECOND, 2 * SECOND, "InTime")


def test_in_the_shadow_they_come_at_the_share_that_is_forwarded() -> None:
    rollout = {"shadow": {"share": 50}, "gates": [gate("outOfRange", minSamples=10_000)]}
    assert outlook(rollout).soonest == 0.2 * SECOND


def test_in_a_step_what_is_forwarded_counts_beside_what_it_answers() -> None:
    rollout = {"shadow": {"share": 50}, "steps": [{"weight": 20}], "gates": [gate("outOfRange", minSamples=60_000)]}
    assert outlook(rollout, stage=1).soonest == SECOND


def test_requests_are_the_sensors_own_in_a_step_and_forwarded_ones_in_the_shadow() -> None:
    gates = [gate("errorRate", max=0.1, minSamples=10_000)]
    rollout = {"shadow": {"share": 50}, "steps": [{"weight": 20}], "gates": gates}
    assert outlook(rollout, stage=0).soonest == 0.2 * SECOND
    assert outlook(rollout, stage=1).soonest == 0.5 * SECOND


def test_they_are_compared_where_stable_scored_them() -> None:
    rollout = {"shadow": {"share": 50}, "steps": [{"weight": 75}], "gates": [gate("disagreement", minSamples=10_000)]}
    assert outlook(rollout, stage=0).soonest == 0.2 * SECOND
    assert outlook(rollout, stage=1).soonest == 0.8 * SECOND


def test_what_sampling_leaves_out_is_not_compared() -> None:
    rollout = {"shadow": {}, "gates": [gate("riskShift", minSamples=10_000)]}
    intake = {"sampling": "EveryNth", "everyNth": 10}
    assert outlook(rollout, intake=intake).soonest == SECOND


@pytest.mark.parametrize(
    "gate",
    [
        gate("errorRate", max=0.1, minSamples=1_000),
        gate("latency", minSamples=1_000),
        gate("throughput", minOfStable=0.1, minSamples=1_000),
    ],
)
def test_requests_come_with_one_reading_or_a_whole_tick_in_each(gate: dict[str, Any]) -> None:
    seen = outlook({"steps": [{"weight": 10}], "gates": [gate]})
    assert seen.soonest == 0.1 * SECOND
    assert seen.latest == 1_000 * SECOND
    assert seen.prospect == "AfterHold"
    assert "the 1,000 requests that it needs" in seen.remark or "the 1,000 passes that it needs" in seen.remark
    assert "take 0.1 s to 16 min 40 s" in seen.remark
    assert "after the hold of 10 min" in seen.remark


def test_a_floor_beyond_the_deadline_is_said_beforehand() -> None:
    gates = [gate("errorRate", max=0.1)]
    rollout = {"steps": [{"weight": 50, "hold": "1m"}], "gates": gates, "deadline": {"per": "9m"}}
    seen = found(rollout, readings=1, tick="1s")
    assert seen.stages[0].conditions[0].prospect == "Impossible"
    assert seen.warnings == (
        "step 1 of 1, it: at 50 % of 1 readings/s the 1,000 requests that it needs at the least take 33 min 20 s, and "
        "cannot be met within hold and deadline (10 min); at the deadline it is rolled back",
    )


def test_a_floor_that_hangs_on_the_clients_is_doubted() -> None:
    steps, gates = [{"weight": 50, "hold": "1m"}], [gate("errorRate", max=0.1)]
    seen = found({"steps": steps, "gates": gates, "deadline": {"per": "1m", "then": "Hold"}})
    assert seen.stages[0].conditions[0].prospect == "Doubtful"
    (warning,) = seen.warnings
    assert "0.02 s with one reading in a request, but 3 min 20 s with a whole tick in each" in warning
    assert warning.endswith("it stays until somebody acts")


def test_more_samples_than_the_floor_are_reckoned_with_where_chance_wants_them() -> None:
    seen = outlook({"steps": [{"weight": 50}], "gates": [gate("errorRate", max=0.001, minSamples=1_000)]})
    assert seen.floor == 1_000
    assert seen.needed is not None
    assert 4_000 < seen.needed < 20_000
    assert seen.soonest == seen.needed / 50_000 * SECOND


@pytest.mark.parametrize("gate", [gate("errorRate", max=0), gate("coverage", min=1), gate("throughput", minOfStable=1)])
def test_a_limit_without_room_for_chance_cannot_be_shown_to_be_met(gate: dict[str, Any]) -> None:
    seen = found({"steps": [{"weight": 50}], "gates": [gate]})
    assert seen.stages[0].conditions[0].prospect == "Impossible"
    assert "such a limit leaves no room for chance; at the deadline it is rolled back" in seen.warnings[0]


def test_what_the_shadow_must_compare_is_reckoned_too() -> None:
    seen = found({"shadow": {"for": "1m", "minReadings": 1_000_000}, "gates": []}, readings=10, tick="1s")
    (condition,) = seen.stages[0].conditions
    assert (condition.name, condition.soonest, condition.prospect) == (
        "minReadings",
        100_000 * SECOND,
        "Impossible",
    )


def test_a_shadow_that_must_compare_nothing_has_no_such_condition() -> None:
    assert found({"shadow": {"minReadings": 0}, "gates": []}).stages[0].conditions == ()


def test_time_alone_is_warned_of() -> None:
    assert found({"steps": [{"weight": 5}], "gates": []}).warnings == ("step 1 of 1 has no gate: time alone passes it",)


@pytest.mark.parametrize("kind", ["effectivePrecision", "effectiveRecall", "drift"])
def test_what_nothing_feeds_never_has_evidence(kind: str) -> None:
    seen = found({"gates": [gate(kind)], "steps": [{"weight": 5}]})
    assert seen.stages[0].conditions[0].prospect == "Impossible"
    assert "it never has evidence" in seen.warnings[0]


def test_a_query_s_samples_are_its_own_affair() -> None:
    assert outlook({"gates": [gate("promql", samples="count(up)", minSamples=5)]}).prospect == "Unknown"


@pytest.mark.parametrize("kind", GATE_KINDS)
def test_each_kind_of_gate_has_words(kind: str) -> None:
    words = outlook({"shadow": {}, "gates": [gate(kind)]}).asks
    assert any(character.isdigit() for character in words)


def test_a_latency_gate_without_limit_has_the_workload_s_deadline() -> None:
    seen = outlook({"gates": [{"name": "it", "latency": {}}]})
    assert seen.asks == "99 % of requests are answered within 100ms"


@settings(deadline=None)
@given(
    weights=st.sets(st.integers(1, 99), min_size=1, max_size=12),
    kinds=st.lists(st.sampled_from(GATE_KINDS), max_size=3),
    readings=st.integers(1, 10_000_000),
    tick=st.sampled_from(["1ms", "100ms", "1h"]),
    per=st.sampled_from(["0s", "1s", "12h"]),
    samples=st.integers(1, 1_000_000_000),
)
def test_whatever_the_spec_the_times_are_in_order(
    weights: set[int], kinds: list[str], readings: int, tick: str, per: str, samples: int
) -> None:
    floors: dict[str, dict[str, Any]] = {"drift": {}, "servedElsewhere": {}, "promql": {"samples": "count(up)"}}
    gates = [
        {"name": f"g{number}", kind: {**GATES[kind], **floors.get(kind, {_floor(kind): samples})}}
        for number, kind in enumerate(kinds)
    ]
    steps = [{"weight": weight} for weight in sorted(weights)]
    seen = found({"shadow": {}, "steps": steps, "gates": gates, "deadline": {"per": per}}, readings=readings, tick=tick)
    assert len(seen.stages) == len(weights) + 1
    assert seen.at_latest == seen.soonest + len(seen.stages) * parse_duration(per)
    for stage in seen.stages:
        for each in stage.conditions:
            if each.soonest is not None and each.latest is not None:
                assert timedelta() <= each.soonest <= each.latest
                assert (each.prospect == "InTime") == (each.latest <= stage.hold)
                assert (each.prospect == "Impossible") == (each.soonest > stage.until_deadline)


def _floor(kind: str) -> str:
    return "minOutcomes" if kind.startswith("effective") else "minSamples"


@pytest.mark.parametrize(
    ("seconds", "words", "rough"),
    [
        (-5, "0 s", "0 s"),
        (0.21, "0.21 s", "0.21 s"),
        (59.7, "60 s", "60 s"),
        (45, "45 s", "45 s"),
        (90, "1 min 30 s", "2 min"),
        (3_600, "1 h", "1 h"),
        (86_399, "24 h", "24 h"),
        (100_000, "1 d 4 h", "1 d"),
    ],
)
def test_times_are_said_with_two_units_at_the_most(seconds: float, words: str, rough: str) -> None:
    assert time_in_words(seconds * SECOND) == words
    assert roughly(seconds * SECOND) == rough


def test_shares_are_said_in_percent() -> None:
    assert [share_in_words(each) for each in (0.001, 0.02, 1, 0.12345)] == ["0.1 %", "2 %", "100 %", "12.35 %"]
