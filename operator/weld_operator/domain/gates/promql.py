"""The gate about the one value of any query, and what a query may be.

Nothing is known of how the value comes about, so there is no interval: it is held against the limits as it is, and the
error probability of the rollout does not cover it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from weld_api.gate import Gate, PromQL
from weld_operator.domain.gates.case import Case, Estimate
from weld_operator.domain.gates.checks import IS_THERE, Check, against_limits, first_verdict
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Query, Question
from weld_operator.domain.gates.verdict import Verdict

WINDOW = "{{window}}"
PLACEHOLDERS = ("{{candidate}}", "{{stable}}", "{{namespace}}", WINDOW)
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_VALUE, _SAMPLES = "the query", "the query for samples"


def with_window(promql: str, since: datetime, now: datetime) -> str:
    """The query with the time from `since` to `now`, at least a second, in place of `{{window}}`."""
    seconds = max(math.ceil((now - since) / timedelta(seconds=1)), 1)
    return promql.replace(WINDOW, f"{seconds}s")


def promql_faults(gate: Gate) -> tuple[str, ...]:
    """What is wrong with the queries of a gate, a sentence for each that names it; none for gates of other kinds."""
    it = gate.promql
    if it is None:
        return ()
    queries = ((f"{gate.name}: promql.query", it.query), (f"{gate.name}: promql.samples", it.samples))
    return tuple(f"{name} {fault}" for name, query in queries if query is not None and (fault := _fault(query)))


def _fault(query: str) -> str:
    """The end of a sentence; empty where the query is PromQL for a number or an instant vector."""
    # A library in Rust, for those who write specs: nothing that runs all the time needs it.
    import promql_parser

    unknown = [each for each in _PLACEHOLDER.findall(query) if each not in PLACEHOLDERS]
    if unknown:
        return f"has {unknown[0]}, expected none but {', '.join(PLACEHOLDERS)}"
    filled = query.replace(WINDOW, "1m")
    for placeholder in PLACEHOLDERS:
        filled = filled.replace(placeholder, "name")
    try:
        parsed = promql_parser.parse(filled)
    except ValueError as error:
        return f"is not PromQL: {' '.join(str(error).split())}"
    while isinstance(parsed, promql_parser.ParenExpr):
        parsed = parsed.expr
    if isinstance(parsed, promql_parser.MatrixSelector | promql_parser.SubqueryExpr):
        return "gives a range of values, expected one value: put a function such as rate() or max_over_time() around it"
    if isinstance(parsed, promql_parser.StringLiteral):
        return "gives text, expected one value"
    return ""


class PromQLGate:
    """`{{window}}` stays in what is asked: only the metric source knows the time at which it asks."""

    is_random = False

    def asks(self, gate: Gate, trial: Trial) -> Mapping[str, Question]:
        it = gate.condition
        assert isinstance(it, PromQL)
        asked = {_VALUE: Query(_filled(it.query, trial))}
        return asked if it.samples is None else {**asked, _SAMPLES: Query(_filled(it.samples, trial))}

    def judge(self, case: Case) -> Verdict:
        verdict = first_verdict(case, _CHAIN)
        if verdict is not None:
            return verdict
        it = case.gate.condition
        assert isinstance(it, PromQL)
        value = case.answers[_VALUE].total
        counted = case.answers.get(_SAMPLES)
        samples = 0 if counted is None else math.floor(counted.total)
        found = Estimate(
            value=value,
            lower=value,
            upper=value,
            samples=samples,
            floor=it.min_samples or 0,
            found=f"the query gives {value:g}" + (f" from {samples:,} samples" if counted is not None else ""),
            demand=f"expected {' and '.join(_limits(it))}",
            counted="samples",
            least=it.min,
            most=it.max,
        )
        return against_limits(case, found)


def _filled(promql: str, trial: Trial) -> str:
    names = {"{{candidate}}": trial.candidate, "{{stable}}": trial.stable, "{{namespace}}": trial.namespace}
    for placeholder, name in names.items():
        promql = promql.replace(placeholder, name)
    return promql


def _limits(it: PromQL) -> Iterator[str]:
    if it.min is not None:
        yield f"at least {it.min:g}"
    if it.max is not None:
        yield f"at most {it.max:g}"


def _several_values(case: Case) -> Verdict | None:
    most = max(len(each.values) for each in case.answers.values())
    return case.insufficient("SeveralValues", f"a query gives {most} values, expected one") if most > 1 else None


def _negative_samples(case: Case) -> Verdict | None:
    counted = case.answers.get(_SAMPLES)
    if counted is None or counted.total >= 0:
        return None
    return case.insufficient("Negative", f"the query for samples gives {counted.total:g}, expected none below 0")


_CHAIN: tuple[Check, ...] = (*IS_THERE, _several_values, _negative_samples)

PROMQL = PromQLGate()
