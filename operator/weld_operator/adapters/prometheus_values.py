"""Values of queries that somebody wrote, asked of a Prometheus, and how old they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from weld_operator.adapters.prometheus_api import PrometheusError
from weld_operator.adapters.prometheus_evaluation import Element, Evaluation, Found, fault_of, time_of
from weld_operator.adapters.prometheus_queries import Window, newest_sample
from weld_operator.adapters.prometheus_selectors import Selector, selectors
from weld_operator.domain.gates.measurement import Metric, Query, Reading
from weld_operator.domain.gates.promql import WINDOW, with_window

_AT_ONCE = 64
"""Selectors that one request asks about."""


@dataclass(frozen=True)
class _Asked:
    """A query with its window filled in, and what it reads. `fault`: why that cannot be told."""

    promql: str
    since: datetime | None
    reads: tuple[Selector, ...] = ()
    fault: str = ""


async def values(evaluation: Evaluation, queries: Sequence[Query], window: Window) -> Mapping[Metric, Found]:
    """The one value of each, as old as the oldest of what its selectors find; one that finds nothing adds no age.

    An answer of Prometheus does not tell how old it is: a sample stands for five minutes, a range for all its length.
    """
    asked = {query: _asked(query, window) for query in queries}
    reads = tuple(dict.fromkeys(selector for each in asked.values() for selector in each.reads))
    newest, answers = await asyncio.gather(
        _newest(evaluation, reads, window.now),
        asyncio.gather(*(_answer(evaluation, each) for each in asked.values())),
    )
    return {query: _found(asked[query], answer, newest) for query, answer in zip(queries, answers, strict=True)}


def _asked(query: Query, window: Window) -> _Asked:
    promql = with_window(query.promql, window.since, window.now)
    since = window.since if WINDOW in query.promql else None
    try:
        return _Asked(promql, since, selectors(promql))
    except ValueError as error:
        complaint = " ".join(str(error).split())
        return _Asked(promql, since, fault=f"it cannot be told how old its samples are: {complaint}")


async def _answer(evaluation: Evaluation, asked: _Asked) -> tuple[Element, ...] | PrometheusError:
    if asked.fault:
        return ()
    try:
        return await evaluation.evaluate(asked.promql)
    except PrometheusError as error:
        return error


async def _newest(
    evaluation: Evaluation, reads: Sequence[Selector], now: datetime
) -> Mapping[Selector, datetime] | PrometheusError:
    """The newest sample of each selector that finds one; where it looks at another time, as far from now as then."""
    expressions = {str(number): newest_sample(each.series, each.reach, each.place) for number, each in enumerate(reads)}
    names = list(expressions)
    groups = [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
    try:
        answers = await asyncio.gather(
            *(evaluation.evaluate_all({name: expressions[name] for name in group}) for group in groups)
        )
    except PrometheusError as error:
        return error
    found = {reads[int(name)]: time_of(elements) for answer in answers for name, elements in answer.items()}
    return {each: now - (each.looks_at(now) - time) for each, time in found.items() if time is not None}


def _found(
    asked: _Asked,
    answer: tuple[Element, ...] | PrometheusError,
    newest: Mapping[Selector, datetime] | PrometheusError,
) -> Found:
    if asked.fault:
        return Found(Reading(query=asked.promql, fault=asked.fault))
    if isinstance(answer, PrometheusError):
        return Found(Reading(query=asked.promql, fault=fault_of(answer)))
    if isinstance(newest, PrometheusError):
        return Found(Reading(query=asked.promql, fault=fault_of(newest)))
    if len(answer) > 1:
        fault = f"the query gave {len(answer):,} values, one is needed"
        return Found(Reading(query=asked.promql, fault=fault))
    times = [newest[each] for each in asked.reads if each in newest]
    missing = frozenset(each.metric for each in asked.reads if each not in newest and each.metric)
    value = {"": answer[0].value} if answer else {}
    return Found(Reading(value, asked.since, min(times, default=None), asked.promql), missing)
