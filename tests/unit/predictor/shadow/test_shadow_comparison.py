"""Two answers to the same readings, compared reading by reading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.unit.predictor.shadow.batches import answered, batch
from weld_api import metric_names
from weld_predictor.answer import Answer
from weld_predictor.intake.flags import Flag
from weld_predictor.shadow.batch import Batch
from weld_predictor.shadow.comparison import Comparison, Inputs
from weld_predictor.shadow.losses import LOSSES
from weld_predictor.shadow.metrics import ShadowMetrics

LABELS = {"model": "north-line", "version": "1.0.0", "site": "north", "region": ""}


def of(risk: list[float], decision: list[int]) -> Batch:
    count = len(risk)
    return Batch(
        np.zeros((count, 2), np.float32),
        np.arange(count),
        np.arange(count),
        {},
        np.array(risk, np.float32),
        np.array(decision, np.uint8),
    )


def said(risk: list[float], decision: list[int], flags: list[int] | None = None) -> Answer:
    return Answer(
        np.array(risk, np.float32), np.array(decision, np.uint8), np.array(flags or [0] * len(risk), np.uint32)
    )


@pytest.mark.parametrize(
    ("stable", "candidate", "expected"),
    [
        ("the same", ([0.25, 0.75], [0, 1]), Comparison(2, 0, 0, 0.0, 0.0, 0.0)),
        ("a rise", ([0.5, 0.75], [0, 1]), Comparison(2, 0, 0, 0.25, 0.0, 0.0625)),
        ("a fall", ([0.25, 0.25], [0, 0]), Comparison(1, 1, 0, 0.0, 0.5, 0.25)),
        ("both", ([0.5, 0.5], [1, 0]), Comparison(0, 2, 0, 0.25, 0.25, 0.125)),
        ("not scored", ([1, 0.75], [1, 1], [Flag.NOT_SCORED, Flag.OUT_OF_RANGE]), Comparison(1, 0, 1, 0.0, 0.0, 0.0)),
        ("nothing scored", ([1, 1], [1, 1], [1, 1]), Comparison(0, 0, 2, 0.0, 0.0, 0.0)),
    ],
)
def test_each_reading_is_compared_with_itself(
    stable: str, candidate: tuple[list[float], ...], expected: Comparison
) -> None:
    del stable
    assert Comparison.of(of([0.25, 0.75], [0, 1]), said(*candidate)) == expected  # type: ignore[arg-type]


RISK = st.floats(0, 1, width=32)


@given(st.lists(st.tuples(RISK, RISK, st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_sums_are_those_of_plain_python(rows: list[tuple[float, float, bool, bool, bool]]) -> None:
    stable, candidate, one, other, unscored = (list(column) for column in zip(*rows, strict=True))
    found = Comparison.of(of(stable, one), said(candidate, other, [int(each) for each in unscored]))
    paired = [(theirs - ours, a == b) for ours, theirs, a, b, lost in rows if not lost]
    assert found.compared + found.unpaired == len(rows)
    assert found.agreed == sum(alike for _, alike in paired)
    assert found.rise == pytest.approx(sum(shift for shift, _ in paired if shift > 0), abs=1e-9)
    assert found.fall == pytest.approx(-sum(shift for shift, _ in paired if shift < 0), abs=1e-9)
    assert found.squares == pytest.approx(sum(shift**2 for shift, _ in paired), abs=1e-9)


INPUTS = Inputs.of(
    frozenset({"echo_0", "echo_1", "flow"}),
    frozenset({"flow"}),
    frozenset({"echo_0", "echo_2", "flow", "pressure"}),
    frozenset({"flow", "pressure"}),
)


def test_it_is_told_which_inputs_differ_and_how_often_they_came() -> None:
    given = batch(3, context={"flow": [1, np.nan, 3], "humidity": [1, 2, 3]})
    assert list(INPUTS.came(given)) == [
        ("echo_0", "both", 3),
        ("flow", "both", 2),
        ("echo_1", "stable", 3),
        ("echo_2", "candidate", 3),
        ("pressure", "candidate", 0),
    ]


def test_what_was_found_becomes_metrics() -> None:
    registry = CollectorRegistry()
    metrics = ShadowMetrics(registry, LABELS)
    metrics.begin("b0b0b0b0")

    def value(name: str, **more: str) -> float | None:
        return registry.get_sample_value(name, {**LABELS, "candidate": "b0b0b0b0", **more})

    begun = [(metric_names.SHADOW_READINGS, {"result": result}) for result in ("agreed", "disagreed")]
    begun += [(metric_names.SHADOW_LOST, {"reason": str(loss)}) for loss in LOSSES]
    begun += [
        (name, {})
        for name in (metric_names.SHADOW_RISK_RISE, metric_names.SHADOW_RISK_FALL, metric_names.SHADOW_RISK_SQUARES)
    ]
    assert [value(name, **more) for name, more in begun] == [0] * len(begun), "so that the first rise is seen"
    given = batch(10, context={"pressure": [1] * 10})
    metrics.answered("b0b0b0b0", 0.004)
    metrics.compared("b0b0b0b0", Comparison(6, 3, 1, 0.5, 0.25, 0.125), INPUTS.came(given))
    assert value(metric_names.SHADOW_READINGS, result="agreed") == 6
    assert value(metric_names.SHADOW_READINGS, result="disagreed") == 3
    assert value(metric_names.SHADOW_LOST, reason="unpaired") == 1
    assert value(metric_names.SHADOW_RISK_RISE) == 0.5
    assert value(metric_names.SHADOW_RISK_FALL) == 0.25
    assert value(metric_names.SHADOW_RISK_SQUARES) == 0.125
    assert value(metric_names.SHADOW_INPUTS, input="pressure", taken_by="candidate") == 10
    assert value(f"{metric_names.SHADOW_SECONDS}_bucket", le="0.005") == 1
    assert value(f"{metric_names.SHADOW_SECONDS}_sum") == 0.004


def test_a_risk_that_falls_is_told_apart_from_one_that_rises() -> None:
    given = batch(100)
    found = Comparison.of(given, answered(given, -0.125))
    assert found.rise == 0
    assert found.fall > 0
