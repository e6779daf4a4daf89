"""Metrics of predictors from a Prometheus, or a store that speaks its HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

from weld_operator.adapters.prometheus_api import PrometheusApi, PrometheusError
from weld_operator.adapters.prometheus_counters import count
from weld_operator.adapters.prometheus_evaluation import Evaluation, Found, fault_of
from weld_operator.adapters.prometheus_queries import Window
from weld_operator.adapters.prometheus_values import values
from weld_operator.domain.gates.measurement import Counter, Metric, Query, Reading

ANSWER_SECONDS = 5.0
"""For all requests of a measurement together."""


class PrometheusMetrics:
    """Asks the Prometheus at `url`, in which series of Pods have the labels `namespace` and `pod`."""

    def __init__(self, url: str) -> None:
        self._api = PrometheusApi(url, ANSWER_SECONDS)

    async def close(self) -> None:
        await self._api.close()

    async def measure(self, questions: Collection[Metric], since: datetime, now: datetime) -> Mapping[Metric, Reading]:
        """See MetricSource. Many counters are asked in one request; each query that somebody wrote is asked alone."""
        window = Window(since, now)
        evaluation = Evaluation(self._api, now, ANSWER_SECONDS)
        counters, queries = await asyncio.gather(
            count(evaluation, [each for each in questions if isinstance(each, Counter)], window),
            values(evaluation, [each for each in questions if isinstance(each, Query)], window),
        )
        return await _without_unknown(evaluation, {**counters, **queries})


async def _without_unknown(evaluation: Evaluation, found: Mapping[Metric, Found]) -> Mapping[Metric, Reading]:
    """No sample may be that there is none yet, or that a name is wrong. These are told apart."""
    missing = frozenset(name for each in found.values() for name in each.missing)
    try:
        unknown = await evaluation.unknown(missing)
    except PrometheusError as error:
        return {question: _checked(each, missing, fault_of(error)) for question, each in found.items()}
    fault = "Prometheus knows no metric named {}"
    return {
        question: _checked(each, unknown, fault.format(", ".join(sorted(each.missing & unknown))))
        for question, each in found.items()
    }


def _checked(found: Found, bad: frozenset[str], fault: str) -> Reading:
    """The reading; the fault instead where it misses a bad metric."""
    return Reading(query=found.reading.query, fault=fault) if found.missing & bad else found.reading
