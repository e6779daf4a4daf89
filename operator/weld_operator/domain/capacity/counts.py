"""How many requests come in a while: the distribution of a count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import TypeAlias

Counts: TypeAlias = Sequence[tuple[int, float]]
"""Counts, 0 and more, with their probabilities."""

_LEAST = 1e-7
"""Probabilities below are left out."""
_REACH = 5.5
"""Standard deviations of a normal distribution, beyond which less than that is left."""
_NORMAL_FROM = 12.0
"""Expected requests from which on a binomial distribution is normal enough."""
_NORMAL = NormalDist()


def none_come(sources: int, probability: float) -> float:
    """The probability that none of `sources` sends, each of which does so with `probability`, 0 to 1."""
    return (1 - probability) ** sources if probability < 1 else 0.0


def counts(sources: int, probability: float, unit: int, evenness: float = 0.0) -> Counts:
    """How many of `sources` send, each with `probability`, in units of so many requests: binomial, or normal if many.

    A `probability` above 1 means that each sends more than once; then only the remainder varies. `evenness`: share of
    the variance that is missing where many come, because what has come of a tick does not come again.
    """
    expected = sources * probability
    variance = max(expected * (1 - min(probability, 1.0)), 0.0)
    if variance < 1e-12:
        return [(round(expected / unit), 1.0)]
    if unit == 1 and expected < _NORMAL_FROM:
        return _binomial(sources, probability)
    deviation = math.sqrt(variance * (1 - evenness))
    least = max(math.floor((expected - _REACH * deviation) / unit), 0)
    most = math.ceil((expected + _REACH * deviation) / unit)
    edges = [_NORMAL.cdf(((place - 0.5) * unit - expected) / deviation) for place in range(least, most + 2)]
    edges[0] = 0.0
    found = [
        (least + place, after - before)
        for place, (before, after) in enumerate(pairwise(edges))
        if after - before > _LEAST
    ]
    return _whole(found)


def _binomial(sources: int, probability: float) -> Counts:
    odds = probability / (1 - probability)
    chance = none_come(sources, probability)
    expected = sources * probability
    found = []
    for count in range(sources + 1):
        if chance > _LEAST:
            found.append((count, chance))
        elif count > expected:
            break
        chance *= odds * (sources - count) / (count + 1)
    return _whole(found)


def _whole(found: list[tuple[int, float]]) -> Counts:
    total = sum(chance for _, chance in found)
    return [(count, chance / total) for count, chance in found]
