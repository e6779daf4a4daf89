"""Micro-batching: requests that wait at the same time are scored in one pass.

A request that finds nothing under way is scored at once. While a pass is under way, requests gather; when it ends, the
next pass takes them, after waiting for company until the oldest has waited `max_delay`, or until there are
`max_readings`. Clients take turns, one request each, in the order they came. A request of more than `max_readings` is
scored in parts, and after each part the others come first, so that a large one never blocks small ones for longer than
one pass.

Nothing here waits: what there is to do is done by callbacks of the event loop, because a task for each request would
cost more than the request. The clock is injected, so that a test may bring its own time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable

from weld_predictor.pace import Pace

NO_DEADLINE = math.inf


class QueueFullError(Exception):
    """More readings wait than may; the client should come again later."""


class TooLateError(Exception):
    """The answer cannot be given within the time that the request allows."""


class Client:
    """Whose requests take turns with those of others: a connection."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: deque[Request] = deque()


class Request:
    """What waits to be scored."""

    __slots__ = ("came", "client", "due", "readings_count", "taken")

    def __init__(self, client: Client, came: float, due: float = NO_DEADLINE) -> None:
        """`came`, and `due` if there is a deadline: seconds, by the batcher's clock."""
        self.client = client
        self.came = came
        self.due = due
        self.readings_count = 0
        """N, before it is submitted."""
        self.taken = 0
        """Readings that have been taken into a pass."""

    def fail(self, error: Exception) -> None:
        """It will not be scored, or not to its end."""
        raise NotImplementedError


class Part:
    """Readings `start` to `stop` of a request, in one pass."""

    __slots__ = ("is_whole", "request", "start", "stop")

    def __init__(self, request: Request, start: int, stop: int) -> None:
        self.request = request
        self.start = start
        self.stop = stop
        self.is_whole = stop - start == request.readings_count

    def __len__(self) -> int:
        return self.stop - self.start


Done = Callable[[Iterable[Request], Callable[[], None]], None]
"""Takes the requests that failed in a pass, and what gives its answers out, to be called once."""
Perform = Callable[[list[Part], bool, Done], None]
"""Scores the parts of one pass, in the caller's thread if the second argument says that it is quick.

When it is done it calls the third, in the event loop's thread. It raises nothing: what fails is for it to tell.
"""


class MicroBatcher:
    """Has the readings of concurrent requests scored together; belongs to one event loop."""

    QUICK_SECONDS = 0.0005
    """A pass that takes no longer is made in the event loop itself: a thread would cost as much, and nothing that
    waits meanwhile would notice."""

    STALE_SECONDS = 0.1
    """After so long without a pass a deadline is given a try: what is reckoned may have been true of another time."""
    LONG_TURN_SECONDS = 0.005
    """A turn of the loop, in which clients are heard one after the other, is interrupted by a pass after so long."""

    def __init__(
        self,
        perform: Perform,
        *,
        max_readings: int,
        max_delay: float,
        queue_readings: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`max_delay` in seconds; `clock`: seconds from any origin, as the event loop's own time may be coarse."""
        self._perform = perform
        self._max_readings = max_readings
        self._max_delay = max_delay
        self._queue_readings = queue_readings
        self._clock = clock
        self._pace = Pace()
        self._turns: deque[Client] = deque()
        """Clients of which something waits."""
        self._waiting = 0
        self._busy = False
        """Whether a pass is about to start, awaited or under way."""
        self._starting: asyncio.Handle | None = None
        """What will start the next pass, where it is not awaiting the end of another."""
        self._pass_readings = 0
        self._pass_started = self._pass_ended = 0.0

    @property
    def waiting(self) -> int:
        """Readings that wait, without those of the pass under way."""
        return self._waiting

    def rehearse(self, readings: int, seconds: float) -> None:
        """A pass of `readings` was made for practice, and took `seconds`."""
        self._pace.learn(readings, seconds)

    def submit(self, request: Request) -> None:
        """Queue `request` with its `readings_count`, N >= 1.

        Raises QueueFullError if it would make more than `queue_readings` wait, and TooLateError if it would not be
        answered by its deadline.
        """
        count = request.readings_count
        if self._waiting + count > self._queue_readings:
            raise QueueFullError(
                f"{self._waiting} readings wait already and {count} came, "
                f"at most {self._queue_readings} may wait; come again later"
            )
        if request.due != NO_DEADLINE:
            self._check_deadline(request, self._waiting + count)
        waiting = request.client.waiting
        if not waiting:
            self._turns.append(request.client)
        waiting.append(request)
        self._waiting += count
        if not self._busy:
            # The first pass starts in the next turn of the loop, together with all that came in this one.
            self._busy = True
            self._starting = asyncio.get_running_loop().call_soon(self._start_pass)
        elif self._starting is not None and self._should_start(request.came):
            self._starting.cancel()
            self._start_pass()

    def withdraw(self, request: Request) -> None:
        """What `request` still has in the queue is never scored; has no effect where that is nothing."""
        if request in request.client.waiting:
            self._waiting -= request.readings_count - request.taken
            request.taken = request.readings_count

    def _check_deadline(self, request: Request, ahead: int) -> None:
        """`ahead`: readings to be scored until `request` is answered, besides those under way."""
        now = self._clock()
        needed = self._pace.seconds(ahead)
        if self._pass_readings:
            needed += max(self._pass_started + self._pace.seconds(self._pass_readings) - now, 0)
        if not self._busy and now - self._pass_ended > self.STALE_SECONDS:
            needed = 0.0
        if now + needed > request.due:
            raise _too_late(request.due - now, needed)

    def _start_pass(self) -> None:
        self._starting = None
        parts, late = self._next_parts()
        if parts:
            self._busy = True
            self._pass_readings = sum([part.stop - part.start for part in parts])
            self._pass_started = self._clock()
            self._perform(parts, self._is_quick(self._pass_readings), self._end_pass)
        else:
            self._busy = False
        for request, error in late:
            request.fail(error)

    def _end_pass(self, failed: Iterable[Request], deliver: Callable[[], None]) -> None:
        self._pass_ended = self._clock()
        self._pace.learn(self._pass_readings, self._pass_ended - self._pass_started)
        self._pass_readings = 0
        for request in failed:
            self.withdraw(request)
        if self._waiting >= self._max_readings and not self._is_quick(self._max_readings):
            # The scorer need not rest while answers are given out.
            self._start_pass()
            deliver()
        else:
            try:
                deliver()
            finally:
                self._go_on()

    def _go_on(self) -> None:
        """Under load: until the oldest request has waited `max_delay`, or enough readings wait."""
        if not self._turns:
            self._busy = False
            return
        loop = asyncio.get_running_loop()
        left = self._turns[0].waiting[0].came + self._max_delay - self._clock()
        if left <= 0 or self._waiting >= self._max_readings:
            self._starting = loop.call_soon(self._start_pass)
        else:
            self._starting = loop.call_later(left, self._start_pass)

    def _should_start(self, now: float) -> bool:
        """Whether the next pass should not wait: it would be full, or clients without end have the loop's attention."""
        if isinstance(self._starting, asyncio.TimerHandle) and self._waiting >= self._max_readings:
            return True
        return now - self._turns[0].waiting[0].came > max(self._max_delay, self.LONG_TURN_SECONDS)

    def _is_quick(self, readings: int) -> bool:
        return self._pace.is_known and self._pace.seconds(readings) <= self.QUICK_SECONDS

    def _next_parts(self) -> tuple[list[Part], list[tuple[Request, TooLateError]]]:
        """What the next pass takes, and requests that it would only answer too late."""
        parts: list[Part] = []
        late: list[tuple[Request, TooLateError]] = []
        room = self._max_readings
        turns = self._turns
        while turns and room:
            client = turns[0]
            request = client.waiting[0]
            left = request.readings_count - request.taken
            if left > room and parts:
                break
            turns.popleft()
            if left and request.due != NO_DEADLINE and (error := self._too_late(request, left if parts else 0)):
                late.append((request, error))
                request.taken = request.readings_count
                self._waiting -= left
                left = 0
            if left <= room:
                client.waiting.popleft()
            if client.waiting:
                turns.append(client)
            if left:
                stop = request.taken + min(left, room)
                parts.append(Part(request, request.taken, stop))
                room -= stop - request.taken
                self._waiting -= stop - request.taken
                request.taken = stop
        return parts, late

    def _too_late(self, request: Request, readings: int) -> TooLateError | None:
        """What is first of all is scored for as long as there is any time left; `readings` is 0 then."""
        needed = self._pace.seconds(readings) if readings else 0.0
        left = request.due - self._clock()
        return None if left > needed else _too_late(left, needed)


def _too_late(left: float, needed: float) -> TooLateError:
    return TooLateError(
        f"{max(left, 0) * 1000:.0f} ms are left of the request's time, "
        f"but an answer takes {needed * 1000:.0f} ms or more at present"
    )
