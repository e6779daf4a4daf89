"""What the predictors of both revisions would have counted, drawn look by look."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from tests.simulation.plans import Random
from tests.simulation.truth import Truth

Totals = dict[str, float]

_MOST_PASSES = 50.0
"""In a second; more requests than these share passes."""
_SCORING_RATE = 100_000.0
"""Readings in a second of scoring, of the stable revision."""
_PASS_VARIATION = 0.3
"""Standard deviation of a pass's time, as a share of it."""
_CLIENTS_FAULTS = 0.002


@dataclass(frozen=True)
class Traffic:
    """`readings` a second, in requests of `size`. `gusts`: how much a bad share varies from look to look around its
    true mean, as a standard deviation relative to it; none where readings are independent.
    """

    readings: float
    size: float
    gusts: float

    @property
    def requests(self) -> float:
        return self.readings / self.size


def traffic(random: Random, gusts: float = 0.0) -> Traffic:
    """From 1 to 100,000 readings a second, in requests of 1 to 1,000 readings, at least one request a second."""
    readings = 10 ** float(random.uniform(0, 5))
    return Traffic(readings, min(10 ** float(random.uniform(0, 3)), readings), gusts)


class Counting:
    """Counts since the phase began."""

    def __init__(self, truth: Truth, traffic: Traffic, slow_after: timedelta, random: Random) -> None:
        self._truth = truth
        self._traffic = traffic
        self._is_bound = slow_after == timedelta(milliseconds=100)
        self._random = random
        self.totals: Totals = defaultdict(float)

    def begin(self) -> None:
        self.totals = defaultdict(float)

    def count(self, seconds: float, weight: int, shadowed: float, lost: float) -> None:
        """What comes in `seconds`. `weight`: the candidate's share in percent; `shadowed`: share of the stable
        revision's readings that is compared. `lost`: share of it that no counter kept, because a replica restarted.
        """
        if lost:
            seconds *= 1 - lost
        theirs = self._poisson(self._traffic.requests * seconds * (100 - weight) / 100)
        forwarded = self._binomial(theirs, shadowed)
        ours = self._poisson(self._traffic.requests * seconds * weight / 100) + forwarded
        self._requests(ours)
        self._readings(math.floor(ours * self._traffic.size))
        self._passes("ours", ours, seconds, self._truth.pace)
        self._passes("theirs", theirs, seconds, 1.0)
        self._compare(math.floor(forwarded * self._traffic.size))

    def _requests(self, requests: int) -> None:
        failed = self._binomial(requests, self._gusty(self._truth.errors))
        self._add("failed", failed)
        self._add("good", requests - failed)
        self._add("clients", self._poisson(requests * _CLIENTS_FAULTS))
        slow = self._gusty(self._truth.slow)
        over, also = (slow, 0.05) if self._is_bound else (0.87 * slow, 0.28 * slow)
        over_100 = self._binomial(requests, over)
        over_50 = over_100 + self._binomial(requests - over_100, also)
        self._add("within 50", requests - over_50)
        self._add("within 100", requests - over_100)

    def _readings(self, readings: int) -> None:
        self._add("readings", readings)
        self._add("outside", self._binomial(readings, self._gusty(self._truth.outside)))
        self._add("uncovered", self._binomial(readings, self._gusty(self._truth.uncovered)))

    def _passes(self, owner: str, requests: int, seconds: float, pace: float) -> None:
        passes = min(requests, math.ceil(_MOST_PASSES * seconds))
        if not passes:
            return
        shape = passes / _PASS_VARIATION**2
        took = requests * self._traffic.size / (_SCORING_RATE * pace)
        self._add(f"passes {owner}", passes)
        self._add(f"scored {owner}", requests * self._traffic.size)
        self._add(f"seconds {owner}", took * float(self._random.gamma(shape)) / shape)

    def _compare(self, readings: int) -> None:
        """The sum of many differences of risk is normal; rises and falls follow from it and from their spread."""
        self._add("compared", readings)
        self._add("disagreed", self._binomial(readings, self._gusty(self._truth.disagreement)))
        mean, spread = self._gusty(self._truth.shift), self._truth.spread
        total = readings * mean + spread * math.sqrt(readings) * float(self._random.normal())
        either = max(abs(total), readings * spread * 0.8)
        self._add("rises", (either + total) / 2)
        self._add("falls", (either - total) / 2)
        self._add("squares", readings * (mean**2 + spread**2))

    def _gusty(self, mean: float) -> float:
        if not self._traffic.gusts:
            return mean
        shape = self._traffic.gusts**-2
        return min(mean * float(self._random.gamma(shape)) / shape, 1.0)

    def _poisson(self, mean: float) -> int:
        return int(self._random.poisson(mean))

    def _binomial(self, of: int, share: float) -> int:
        return int(self._random.binomial(of, share))

    def _add(self, name: str, number: float) -> None:
        self.totals[name] += number
