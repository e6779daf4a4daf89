"""Features of waveforms, on threads of their own: tens of microseconds for each, which the event loop cannot spare."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from weld_predictor.batching import QueueFullError
from weld_predictor.intake.readings import Readings

TOGETHER = 500
"""Waveforms of small requests whose features are taken at once: each step of numpy costs as much for a few of them, and
has to get the interpreter's lock back from the event loop."""

Extract = Callable[[Sequence[Readings]], list[Readings]]
"""Gives the readings of each of several requests with their features, in any thread."""
_Waiting = tuple[Readings, asyncio.Future[Readings]]


@dataclass(eq=False)
class _Batch:
    """Requests whose features are taken at once."""

    requests: list[_Waiting]
    extracted: Sequence[Readings | Exception] | None = None


class FeatureThreads:
    """Takes the features of the requests that wait, and gives them in the order they came; of one event loop."""

    def __init__(self, queue_readings: int, extract: Extract, threads: int) -> None:
        """`queue_readings`: most readings that may wait for their features, those under way included.

        `threads`: how many are at work at the same time.
        """
        self._most = queue_readings
        self._extract = extract
        self._threads = threads
        self._readings = 0
        self._queue: deque[_Waiting] = deque()
        self._starting = False
        self._under_way: deque[_Batch] = deque()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="features")

    @property
    def waiting(self) -> int:
        """Readings that wait for their features."""
        return self._readings

    async def features(self, readings: Readings) -> Readings:
        """The same readings with their features. Raises QueueFullError at once if too many readings would wait."""
        if self._readings + len(readings) > self._most:
            raise QueueFullError(
                f"{self._readings} waveforms wait already and {len(readings)} came, "
                f"at most {self._most} may wait; come again later"
            )
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Readings] = loop.create_future()
        self._readings += len(readings)
        self._queue.append((readings, result))
        if not self._starting and len(self._under_way) < self._threads:
            # In the next turn of the loop, together with all that came in this one.
            self._starting = True
            loop.call_soon(self._start)
        try:
            return await result
        finally:
            self._readings -= len(readings)

    def close(self) -> None:
        """End the threads, when what is under way has its features; what still waits is forgotten."""
        self._queue.clear()
        self._executor.shutdown()

    def _start(self) -> None:
        self._starting = False
        loop = asyncio.get_running_loop()
        while len(self._under_way) < self._threads and (requests := self._next_requests()):
            batch = _Batch(requests)
            self._under_way.append(batch)
            self._executor.submit(self._perform, batch, loop)

    def _next_requests(self) -> list[_Waiting]:
        requests: list[_Waiting] = []
        room = TOGETHER
        while self._queue and (not requests or len(self._queue[0][0]) <= room):
            readings, result = self._queue.popleft()
            if not result.done():  # nobody waits for it any more
                requests.append((readings, result))
                room -= len(readings)
        return requests

    def _perform(self, batch: _Batch, loop: asyncio.AbstractEventLoop) -> None:
        extracted = self._extracted([readings for readings, _ in batch.requests])
        loop.call_soon_threadsafe(self._end, batch, extracted)

    def _end(self, batch: _Batch, extracted: Sequence[Readings | Exception]) -> None:
        batch.extracted = extracted
        # A later reading of a sensor must not overtake an earlier one.
        while self._under_way and self._under_way[0].extracted is not None:
            _settle(self._under_way.popleft())
        self._start()

    def _extracted(self, work: Sequence[Readings]) -> Sequence[Readings | Exception]:
        try:
            return self._extract(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            # One request's fault is none of the others'.
            return [error] if len(work) == 1 else [each for one in work for each in self._extracted([one])]


def _settle(batch: _Batch) -> None:
    assert batch.extracted is not None
    for (_, result), found in zip(batch.requests, batch.extracted, strict=True):
        if result.done():
            continue
        if isinstance(found, Exception):
            result.set_exception(found)
        else:
            result.set_result(found)
