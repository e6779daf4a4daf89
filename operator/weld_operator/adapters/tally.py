"""How much one counter of a revision's Pods rose, from the first look on; purely."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from weld_operator.adapters.exposition import Labels

MOST_SERIES = 1_000
MOST_POINTS = 256
"""Kept of the past; 256 points of 1,000 series are 2 MB."""
RECENT_POINTS = 64
"""Of these, the newest, which are kept as they are."""

_LEAST_LIFE_SECONDS = 1.0


class TooManySeriesError(Exception):
    """A counter has more series than are kept; the text is a clause."""


@dataclass(frozen=True)
class Shown:
    """What a Pod shows of the counter, and when its process started, where it says so."""

    values: Mapping[Labels, float]
    process_start: float | None = None


@dataclass
class _Pod:
    """`heard`: until when everything that it counted is known. `is_known`: whether its rise can be told.

    `values`: what its process showed last, by the place of the series.
    """

    heard: datetime
    is_known: bool
    has_answered: bool = False
    process_start: float | None = None
    values: dict[int, float] = field(default_factory=dict)

    def is_anew(self, process_start: float | None) -> bool:
        """Whether another process counts now. A start is told by a clock that may have been set by a little."""
        if self.process_start is None or process_start is None:
            return False
        return process_start > self.process_start + _LEAST_LIFE_SECONDS


@dataclass(frozen=True)
class _Point:
    """The sums over all Pods at one look, in the order in which series were first seen; later ones were 0 then."""

    time: datetime
    sums: array[float]

    def sum(self, place: int) -> float:
        return self.sums[place] if place < len(self.sums) else 0.0

    def add(self, place: int, rise: float) -> None:
        self.sums.extend([0.0] * (place + 1 - len(self.sums)))
        self.sums[place] += rise


class Tally:
    """Takes one look after the other, and keeps the sums over all Pods at the past ones.

    What rose while a Pod was not heard counts as risen at the beginning of that time: an answer about a later time
    must not have it. So a gap loses evidence, and invents none.
    """

    def __init__(self) -> None:
        self._pods: dict[str, _Pod] = {}
        self._places: dict[Labels, int] = {}
        self._sums: array[float] = array("d")
        self._points: list[_Point] = []
        self._starting_points: set[datetime] = set()
        self._last_heard: datetime | None = None

    def take(self, now: datetime, listed: Collection[str], shown: Mapping[str, Shown]) -> None:
        """A look at the Pods whose uids are `listed`, of which some `shown` their counters.

        A Pod that was there at the first look had counted before; one that came later began at 0.
        Raises TooManySeriesError; it is then as if there had been no look.
        """
        self._check_room(shown)
        previous = self._points[-1].time if self._points else None
        now = now if previous is None else max(now, previous)
        for uid in self._pods.keys() - set(listed):
            del self._pods[uid]
        for uid in listed:
            if uid not in self._pods:
                self._pods[uid] = _Pod(previous or now, is_known=previous is not None)
        for uid, page in shown.items():
            self._count(self._pods[uid], page, now)
            self._last_heard = now
        self._points.append(_Point(now, self._sums[:]))
        self._thin()

    @property
    def has_series(self) -> bool:
        return bool(self._places)

    def newest(self, ready: Collection[str]) -> datetime | None:
        """The time until which all Pods were heard; those that never answered count where their uids are `ready`.

        Where there are none any more it is when the last of them was heard. None where none ever was.
        """
        times = [pod.heard for uid, pod in self._pods.items() if pod.has_answered or uid in ready]
        return min(times, default=self._last_heard)

    def rise(self, since: datetime) -> tuple[datetime, Mapping[Labels, float]]:
        """From when on it is told, which is the first look at or after `since`, and each series' rise from then on."""
        start = next((point for point in self._points if point.time >= since), self._points[-1])
        self._starting_points.add(start.time)
        return start.time, {labels: self._sums[place] - start.sum(place) for labels, place in self._places.items()}

    def _check_room(self, shown: Mapping[str, Shown]) -> None:
        series = self._places.keys() | {labels for page in shown.values() for labels in page.values}
        if len(series) > MOST_SERIES:
            raise TooManySeriesError(f"there are more than {MOST_SERIES:,} series of it")

    def _count(self, pod: _Pod, page: Shown, now: datetime) -> None:
        if pod.is_anew(page.process_start):
            pod.values = {}
        for labels, value in page.values.items():
            place = self._place(labels)
            before = pod.values.get(place, 0.0)
            rise = value - before if value >= before else value
            pod.values[place] = value
            if pod.is_known and rise:
                self._add(place, rise, pod.heard)
        pod.process_start = page.process_start
        pod.heard, pod.is_known, pod.has_answered = now, True, True

    def _place(self, labels: Labels) -> int:
        place = self._places.setdefault(labels, len(self._places))
        if place == len(self._sums):
            self._sums.append(0.0)
        return place

    def _add(self, place: int, rise: float, since: datetime) -> None:
        """To the sums from now on, and to those that were kept since."""
        self._sums[place] += rise
        for point in reversed(self._points):
            if point.time <= since:
                break
            point.add(place, rise)

    def _thin(self) -> None:
        """Of what is not recent every second point goes, but none from which the last answers were counted."""
        if len(self._points) > MOST_POINTS:
            old, recent = self._points[:-RECENT_POINTS], self._points[-RECENT_POINTS:]
            kept = [point for number, point in enumerate(old) if number % 2 == 0 or point.time in self._starting_points]
            self._points = kept + recent
        self._starting_points.clear()
