"""The requests of one measurement to a Prometheus: few at a time, and all of them within one time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from weld_operator.adapters.prometheus_api import METRIC_NAMES, QUERY, Answer, PrometheusApi, PrometheusError
from weld_operator.adapters.prometheus_queries import PART_LABEL, as_one, of_name
from weld_operator.domain.gates.measurement import Reading

AT_ONCE = 4
MOST_SKEW = timedelta(seconds=30)
"""By how much the clock of a Prometheus may differ from ours; beyond that, windows are not where they should be."""

_NAMES_AT_ONCE = 20
_INFO = "PromQL info"
"""Begins what an older Prometheus tells among its warnings and a newer one apart: no harm."""


@dataclass(frozen=True)
class Element:
    """One value, and the labels that it has. A scalar has none."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Found:
    """A reading, and names of metrics of which it found no sample: they may be unknown."""

    reading: Reading
    missing: frozenset[str] = frozenset()


class Evaluation:
    """Evaluates at `now`, until `seconds` from its making are over."""

    def __init__(self, api: PrometheusApi, now: datetime, seconds: float) -> None:
        self._api = api
        self._now = now
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def evaluate(self, promql: str) -> tuple[Element, ...]:
        """The elements of a vector, or a scalar. Raises PrometheusError."""
        form = [("query", promql), ("time", f"{self._now.timestamp():.3f}"), ("timeout", f"{self._seconds:g}s")]
        answer = await self._ask(QUERY, form)
        warnings = [each for each in answer.warnings if not each.startswith(_INFO)]
        if warnings:
            raise PrometheusError(f"Prometheus warns: {warnings[0]}")
        return _elements(answer.data)

    async def evaluate_all(self, expressions: Mapping[str, str]) -> Mapping[str, Sequence[Element]]:
        """The elements of several at once, by name; an empty answer has none. Raises PrometheusError."""
        answers: dict[str, list[Element]] = {}
        for each in await self.evaluate(as_one(expressions)) if expressions else ():
            answers.setdefault(each.labels.get(PART_LABEL, ""), []).append(each)
        return answers

    async def unknown(self, metrics: Collection[str]) -> frozenset[str]:
        """Those of the names that Prometheus has no series of, of whatever age. Raises PrometheusError."""
        wanted = sorted(metrics)
        parts = [wanted[start : start + _NAMES_AT_ONCE] for start in range(0, len(wanted), _NAMES_AT_ONCE)]
        known = await asyncio.gather(*(self._known(part) for part in parts))
        return frozenset(wanted).difference(*known)

    async def _known(self, metrics: Sequence[str]) -> frozenset[str]:
        answer = await self._ask(METRIC_NAMES, [("match[]", of_name(each)) for each in metrics])
        if not isinstance(answer.data, list):
            raise PrometheusError("names of metrics are not answered as by Prometheus")
        return frozenset(map(str, answer.data))

    async def _ask(self, path: str, parameters: Sequence[tuple[str, str]]) -> Answer:
        send = self._api.post if path == QUERY else self._api.get
        try:
            async with asyncio.timeout_at(self._deadline), self._turn:
                answer = await send(path, parameters)
        except TimeoutError:
            raise PrometheusError(f"no answer within {self._seconds:g} s") from None
        self._check_clock(answer.clock)
        return answer

    def _check_clock(self, theirs: datetime | None) -> None:
        """Its windows are cut by its own clock, and ours begin when a trial's phase did by ours."""
        ahead = timedelta(0) if theirs is None else theirs - self._now
        if abs(ahead) > MOST_SKEW:
            seconds = abs(ahead) / timedelta(seconds=1)
            direction = "ahead of" if ahead > timedelta(0) else "behind"
            raise PrometheusError(f"the clock of Prometheus is {seconds:.0f} s {direction} the operator's")


def time_of(elements: Sequence[Element]) -> datetime | None:
    """The time that the one element says; None where there is none."""
    try:
        return datetime.fromtimestamp(elements[0].value, UTC)
    except (IndexError, ValueError, OverflowError, OSError):
        return None


def fault_of(error: PrometheusError) -> str:
    return f"Prometheus cannot be asked: {error}"


def _elements(data: Any) -> tuple[Element, ...]:
    """Of the `data` of an answer. Raises PrometheusError."""
    try:
        kind, result = data["resultType"], data["result"]
        match kind:
            case "scalar":
                return (Element({}, float(result[1])),)
            case "vector":
                return tuple(Element(dict(each["metric"]), float(each["value"][1])) for each in result)
    except (KeyError, TypeError, ValueError, IndexError):
        raise PrometheusError("a query is not answered as by Prometheus") from None
    raise PrometheusError(f"the query gives a {kind}, one value is needed")
