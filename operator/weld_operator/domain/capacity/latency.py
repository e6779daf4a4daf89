"""How long answers take, as a distribution."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Seconds from a request's arrival at a replica to its answer; shares are of the readings."""

    mean: float
    p50: float
    p99: float
    p999: float
    on_time: float
    """Answered within the deadline; what is refused is not."""
    refused: float
    """At once, because the queue was full."""

    def farther_away(self, seconds: float) -> Latency:
        """The same where each answer takes `seconds` longer, which has been reckoned with in `on_time`."""
        later = (self.mean + seconds, self.p50 + seconds, self.p99 + seconds, self.p999 + seconds)
        return Latency(*later, self.on_time, self.refused)


class Durations:
    """A histogram of seconds with weights."""

    def __init__(self, width: float) -> None:
        """`width` of its bins, in seconds."""
        self._width = width
        self._weights: defaultdict[int, float] = defaultdict(float)
        self._total = 0.0
        self._sum = 0.0

    @property
    def total(self) -> float:
        return self._total

    @property
    def mean(self) -> float:
        return self._sum / self._total

    def add(self, seconds: float, weight: float) -> None:
        self._weights[round(seconds / self._width)] += weight
        self._total += weight
        self._sum += weight * seconds

    def quantile(self, probability: float) -> float:
        """Interpolated within the bin that it falls into."""
        below, wanted = 0.0, probability * self._total
        for place in sorted(self._weights):
            weight = self._weights[place]
            if below + weight >= wanted:
                return max((place - 0.5 + (wanted - below) / weight) * self._width, 0.0)
            below += weight
        return max(self._weights) * self._width

    def share_within(self, seconds: float) -> float:
        within = sum(weight for place, weight in self._weights.items() if place * self._width <= seconds)
        return min(within / self._total, 1.0)
