"""PromQL for what gates ask, purely.

Pods are told by the labels `namespace` and `pod`, as the PodMonitor of our chart gives them.

`increase()` alone would not do. It extrapolates to both ends of the window, which invents samples, and it does not see
the first value of a counter that is born in the window: an error that happened once would never be counted. So each
series is counted in the first of these ways that is open to it:

1. It never fell, and there is a sample of it from the time just before the window: the last value less that one.
2. It never fell, and was born in the window: the last value. Born in the window is what a target shows that was
   scraped just before the window without it, or whose process started in the window.
3. Anything else: `increase()`. That is for a process that started anew in an old Pod, or one that was found late;
   what such a counter showed when it was first seen is not made up to be new.

No function is used that Prometheus 2.24 lacks, or that has to be enabled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from weld_api import names
from weld_operator.domain.gates.measurement import Counter

PROCESS_START = "process_start_time_seconds"
PART_LABEL = "weldserve_part"
"""Tells apart the answers to several expressions that are asked as one."""

BEFORE = timedelta(minutes=5)
"""How old a sample may be and still stand for the time at which it is asked for; Prometheus' own choice too."""

_STEPS = 240
_SHORTEST_STEP = timedelta(milliseconds=100)


@dataclass(frozen=True)
class Window:
    """The time from `since` to `now`, which is when the query is evaluated."""

    since: datetime
    now: datetime

    @property
    def length(self) -> timedelta:
        return self.now - self.since


def counter_selector(counter: Counter) -> str:
    """The series of all Pods of a revision."""
    return _selector(counter.metric, counter, counter.matching)


def counter_rise(counter: Counter, window: Window) -> str:
    """How much they rose in the window, without extrapolation where that can be."""
    series = counter_selector(counter)
    length, before = duration(window.length), duration(BEFORE)
    first = f"last_over_time({series}[{before}] offset {length})"
    rising = f"(last_over_time({series}[{length}]) unless resets({series}[{duration(window.length + BEFORE)}]) > 0)"
    start = _selector(PROCESS_START, counter, ())
    born = (
        f"(last_over_time({start}[{before}] offset {length})"
        f" or min_over_time({start}[{length}]) >= {window.since.timestamp():.3f})"
    )
    ways = (f"({rising} - {first})", f"({rising} and on (pod, instance) {born})", f"increase({series}[{length}])")
    return f"{_sum(counter)} ({' or '.join(ways)})"


def plain_rise(counter: Counter, window: Window) -> str:
    """The same for people: short, and extrapolated where they ask it."""
    seconds = math.ceil(window.length / timedelta(seconds=1))
    return f"{_sum(counter)} (increase({counter_selector(counter)}[{seconds}s]))"


def newest_sample(series: str, reach: timedelta | None, place: str = "") -> str:
    """The time of the newest sample, as seen from `place` (`offset`, `@`) or now.

    With `reach`, one that is too old to be seen directly is looked for that far back, in steps. It may be found to be
    a step older than it is.
    """
    direct = f"max(timestamp({series}{place}))"
    if reach is None:
        return direct
    return f"{direct} or max(max_over_time(timestamp({series})[{duration(reach)}:{_step(reach)}]{place}))"


def oldest_sample(series: str, window: Window) -> str:
    """The time of the first sample that counts: one just before the window, or else the first in it, by steps."""
    length = window.length
    before = f"min(timestamp({series} offset {duration(length)}))"
    within = f"min(min_over_time(timestamp({series})[{duration(length)}:{_step(length)}]))"
    return f"{before} or {within} or min(timestamp({series}))"


def as_one(parts: Mapping[str, str]) -> str:
    """One expression for several, whose names come back in PART_LABEL."""
    return " or ".join(
        f'label_replace({expression}, "{PART_LABEL}", "{name}", "", "")' for name, expression in parts.items()
    )


def of_name(metric: str) -> str:
    """All series of a metric."""
    return f"{{__name__={_quoted(metric)}}}"


def duration(time: timedelta) -> str:
    """In whole milliseconds, at least one."""
    return f"{max(time // timedelta(milliseconds=1), 1)}ms"


def _step(reach: timedelta) -> str:
    return duration(min(max(reach / _STEPS, _SHORTEST_STEP), BEFORE))


def _sum(counter: Counter) -> str:
    return f"sum by ({counter.by})" if counter.by else "sum"


def _selector(metric: str, counter: Counter, matching: Sequence[tuple[str, str]]) -> str:
    pods = f"{names.predictor_name(counter.revision)}-.+"
    matchers = [
        f"namespace={_quoted(counter.namespace)}",
        f"pod=~{_quoted(pods)}",
        *(f"{label}=~{_quoted(pattern)}" for label, pattern in matching),
    ]
    return f"{metric}{{{','.join(matchers)}}}"


def _quoted(text: str) -> str:
    """A string of PromQL, which is quoted as one of Go; so is JSON."""
    return json.dumps(text, ensure_ascii=False)
