"""A discrete-event simulation of what `weld_operator.domain.capacity` reckons: gateways, delays, replicas and passes.

Nothing is shared with it but the words: events here, probabilities there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weld_operator.domain.capacity.latency import Latency
from weld_operator.domain.capacity.passes import Load
from weld_operator.domain.capacity.service import Replica, Stalls

WARM_UP_TICKS = 5
DELAYS = 4.0
"""Standard deviations that a delivery takes on average, so that hardly any would come before it was sent."""


@dataclass(frozen=True)
class Simulated:
    """What became of the requests of some ticks."""

    latency: Latency
    requests: int
    passes: int
    busy: float
    """Share of the time in which a replica is making a pass, stalls in it included."""


def simulate(replica: Replica, load: Load, replicas: int, ticks: int, seed: int = 0) -> Simulated:
    """`ticks` of `load` on so many replicas; the ticks until it has warmed up come before them."""
    source = np.random.default_rng(seed)
    all_ticks = WARM_UP_TICKS + ticks
    sampled = np.repeat(np.arange(all_ticks) * load.tick, load.requests)
    arrived = sampled + np.maximum(source.normal(DELAYS * load.jitter, load.jitter, len(sampled)), 0)
    taken_by = source.integers(0, replicas, len(sampled))
    begin = WARM_UP_TICKS * load.tick
    taken, refused, passes, busy = [], 0, 0, 0.0
    for number in range(replicas):
        own = taken_by == number
        order = np.argsort(arrived[own], kind="stable")
        counted = sampled[own][order] >= begin
        answered, made, took = _serve(replica, arrived[own][order], source)
        refused += int((np.isnan(answered) & counted).sum())
        taken.append(answered[counted & ~np.isnan(answered)])
        passes += made
        busy += took
    found = np.concatenate(taken)
    return Simulated(
        latency=_latency(found, refused, load.deadline),
        requests=len(found) + refused,
        passes=passes,
        busy=busy / (replicas * all_ticks * load.tick),
    )


class _Stalls:
    """Of one replica: at moments that are a Poisson process nothing goes on for a while."""

    def __init__(self, stalls: Stalls, until: float, source: np.random.Generator) -> None:
        count = source.poisson(stalls.per_second * until)
        self._begins = np.sort(source.uniform(0, until, count)).tolist()
        self._lasts = source.choice(stalls.seconds, count).tolist()
        self._next = 0

    def over(self, now: float) -> float:
        """When work can be begun that is there `now`; moments only grow from call to call."""
        while self._next < len(self._begins) and self._begins[self._next] <= now:
            now = max(now, self._begins[self._next] + self._lasts[self._next])
            self._next += 1
        return now

    def done(self, now: float, seconds: float) -> float:
        """When work of so many seconds is done that is begun `now`."""
        end = now + seconds
        while self._next < len(self._begins) and self._begins[self._next] < end:
            end += self._lasts[self._next]
            self._next += 1
        return end


def _serve(
    replica: Replica, arrived: NDArray[np.float64], source: np.random.Generator
) -> tuple[NDArray[np.float64], int, float]:
    """Seconds until each request of one replica was answered, NaN if it was refused; passes, and seconds in them."""
    spread = np.array(replica.service.spread)
    stalls = _Stalls(replica.service.stalls, arrived[-1] if len(arrived) else 0.0, source)
    answered = np.full(len(arrived), np.nan)
    waiting: deque[int] = deque()
    came = 0
    now, passes, busy = 0.0, 0, 0.0

    def hear(until: float) -> None:
        nonlocal came
        while came < len(arrived) and arrived[came] <= until:
            if len(waiting) < replica.requests_in_queue:
                waiting.append(came)
            came += 1

    while came < len(arrived) or waiting:
        if not waiting:
            now = max(now, arrived[came])
        now = stalls.over(now)
        hear(now)
        in_pass = [waiting.popleft() for _ in range(min(len(waiting), replica.requests_in_pass))]
        seconds = replica.service.seconds(len(in_pass), len(in_pass) * replica.request_readings)
        end = stalls.done(now, seconds * source.choice(spread))
        hear(end)
        passes += 1
        busy += end - now
        now = end
        answered[in_pass] = now + replica.service.on_way - arrived[in_pass]
        if len(in_pass) > replica.requests_in_quick_pass and 0 < len(waiting) < replica.requests_in_pass:
            start = max(now, arrived[waiting[0]] + replica.max_delay)
            missing = came + replica.requests_in_pass - len(waiting) - 1
            if missing < len(arrived):
                start = max(min(start, arrived[missing]), now)
            hear(start)
            now = start
    return answered, passes, busy


def _latency(found: NDArray[np.float64], refused: int, deadline: float) -> Latency:
    p50, p99, p999 = np.quantile(found, (0.5, 0.99, 0.999))
    requests = len(found) + refused
    return Latency(
        mean=float(found.mean()),
        p50=float(p50),
        p99=float(p99),
        p999=float(p999),
        on_time=float((found <= deadline).sum() / requests),
        refused=refused / requests,
    )
