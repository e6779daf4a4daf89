"""When the requests of a tick arrive: each gateway sends one a tick, and its way takes a normally distributed time.

All gateways sample at the same instants, so that arrivals crowd around one moment of each tick: their density over the
tick is the wrapped normal one (Mardia and Jupp, Directional Statistics, 3.5.7). The mean of the delay only shifts it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import NormalDist

_TURNS = 12
"""Ticks before and after, as far as which delays reach; with a jitter below a tick nothing comes from farther."""


@dataclass(frozen=True)
class TickArrivals:
    """Arrivals of `requests` in each tick; seconds."""

    requests: int
    tick: float
    jitter: float
    """Standard deviation of the delay."""

    @property
    def rate(self) -> float:
        """Requests/s, on average."""
        return self.requests / self.tick

    @property
    def peak_factor(self) -> float:
        """The greatest density over the mean one: 1 where the jitter is as long as the tick, infinite without any.

        The wrapped normal density at its mean: 1 + 2 sum exp(-2 (pi k jitter / tick)^2), k = 1, 2, ...
        """
        if not self.jitter:
            return math.inf
        ratio = math.pi * self.jitter / self.tick
        terms = (math.exp(-2 * (k * ratio) ** 2) for k in range(1, 1 + math.ceil(6 / ratio)))
        return 1 + 2 * sum(terms)

    def shares(self, phases: int) -> list[float]:
        """Of a tick's requests in each of so many equal parts of the tick, their peak in the middle; sums to 1."""
        if not self.jitter:
            return [1.0 if phase == phases // 2 else 0.0 for phase in range(phases)]
        deviation = self.jitter / self.tick
        reach = math.ceil(min(_TURNS, 9 * deviation + 1))
        cumulative = [
            sum(self._normal.cdf((phase / phases - 0.5 + turn) / deviation) for turn in range(-reach, reach + 1))
            for phase in range(phases + 1)
        ]
        shares = [after - before for before, after in pairwise(cumulative)]
        total = sum(shares)
        return [share / total for share in shares]

    @cached_property
    def _normal(self) -> NormalDist:
        return NormalDist()
