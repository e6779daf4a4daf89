"""Which kind of gate judges which condition."""

from __future__ import annotations

from weld_api import gate as conditions
from weld_api.gate import Gate
from weld_api.schema import Schema
from weld_operator.domain.gates import promql, risk_shift, served_elsewhere, shares, throughput, unfed
from weld_operator.domain.gates.case import Kind

KINDS: dict[type[Schema], Kind] = {
    conditions.ErrorRate: shares.ERROR_RATE,
    conditions.Latency: shares.LATENCY,
    conditions.Throughput: throughput.THROUGHPUT,
    conditions.Disagreement: shares.DISAGREEMENT,
    conditions.RiskShift: risk_shift.RISK_SHIFT,
    conditions.OutOfRange: shares.OUT_OF_RANGE,
    conditions.Coverage: shares.COVERAGE,
    conditions.EffectivePrecision: unfed.EFFECTIVE_PRECISION,
    conditions.EffectiveRecall: unfed.EFFECTIVE_RECALL,
    conditions.Drift: unfed.DRIFT,
    conditions.PromQL: promql.PROMQL,
    conditions.ServedElsewhere: served_elsewhere.SERVED_ELSEWHERE,
}


def kind_of(gate: Gate) -> Kind:
    """Raises ValueError for a gate that has not exactly one condition."""
    return KINDS[type(gate.condition)]
