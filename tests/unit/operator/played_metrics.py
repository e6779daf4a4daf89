"""A source of metrics that answers what a test makes it answer."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

from weld_api import metric_names
from weld_operator.domain.gates.measurement import Counter, Metric, Reading


class PlayedMetrics:
    """Every counter of every revision rose since the measuring began, as a test says.

    `failing`: of a hundred requests those that the candidate failed to answer. `disagreeing`: of a hundred readings
    those that it decides otherwise. `slow` and `broken` say what else may be wrong with a source.
    """

    def __init__(self) -> None:
        self.requests = 100_000
        self.failing = 0
        self.disagreeing = 0
        self.fault = ""
        self.is_broken = False
        self.is_stuck = False
        self.asked: list[tuple[frozenset[Metric], datetime]] = []

    async def measure(self, questions: Collection[Metric], since: datetime, now: datetime) -> Mapping[Metric, Reading]:
        self.asked.append((frozenset(questions), since))
        if self.is_broken:
            raise RuntimeError("this source has a fault")
        if self.is_stuck:
            await asyncio.Event().wait()
        return {each: self._reading(each, since, now) for each in questions}

    def _reading(self, question: Metric, since: datetime, now: datetime) -> Reading:
        if self.fault:
            return Reading(fault=self.fault)
        values = self._values(question) if isinstance(question, Counter) else {"": 0.0}
        return Reading(values, since=since, newest=now, query="played")

    def _values(self, counter: Counter) -> dict[str, float]:
        match counter.metric:
            case metric_names.REQUESTS:
                parts = {"200": self.requests * (100 - self.failing) / 100, "503": self.requests * self.failing / 100}
            case metric_names.REQUEST_SECONDS_BUCKET:
                parts = dict.fromkeys(("0.001", "0.01", "0.1", "1.0", "+Inf"), float(self.requests))
            case metric_names.SHADOW_READINGS:
                disagreed = self.requests * self.disagreeing / 100
                parts = {"agreed": self.requests - disagreed, "disagreed": disagreed}
            case _:
                parts = {"": float(self.requests)}
        return parts if counter.by else {"": sum(parts.values())}
