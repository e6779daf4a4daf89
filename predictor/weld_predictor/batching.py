"""Micro-batching: requests that wait at the same time are scored in one pass.

A request that finds nothing under way is scored at once. While a pass is under way, requests gather; when it ends, the
next pass takes them in the order they came, after waiting for company until the oldest has waited `max_delay`, or
until there are `max_readings`. A request of more than `max_readings` is scored in parts, and after each part the
requests behind it come first, so that a large one never blocks small ones for longer than one pass.

The clock is injected, and waiting is the event loop's, so that a test may bring its own time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.float32]], Awaitable[NDArray[np.float32]]]
"""Features [N, F] to risk [N], row by row: no row's risk depends on the others."""


class QueueFullError(Exception):
    """More readings wait than may; the client should come again later."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one pass scored, for the metrics."""

    readings: int
    seconds: float
    """Duration of the pass."""
    waits: tuple[float, ...]
    """Seconds in the queue of each request whose first readings were in this pass."""


@dataclass(eq=False, slots=True)
class _Request:
    features: NDArray[np.float32]
    risk: NDArray[np.float32]
    came: float
    answer: asyncio.Future[NDArray[np.float32]]
    taken: int = 0
    """Readings that have been taken into a pass."""
    scored: int = 0

    @property
    def waiting(self) -> int:
        return len(self.features) - self.taken


@dataclass(frozen=True, slots=True)
class _Part:
    """Readings `start` to `stop` of a request, in one pass."""

    request: _Request
    start: int
    stop: int

    @property
    def features(self) -> NDArray[np.float32]:
        return self.request.features[self.start : self.stop]

    def __len__(self) -> int:
        return self.stop - self.start


def _ignore(_: Batch) -> None:
    pass


@dataclass(eq=False)
class MicroBatcher:
    """Scores the readings of concurrent requests together; belongs to one event loop."""

    score: Score
    max_readings: int
    max_delay: float
    """Seconds."""
    queue_readings: int
    observe: Callable[[Batch], None] = _ignore
    clock: Callable[[], float] = time.perf_counter
    """Seconds, from any origin; the event loop's own time may be no finer than a millisecond."""
    _queue: deque[_Request] = field(default_factory=deque, init=False)
    _waiting: int = field(default=0, init=False)
    _enough: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _passes: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def waiting(self) -> int:
        """Readings that wait, without those of the pass under way."""
        return self._waiting

    async def risk(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The risk [N] of N readings, N >= 1, `features` being [N, F].

        Raises QueueFullError at once if they would make more than `queue_readings` wait, and whatever `score` raises
        for these very readings. Cancelling it takes its readings out of the queue.
        """
        if self._waiting + len(features) > self.queue_readings:
            raise QueueFullError(
                f"{self._waiting} readings wait already and {len(features)} came, "
                f"at most {self.queue_readings} may wait; come again later"
            )
        request = self._enqueue(features)
        try:
            return await request.answer
        finally:
            self._leave_out_the_rest(request)

    def _enqueue(self, features: NDArray[np.float32]) -> _Request:
        loop = asyncio.get_running_loop()
        request = _Request(features, np.empty(len(features), np.float32), self.clock(), loop.create_future())
        self._queue.append(request)
        self._waiting += request.waiting
        if self._waiting >= self.max_readings:
            self._enough.set()
        if self._passes is None:
            # The first pass starts in the next turn of the loop, together with all that came in this one.
            self._passes = loop.create_task(self._score_until_empty())
        return request

    def _leave_out_the_rest(self, request: _Request) -> None:
        """What an answered, failed or cancelled request still had in the queue is never scored."""
        self._waiting -= request.waiting
        request.taken = len(request.features)

    async def _score_until_empty(self) -> None:
        try:
            while parts := self._next_parts():
                await self._score_parts(parts)
                await self._company()
        finally:
            self._passes = None

    async def _company(self) -> None:
        """Under load: until the oldest request has waited `max_delay`, or enough readings wait."""
        self._enough.clear()
        if not self._queue or self._waiting >= self.max_readings:
            return
        left = self._queue[0].came + self.max_delay - self.clock()
        if left > 0:
            try:
                async with asyncio.timeout(left):
                    await self._enough.wait()
            except TimeoutError:
                return

    def _next_parts(self) -> list[_Part]:
        parts: list[_Part] = []
        room = self.max_readings
        while self._queue and room:
            request = self._queue[0]
            if request.answer.done():
                self._leave_out_the_rest(request)
            if request.waiting > room and parts:
                break
            self._queue.popleft()
            if request.waiting:
                part = _Part(request, request.taken, request.taken + min(request.waiting, room))
                parts.append(part)
                room -= len(part)
                self._waiting -= len(part)
                request.taken = part.stop
            if request.waiting:
                self._queue.append(request)
        return parts

    async def _score_parts(self, parts: list[_Part]) -> None:
        started = self.clock()
        scored = await self._try([part.features for part in parts])
        if isinstance(scored, BaseException) and len(parts) > 1:
            # One of them may be at fault: alone, each meets its own fate.
            for part in parts:
                _settle(part, await self._try([part.features]))
        else:
            for part, risk in zip(parts, _split(scored, parts), strict=True):
                _settle(part, risk)
        self.observe(
            Batch(
                readings=sum(map(len, parts)),
                seconds=self.clock() - started,
                waits=tuple(started - part.request.came for part in parts if part.start == 0),
            )
        )

    async def _try(self, features: list[NDArray[np.float32]]) -> NDArray[np.float32] | BaseException:
        rows = features[0] if len(features) == 1 else np.concatenate(features)
        [scored] = await asyncio.gather(self.score(rows), return_exceptions=True)
        return scored


def _split(
    scored: NDArray[np.float32] | BaseException, parts: list[_Part]
) -> Iterator[NDArray[np.float32] | BaseException]:
    position = 0
    for part in parts:
        if isinstance(scored, BaseException):
            yield scored
        else:
            yield scored[position : position + len(part)]
            position += len(part)


def _settle(part: _Part, outcome: NDArray[np.float32] | BaseException) -> None:
    request = part.request
    if request.answer.done():
        return
    if isinstance(outcome, BaseException):
        request.answer.set_exception(outcome)
        return
    request.risk[part.start : part.stop] = outcome
    request.scored += len(part)
    if request.scored == len(request.risk):
        request.answer.set_result(request.risk)
