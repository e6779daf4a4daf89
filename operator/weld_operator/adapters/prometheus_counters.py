"""Counters of a revision, asked of a Prometheus."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from weld_operator.adapters.prometheus_api import PrometheusError
from weld_operator.adapters.prometheus_evaluation import Element, Evaluation, Found, fault_of, time_of
from weld_operator.adapters.prometheus_queries import (
    Window,
    counter_rise,
    counter_selector,
    newest_sample,
    oldest_sample,
    plain_rise,
)
from weld_operator.domain.gates.measurement import Counter, Metric, Reading

_AT_ONCE = 16
"""Counters that one request asks about."""
_PARTS = ("rise", "oldest", "newest")
"""What is asked of each."""


async def count(evaluation: Evaluation, counters: Sequence[Counter], window: Window) -> Mapping[Metric, Found]:
    """What each rose in the window; where that has no length, nothing is asked."""
    if window.length <= timedelta(0):
        return {each: Found(Reading(since=window.since, query=plain_rise(each, window))) for each in counters}
    groups = [counters[start : start + _AT_ONCE] for start in range(0, len(counters), _AT_ONCE)]
    found = await asyncio.gather(*(_count(evaluation, group, window) for group in groups))
    return {counter: each for group in found for counter, each in group.items()}


async def _count(evaluation: Evaluation, counters: Sequence[Counter], window: Window) -> Mapping[Metric, Found]:
    expressions: dict[str, str] = {}
    for number, counter in enumerate(counters):
        series = counter_selector(counter)
        texts = (counter_rise(counter, window), oldest_sample(series, window), newest_sample(series, window.length))
        expressions |= {f"{number} {part}": text for part, text in zip(_PARTS, texts, strict=True)}
    try:
        answers = await evaluation.evaluate_all(expressions)
    except PrometheusError as error:
        fault = fault_of(error)
        return {each: Found(Reading(query=plain_rise(each, window), fault=fault)) for each in counters}
    return {
        counter: _found(counter, window, *(answers.get(f"{number} {part}", ()) for part in _PARTS))
        for number, counter in enumerate(counters)
    }


def _found(
    counter: Counter, window: Window, rises: Sequence[Element], oldest: Sequence[Element], newest: Sequence[Element]
) -> Found:
    query = plain_rise(counter, window)
    values = {each.labels.get(counter.by, ""): each.value for each in rises}
    if not values:
        return Found(Reading(since=window.since, query=query), frozenset({counter.metric}))
    for name, value in values.items():
        if not math.isfinite(value):
            of = f" of {counter.by} {name}" if counter.by else ""
            return Found(Reading(query=query, fault=f"{counter.metric}{of} is {value:g}, expected a number"))
    last = time_of(newest)
    since = max(window.since, time_of(oldest) or last or window.now)
    return Found(Reading(values, since, last, query))
