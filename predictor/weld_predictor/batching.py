"""Micro-batching: requests that wait at the same time are scored in one pass.

A request that finds nothing under way is scored at once. While a pass is under way, requests gather; when it ends, the
next pass takes them, after waiting for company until the oldest has waited `max_delay`, or until there are
`max_readings`. Clients take turns, one request each, in the order they came. A request of more than `max_readings` is
scored in parts, and after each part the others come first, so that a large one never blocks small ones for longer than
one pass. A quick pass is made in the event loop itself: clients are heard before and after it, so that none gathers and
none waits for company.

Nothing here waits: what there is to do is done by callbacks of the event loop, because a task for each request would
cost more than the request. The clock is injected, so that a test may bring its own time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable

from weld_predictor.pace import Lateness, Pace

NO_DEADLINE = math.inf
QUICK_SECONDS = 0.001
"""A pass that takes no longer is made in the event loop itself: a thread would cost as much, and nothing that waits
meanwhile would notice."""
QUICK_SECONDS_OF_ONE_CORE = 0.01
"""Where a thread would only take turns with the loop, and each would wait for the other: as long as clients may wait to
be heard."""


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

    __slots__ = ("came", "client", "due", "promised", "readings_count", "taken")

    def __init__(self, client: Client, came: float, due: float = NO_DEADLINE) -> None:
        """`came`, and `due` if there is a deadline: seconds, by the batcher's clock."""
        self.client = client
        self.came = came
        self.due = due
        self.readings_count = 0
        """N, before it is submitted."""
        self.taken = 0
        """Readings that have been taken into a pass."""
        self.promised = NO_DEADLINE
        """When it should be answered, as was reckoned when it was submitted; where it has a deadline."""

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
        quick_seconds: float = QUICK_SECONDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`max_delay` and `quick_seconds`, of a pass that is made in the event loop itself, in seconds.

        `clock`: seconds from any origin, as the event loop's own time may be coarse.
        """
        self._perform = perform
        self._max_readings = max_readings
        self._max_delay = max_delay
        self._queue_readings = queue_readings
        self._quick_seconds = quick_seconds
        self._clock = clock
        self._pace = Pace()
        self._delivery_pace = Pace()
        """Of giving out the answers of a pass."""
        self._lateness = Lateness()
        self._pass_promised = NO_DEADLINE
        self._latest_full: tuple[tuple[int, int], QueueFullError] | None = None
        self._latest_late: tuple[tuple[int, int], TooLateError] | None = None
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

    @property
    def quick_readings(self) -> int:
        """In the largest pass that would be made in the event loop itself."""
        return int(min(self._pace.readings_within(self._quick_seconds), self._max_readings))

    def rehearse(self, readings: int, seconds: float) -> None:
        """A pass of `readings` was made for practice, and took `seconds`."""
        self._pace.learn(readings, seconds)

    def submit(self, request: Request) -> None:
        """Queue `request` with its `readings_count`, N >= 1.

        Raises QueueFullError if it would make more than `queue_readings` wait, and TooLateError if it would not be
        answered by its deadline.
        """
        count = request.readings_count
        error = self.refusal(count, request.due)
        if error is not None:
            raise error
        if request.due != NO_DEADLINE:
            request.promised = self._clock() + self._promise(self._waiting + count) + self._left_of_pass()
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

    def refusal(self, readings: int, due: float) -> QueueFullError | TooLateError | None:
        """What a request of `readings` that must be answered by `due` would be refused with at present.

        Whoever is refused at the same time for the same reason has the same exception: to make one takes longer than
        to look whether it is needed.
        """
        if self._waiting + readings > self._queue_readings:
            return self._full_error(readings)
        if due == NO_DEADLINE or self._is_stale():
            return None
        now = self._clock()
        needed = self._promise(self._waiting + readings) + self._left_of_pass() + self._lateness.most
        return None if now + needed <= due else self._late_error(due - now, needed)

    def _full_error(self, readings: int) -> QueueFullError:
        key = (self._waiting, readings)
        if self._latest_full is None or self._latest_full[0] != key:
            text = (
                f"{self._waiting} readings wait already and {readings} came, "
                f"at most {self._queue_readings} may wait; come again later"
            )
            self._latest_full = key, QueueFullError(text)
        return self._latest_full[1]

    def _late_error(self, left: float, needed: float) -> TooLateError:
        key = _milliseconds(left), _milliseconds(needed)
        if self._latest_late is None or self._latest_late[0] != key:
            self._latest_late = key, _too_late(left, needed)
        return self._latest_late[1]

    def _left_of_pass(self) -> float:
        """Seconds that the pass under way should still take."""
        if not self._pass_readings:
            return 0.0
        return max(self._pass_started + self._pace.seconds(self._pass_readings) - self._clock(), 0.0)

    def _promise(self, readings: int) -> float:
        """Seconds that it should take until as many readings are scored, and the last of them answered."""
        return self._pace.seconds(readings) + self._delivery_pace.seconds(min(readings, self._max_readings))

    def _start_pass(self) -> None:
        self._starting = None
        parts, late = self._next_parts()
        if parts:
            self._busy = True
            self._pass_readings = sum([part.stop - part.start for part in parts])
            self._pass_promised = parts[-1].request.promised
            self._pass_started = self._clock()
            self._perform(parts, self._is_quick(self._pass_readings), self._end_pass)
        else:
            self._busy = False
        if late:
            # That was not reckoned with when they were let in.
            self._lateness.learn(self._clock() + self._promise(self._pass_readings) - late[-1][0].promised)
        for request, error in late:
            request.fail(error)

    def _end_pass(self, failed: Iterable[Request], deliver: Callable[[], None]) -> None:
        self._pass_ended = self._clock()
        readings, promised, self._pass_readings = self._pass_readings, self._pass_promised, 0
        self._pace.learn(readings, self._pass_ended - self._pass_started)
        for request in failed:
            self.withdraw(request)
        if self._waiting >= self._max_readings and not self._is_quick(self._max_readings):
            # The scorer need not rest while answers are given out.
            self._start_pass()
            self._deliver(readings, promised, deliver)
        else:
            try:
                self._deliver(readings, promised, deliver)
            finally:
                self._go_on()

    def _deliver(self, readings: int, promised: float, deliver: Callable[[], None]) -> None:
        started = self._clock()
        deliver()
        ended = self._clock()
        self._delivery_pace.learn(readings, ended - started)
        if promised != NO_DEADLINE:
            self._lateness.learn(ended - promised)

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
        return self._pace.is_known and self._pace.seconds(readings) <= self._quick_seconds

    def _next_parts(self) -> tuple[list[Part], list[tuple[Request, TooLateError]]]:
        """What the next pass takes, and requests that it would only answer too late."""
        parts: list[Part] = []
        late: list[tuple[Request, TooLateError]] = []
        room = self._max_readings
        turns = self._turns
        # All answers of a pass are given out at its end.
        planned = min(self._waiting, room)
        needed = 0.0 if self._is_stale() else self._promise(planned)
        while turns and room:
            client = turns[0]
            request = client.waiting[0]
            left = request.readings_count - request.taken
            if left > room and parts:
                break
            turns.popleft()
            if left and request.due != NO_DEADLINE and (error := self._too_late(request, needed)):
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

    def _too_late(self, request: Request, needed: float) -> TooLateError | None:
        """`needed`: seconds until it would be answered."""
        left = request.due - self._clock()
        return None if left > needed else _too_late(left, needed)

    def _is_stale(self) -> bool:
        """Whether there was no pass for so long that what is known of them may be true no more."""
        return not self._pass_readings and self._clock() - self._pass_ended > self.STALE_SECONDS


def _too_late(left: float, needed: float) -> TooLateError:
    return TooLateError(
        f"{_milliseconds(left)} ms are left of the request's time, "
        f"but an answer takes {_milliseconds(needed)} ms or more at present"
    )


def _milliseconds(seconds: float) -> int:
    return round(max(seconds, 0.0) * 1000)
