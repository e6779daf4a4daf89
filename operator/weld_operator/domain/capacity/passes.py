"""The latency of a replica that makes one pass after the other, each with all that waits when it starts.

That is a queue with bulk service (Bailey, On queueing processes with bulk service, J. R. Stat. Soc. B 16, 1954; for
passes whose time is linear in their size: Inoue, Queueing analysis of GPU-based inference servers with dynamic
batching, Performance Evaluation 147, 2021). What is embedded at the starts of passes is a Markov chain: how many wait
when a pass starts says how long it takes, and so how many have come when it ends. Here arrivals crowd within each tick,
so the chain's state is the moment within the tick as well, and it is followed through ticks until one is like the one
before.

With one request in a pass and even arrivals it is the queue M/G/1 of Pollaczek and Khinchine, which it is tested by.
There is no queue that replicas share: each has its own, so formulas for M/G/c would promise too much.

Time is cut into phases; what comes in a phase comes in its middle. Assumed: requests are of one size; each goes to a
replica by chance; a request that finds nothing under way is scored at once; after a pass the next starts at once if it
was a quick one, otherwise when the oldest that waits has waited `max_delay`. What comes in two phases is taken to be
independent, but for how much many of them vary. A stall lengthens the pass that it interrupts, and is a pass with
nothing in it while nothing is under way; while requests wait for company none begins. Stalls are taken to be rare: one
in a pass at most.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from weld_operator.domain.capacity.arrivals import TickArrivals
from weld_operator.domain.capacity.latency import Durations, Latency
from weld_operator.domain.capacity.service import Replica
from weld_operator.domain.capacity.windows import Answered, Windows

_PHASES_IN_PASS = 5
_FEWEST_PHASES, _MOST_PHASES = 80, 900
_UNITS_IN_PASS, _UNITS_AT_ONCE = 12, 100
_MOST_CROWDED, _LEAST_LEFT = 3.0, 0.25
"""Of arrivals and of idleness, as far as phases and units are chosen by them."""
_MOST_TICKS = 12
_STEPS_IN_PASS = 4
"""To which what a full pass left is rounded."""
_ALIKE = 0.002
"""Two ticks whose passes differ by no more than this share, in number and in what waits for them, are alike."""
_LEAST = 1e-6
"""What is less likely counts as idleness, so that nothing is lost."""


@dataclass(frozen=True)
class Load:
    """What comes to all replicas together."""

    requests: int
    """In each tick, each from a gateway of its own."""
    tick: float
    jitter: float
    deadline: float
    """Seconds, from the arrival."""

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.tick


@dataclass(frozen=True)
class _Answers:
    """When requests are answered: the seconds of those that are, and the share of those that are refused."""

    durations: Durations
    refused: float

    def latency(self, deadline: float) -> Latency:
        """`deadline`: in seconds; below 0 nothing is on time."""
        durations = self.durations
        return Latency(
            mean=durations.mean,
            p50=durations.quantile(0.5),
            p99=durations.quantile(0.99),
            p999=durations.quantile(0.999),
            on_time=durations.share_within(deadline) * (1 - self.refused),
            refused=self.refused,
        )


def latency_of(replica: Replica, load: Load, replicas: int, way: float = 0.0) -> Latency:
    """Of `load` on so many replicas that share it by chance; `way`: seconds there and back, which end the deadline."""
    way += replica.service.on_way
    latency = _answers(replica, load.requests, load.tick, load.jitter, replicas).latency(load.deadline - way)
    return latency.farther_away(way) if way else latency


@lru_cache(maxsize=512)
def _answers(replica: Replica, requests: int, tick: float, jitter: float, replicas: int) -> _Answers:
    rate = requests / tick / replicas
    if replica.occupancy(rate) >= 1:
        return _overwhelmed(replica, rate)
    return _Chain(replica, TickArrivals(requests, tick, jitter), replicas).settle()


def _overwhelmed(replica: Replica, rate: float) -> _Answers:
    """More comes than can be served: the queue is full, and what is too much is refused."""
    most = replica.most_requests_per_second
    a_pass = replica.requests_in_pass / most
    durations = Durations(a_pass)
    durations.add(replica.requests_in_queue / most + a_pass, 1.0)
    return _Answers(durations, max(1 - most / rate, 0.0))


class _Chain:
    """Follows the starts of passes through ticks."""

    def __init__(self, replica: Replica, arrivals: TickArrivals, replicas: int) -> None:
        """`arrivals`: at all replicas together."""
        busiest = arrivals.rate / replicas * min(arrivals.peak_factor, _MOST_CROWDED)
        cycle = _cycle(replica, busiest)
        units = busiest * cycle / _UNITS_IN_PASS if arrivals.jitter else arrivals.requests / replicas / _UNITS_AT_ONCE
        self._phases = _phases(arrivals.tick, cycle / _PHASES_IN_PASS, replica.max_delay)
        self._windows = Windows(replica, arrivals, 1 / replicas, phases=self._phases, unit=max(round(units), 1))
        self._stalls = self._windows.stalls()
        self._starts: defaultdict[int, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
        """By phase and by what waits: how likely it is that a pass starts so."""
        self._idle = 1.0
        self._returning: defaultdict[int, float] = defaultdict(float)
        """To idleness, by phase."""
        self._lonely: defaultdict[int, float] = defaultdict(float)
        """By phase: a pass ends so soon that what comes first in this phase waits for company."""
        self._now = 0
        self._seen = 0.0
        """Of the tick under way: passes, and what they found waiting."""
        self._recording = False
        self._found: defaultdict[Answered, float] = defaultdict(float)
        """In the tick that counts, how often."""
        self._width = arrivals.tick / self._phases / 4

    def settle(self) -> _Answers:
        """Tick after tick until they are alike; the one after that counts."""
        before = 0.0
        for _ in range(_MOST_TICKS):
            self._seen = 0.0
            self._pass_tick()
            if abs(self._seen - before) <= _ALIKE * self._seen:
                break
            before = self._seen
        self._recording = True
        self._pass_tick()
        return self._answers()

    def _answers(self) -> _Answers:
        taken, refused = Durations(self._width), 0.0
        for found, chance in self._found.items():
            refused += chance * found.refused
            for seconds, requests in found.answers:
                taken.add(seconds, chance * requests)
        return _Answers(taken, refused / (taken.total + refused))

    def _pass_tick(self) -> None:
        for now in range(self._now, self._now + self._phases):
            self._idle += self._returning.pop(now, 0.0)
            self._stall(now)
            self._wake(now)
            self._begin_passes(now)
            self._wait_for_company(now)
        self._now += self._phases

    def _stall(self, now: int) -> None:
        """A stall begins while nothing is under way: like a quick pass with nothing in it."""
        idle = self._idle
        for length, share in self._stalls:
            if idle * share > _LEAST:
                self._after_pass(now, now + length, True, idle * share)
                self._idle -= idle * share

    def _wake(self, now: int) -> None:
        """Requests come while nothing is under way."""
        woken = self._windows.woken(now)
        if self._idle * woken.chance > _LEAST:
            follow = self._follow_at_end if self._windows.come_at_once else self._follow_midway
            follow(now, woken, self._idle * woken.chance)
            self._idle *= 1 - woken.chance

    def _begin_passes(self, now: int) -> None:
        ends: defaultdict[tuple[int, int, bool], float] = defaultdict(float)
        for waiting, chance in self._starts.pop(now, {}).items():
            if chance <= _LEAST:
                self._idle += chance
                continue
            self._seen += chance * (1 + waiting)
            taken = min(waiting, self._windows.most)
            for left, part in _roughly(waiting - taken, self._windows.most // _STEPS_IN_PASS):
                for length, _, share in self._windows.pass_lengths(taken):
                    ends[now + length, left, taken <= self._windows.quick] += chance * part * share
        for (end, left, quick), chance in ends.items():
            if chance <= _LEAST:
                self._returning[end] += chance
            elif left:
                self._follow(end, self._windows.after_full(now, end, left), chance)
            else:
                self._after_pass(now, end, quick, chance)

    def _after_pass(self, began: int, end: int, quick: bool, chance: float) -> None:
        """A pass left nothing waiting: what came meanwhile is next, if it came early enough to wait no longer."""
        window = self._windows.after(began, end, quick)
        self._returning[end] += chance * window.nothing
        self._follow(end, window.gathered, chance * window.gathered.chance)
        for phase, share in window.lonely:
            self._lonely[began + phase] += chance * share

    def _wait_for_company(self, now: int) -> None:
        """What came first since a pass began comes `now`, and waits its delay out."""
        chance = self._lonely.pop(now, 0.0)
        if chance:
            start, found = self._windows.company(now)
            self._follow_midway(start, found, chance)

    def _follow_at_end(self, phase: int, found: Answered, chance: float) -> None:
        self._follow(phase + 1, found, chance)

    def _follow_midway(self, phase: int, found: Answered, chance: float) -> None:
        """In the middle of a phase: at its beginning or its end."""
        self._follow(phase, found, chance / 2)
        self._follow(phase + 1, found, chance / 2)

    def _follow(self, start: int, found: Answered, chance: float) -> None:
        """A pass starts with what is `found`."""
        starts = self._starts[start]
        for waiting, share in found.waiting:
            starts[waiting] += chance * share
        if self._recording and chance > _LEAST:
            self._found[found] += chance


def _roughly(units: int, step: int) -> Sequence[tuple[int, float]]:
    """A number of units by the multiples of `step` around it, with their shares, so that there are fewer numbers."""
    if step < 2 or units < step:
        return ((units, 1.0),)
    below, beyond = units // step * step, units % step / step
    return ((below, 1 - beyond), (below + step, beyond)) if beyond else ((below, 1.0),)


def _phases(tick: float, seconds: float, delay: float) -> int:
    """In a tick, of about so many `seconds`; a whole number in the delay, which else would be longer or shorter."""
    phases = min(max(round(tick / seconds), _FEWEST_PHASES), _MOST_PHASES)
    in_delay = delay * phases / tick
    if in_delay < 1:
        return phases
    whole = round(tick * math.ceil(in_delay) / delay)
    return whole if whole <= _MOST_PHASES else phases


def _cycle(replica: Replica, rate: float) -> float:
    """Seconds between the starts of passes, about: a pass has what comes in a cycle, and a cycle is a pass.

    Where more comes than can be served for a while, passes grow until it is over, and may be told apart less finely.
    """
    one = replica.service.of_request(replica.request_readings)
    left = max(1 - rate * one, min(_LEAST_LEFT, _LEAST_LEFT - (rate * one - 1) / 2), _LEAST_LEFT / 3)
    return (replica.service.fixed + one) / left
