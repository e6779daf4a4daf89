"""What one replica does: passes, one at a time, whose seconds go to the pass, its requests and its readings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from weld_api.card import Throughput

_CLASSES = 5


@dataclass(frozen=True)
class Stalls:
    """A replica stands still now and then, whether it has work or not: so often, for one of `seconds` by chance."""

    per_second: float = 0.0
    seconds: tuple[float, ...] = (1.0,)

    @property
    def share_of_time(self) -> float:
        return self.per_second * sum(self.seconds) / len(self.seconds)

    @property
    def longest(self) -> float:
        return max(self.seconds) if self.per_second else 0.0

    @cached_property
    def classes(self) -> Sequence[tuple[float, float]]:
        """Fewer durations with their shares, which sum up to 1: each the mean of some that follow one another."""
        ordered, count = sorted(self.seconds), len(self.seconds)
        parts = [ordered[count * place // _CLASSES : count * (place + 1) // _CLASSES] for place in range(_CLASSES)]
        return [(sum(part) / len(part), len(part) / count) for part in parts if part]

    def chance_within(self, seconds: float) -> float:
        """That at least one begins in so many seconds: they begin as a Poisson process does."""
        return -math.expm1(-self.per_second * seconds)


@dataclass(frozen=True)
class ServiceTime:
    """Seconds of a pass: `fixed`, and so much for each request and each reading that is in it."""

    fixed: float
    per_request: float
    per_reading: float
    spread: tuple[float, ...] = (1.0,)
    """By which passes differ, through no fault of their size: equally likely factors, 1 on average."""
    stalls: Stalls = Stalls()
    on_way: float = 0.0
    """Seconds by which an answer comes later, and which keep the replica from nothing: processors wake up for it."""

    @classmethod
    def of(cls, throughput: Throughput, scored_share: float = 1.0) -> ServiceTime:
        """As measured, where `scored_share` of the readings are scored and the others only taken in and answered."""
        spared = (1 - scored_share) * min(throughput.scoring_seconds_per_reading, throughput.seconds_per_reading)
        stalls = throughput.stalls
        return cls(
            fixed=throughput.seconds_per_pass,
            per_request=throughput.seconds_per_request,
            per_reading=throughput.seconds_per_reading - spared,
            spread=_of_mean_one(throughput.spread),
            stalls=Stalls() if stalls is None else Stalls(stalls.per_second, stalls.seconds),
            on_way=throughput.seconds_on_way,
        )

    def seconds(self, requests: float, readings: float) -> float:
        """On average, of a pass with so much in it that no stall interrupts."""
        return self.fixed + self.per_request * requests + self.per_reading * readings

    def durations(self, requests: float, readings: float) -> Sequence[tuple[float, float]]:
        """Seconds of passes with so much in them, with their probabilities; at most one stall interrupts a pass."""
        usual = self.seconds(requests, readings)
        stalled = self.stalls.chance_within(usual)
        return [
            *((usual * factor, (1 - stalled) / len(self.spread)) for factor in self.spread),
            *((usual + stall, stalled * share) for stall, share in self.stalls.classes if stalled),
        ]

    def alone(self, readings: int) -> float:
        """Seconds from a request's arrival to its answer, on average, where there is no other and no stall."""
        return self.seconds(1, readings) + self.on_way

    def of_request(self, readings: int) -> float:
        """Seconds that a request of `readings` adds to the pass that it is in."""
        return self.per_request + self.per_reading * readings


@dataclass(frozen=True)
class Replica:
    """A replica, and what it is told of batching; all requests have `request_readings`, no more than `max_readings`."""

    service: ServiceTime
    request_readings: int
    max_readings: int
    max_delay: float
    """Seconds that a request waits for company after a pass that is not quick."""
    queue_readings: int
    quick_readings: int = 0
    """In the largest pass after which nothing waits for company: it is made between the hearing of two clients."""

    @property
    def requests_in_quick_pass(self) -> int:
        """At most."""
        return self.quick_readings // self.request_readings

    @property
    def requests_in_pass(self) -> int:
        """At most."""
        return max(self.max_readings // self.request_readings, 1)

    @property
    def requests_in_queue(self) -> int:
        """At most; what comes beyond is refused."""
        return max(self.queue_readings // self.request_readings, 1)

    @property
    def most_requests_per_second(self) -> float:
        """With every pass full, in the time that stalls leave."""
        requests = self.requests_in_pass
        seconds = self.service.seconds(requests, requests * self.request_readings)
        return requests / seconds * (1 - self.service.stalls.share_of_time)

    @property
    def most_readings_per_second(self) -> float:
        return self.most_requests_per_second * self.request_readings

    def occupancy(self, requests_per_second: float) -> float:
        """Share of its most that it is asked for; from 1 on it cannot keep up."""
        return requests_per_second / self.most_requests_per_second


def _of_mean_one(factors: tuple[float, ...]) -> tuple[float, ...]:
    mean = sum(factors) / len(factors)
    return tuple(factor / mean for factor in factors)
