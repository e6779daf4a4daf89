"""How many replicas it takes, and what is left of them when something is lost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from weld_operator.domain.capacity.arrivals import TickArrivals
from weld_operator.domain.capacity.passes import Load, latency_of
from weld_operator.domain.capacity.service import Replica

MOST_REPLICAS = 100_000
_KEEPS_UP = 0.9
_PHASES = 100
_DEVIATIONS = 5.0


class NotEnoughError(Exception):
    """No number of replicas reaches the goals; the message is one sentence."""


@dataclass(frozen=True)
class Spread:
    """Among what replicas are spread, evenly."""

    zones: int
    machines: int | None
    """None: each replica has its own."""

    def lost_with(self, what: str, replicas: int) -> int:
        """Replicas that go with a `machine` or a `zone`, at the worst; 0 with `nothing`."""
        if what == "nothing":
            return 0
        if what == "zone":
            return math.ceil(replicas / self.zones)
        return math.ceil(replicas / min(self.machines or replicas, replicas))


@dataclass(frozen=True)
class Size:
    """Replicas, and why so many."""

    replicas: int
    reason: str
    occupancy: float
    """Of a replica's most, all of them being there."""


@dataclass(frozen=True)
class Aims:
    """What a size must reach."""

    on_time: float
    occupancy: float
    survive: str
    fewest: int


def size_for(replica: Replica, load: Load, spread: Spread, aims: Aims) -> Size:
    """The fewest replicas that reach the aims. Raises NotEnoughError where none do.

    More replicas never make it worse, so that the number is looked for by halves.
    """
    most = replica.most_requests_per_second
    by_rate = max(math.ceil(load.requests_per_second / (most * aims.occupancy) - 1e-9), 1)
    if (alone := replica.service.alone(replica.request_readings)) > load.deadline:
        raise NotEnoughError(
            f"one request of {replica.request_readings} readings alone takes {alone * 1000:.0f} ms, longer than the "
            f"deadline of {load.deadline * 1000:.0f} ms: no number of replicas helps, smaller requests or a faster "
            "bundle would"
        )
    reasons = [(by_rate, f"at most {aims.occupancy:.0%} of what each can do")]
    needed = _fewest(by_rate, lambda count: _reaches(replica, load, aims, count))
    if needed > by_rate:
        reasons.append((needed, f"{aims.on_time:.1%} on time"))
    survivors = _fewest(needed, lambda count: _withstands(replica, load, spread, aims, count))
    if survivors > needed:
        reasons.append((survivors, f"{aims.on_time:.1%} on time with a {aims.survive} lost"))
    if aims.fewest > survivors:
        reasons.append((aims.fewest, "the WeldModel's minReplicas"))
    count, reason = reasons[-1]
    return Size(count, reason, load.requests_per_second / count / most)


def on_time_with(replica: Replica, load: Load, count: int) -> float:
    """Share of readings on time with so many replicas; 1 without a closer look where there is time in plenty."""
    if count < 1:
        return 0.0
    return 1.0 if _has_plenty(replica, load, count) else latency_of(replica, load, count).on_time


def _has_plenty(replica: Replica, load: Load, count: int) -> bool:
    """Whether twice the work that ever waits, generously reckoned, is done within the deadline.

    Work is taken for a fluid (Newell, Applications of Queueing Theory, 1982, chapter 2): it flows in as requests arrive
    within a tick, and out steadily. What chance adds is five standard deviations of the requests of a tick. Nobody
    waits for more than the pass under way and its own, neither of which is longer than all the work that waits.
    """
    each = 1 / replica.most_requests_per_second
    requests = load.requests / count
    if requests * each >= _KEEPS_UP * load.tick:
        return False
    work = most = 0.0
    phase = load.tick / _PHASES
    shares = TickArrivals(load.requests, load.tick, load.jitter).shares(_PHASES)
    for share in (*shares, *shares):
        work = max(work + share * requests * each - phase, 0.0)
        most = max(most, work)
    most += _DEVIATIONS * math.sqrt(requests) * each
    slowest, stall = max(replica.service.spread), replica.service.stalls.longest
    longest = most + 2 * replica.service.alone(replica.request_readings)
    taken = 2 * (slowest * longest + stall) + replica.max_delay
    return most / each < replica.requests_in_queue and taken < load.deadline


def _reaches(replica: Replica, load: Load, aims: Aims, count: int) -> bool:
    return on_time_with(replica, load, count) >= aims.on_time


def _withstands(replica: Replica, load: Load, spread: Spread, aims: Aims, count: int) -> bool:
    left = count - spread.lost_with(aims.survive, count)
    return _reaches(replica, load, aims, left)


def _fewest(start: int, enough: Callable[[int], bool]) -> int:
    """The least count from `start` on that is enough."""
    if enough(start):
        return start
    too_few, count = start, start + 1
    while not enough(count):
        too_few, count = count, count + max(count // 4, 1)
        if count > MOST_REPLICAS:
            raise NotEnoughError(
                f"even {too_few:,} replicas do not reach the goal: most of the time goes where replicas do not help"
            )
    while count - too_few > 1:
        middle = (count + too_few) // 2
        too_few, count = (too_few, middle) if enough(middle) else (middle, count)
    return count
