"""One queue of keys: each key is worked on by one worker at a time, and however often it is added, it is there once."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from weld_operator.adapters.clock import Clock

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait after the first failure, and at the most; doubled by each failure, and shortened by chance."""

    first: float
    longest: float

    def delay(self, failures: int, chance: float) -> float:
        """Between half and all of the doubled delay; `chance` is in [0, 1)."""
        longest = min(self.first * 2.0 ** min(failures, 32), self.longest)
        return longest * (0.5 + chance / 2)


class Schedule(Generic[K]):
    """When each key is due. Pure: the time is given, in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._order: list[tuple[float, int, K]] = []
        self._added = 0
        self._in_work: set[K] = set()
        self._deferred: set[K] = set()

    def __len__(self) -> int:
        return len(self._due)

    @property
    def in_work(self) -> frozenset[K]:
        return frozenset(self._in_work)

    def add(self, key: K, due: float) -> None:
        """Work on the key when it is due; if it was there already, the earlier time counts."""
        if key not in self._due or due < self._due[key]:
            self._due[key] = due
            self._push(key, due)

    def take(self, now: float) -> K | None:
        """The key that has been due for longest and is not in work; it is in work until `done`."""
        while self._order and self._order[0][0] <= now:
            due, _, key = heapq.heappop(self._order)
            if self._due.get(key) != due:
                continue  # an earlier time was asked for since, or the key was taken
            if key in self._in_work:
                self._deferred.add(key)
                continue
            del self._due[key]
            self._in_work.add(key)
            return key
        return None

    def done(self, key: K) -> None:
        """The work on a key is over; if it was added meanwhile, it can be taken again."""
        self._in_work.discard(key)
        if key in self._deferred:
            self._deferred.discard(key)
            self._push(key, self._due[key])

    def next_due(self) -> float | None:
        """When the next key is due; None when there is none, or the only ones are in work."""
        while self._order and self._due.get(self._order[0][2]) != self._order[0][0]:
            heapq.heappop(self._order)
        return self._order[0][0] if self._order else None

    def _push(self, key: K, due: float) -> None:
        self._added += 1
        heapq.heappush(self._order, (due, self._added, key))


class WorkQueue(Generic[K]):
    """A schedule that workers wait at. Not thread-safe: it belongs to one event loop."""

    def __init__(self, clock: Clock, chance: random.Random | None = None) -> None:
        self._clock = clock
        # Chance only spreads retries; nobody gains by guessing it.
        self._chance = chance or random.Random()
        self._schedule: Schedule[K] = Schedule()
        self._failures: dict[K, tuple[Backoff, int]] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._schedule)

    def add(self, key: K, after: float = 0.0) -> None:
        """Work on the key after so many seconds, or earlier if that was asked for already."""
        self._schedule.add(key, self._clock.monotonic() + after)
        self._changed.set()

    def add_after_failure(self, key: K, backoff: Backoff) -> None:
        """Work on the key again, the later the more often it failed in a row with the same back-off."""
        before, failures = self._failures.get(key, (backoff, 0))
        if before != backoff:
            failures = 0
        self._failures[key] = (backoff, failures + 1)
        self.add(key, backoff.delay(failures, self._chance.random()))

    def forget_failures(self, key: K) -> None:
        """The work on the key succeeded."""
        self._failures.pop(key, None)

    async def take(self) -> K:
        """Wait for a key that is due; call `done` with it afterwards, whatever became of it."""
        while (key := self._schedule.take(self._clock.monotonic())) is None:
            self._changed.clear()
            due = self._schedule.next_due()
            wait = None if due is None else max(due - self._clock.monotonic(), 0.0)
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue
        return key

    def done(self, key: K) -> None:
        self._schedule.done(key)
        self._changed.set()
