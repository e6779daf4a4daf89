"""Weights as a sequence to go round in: exact shares, evenly interleaved."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_SLOTS = 1000


def member_weights(groups: Sequence[tuple[int, int]]) -> list[int]:
    """For groups of (weight, members), the weight of one member of each group, so that each group has its share.

    The smallest whole numbers that do; where a round of them would be longer than 1000 slots they are scaled down to
    that, and each share is rounded, though never to nothing. Weights and numbers of members must be positive.
    """
    common = math.lcm(*(members for _, members in groups))
    exact = [weight * common // members for weight, members in groups]
    divisor = math.gcd(*exact)
    weights = [weight // divisor for weight in exact]
    total = sum(weight * members for weight, (_, members) in zip(weights, groups, strict=True))
    if total <= MOST_SLOTS:
        return weights
    return [max(1, round(weight * MOST_SLOTS / total)) for weight in weights]


def interleaved(weights: Sequence[int]) -> list[int]:
    """One round of the indices, each as often as its weight says and as evenly spread as can be.

    Smooth weighted round-robin: each step every index gains its weight, and the richest pays the sum and is taken.
    """
    total = sum(weights)
    gained = [0] * len(weights)
    round_: list[int] = []
    for _ in range(total):
        gained = [have + weight for have, weight in zip(gained, weights, strict=True)]
        richest = max(range(len(gained)), key=gained.__getitem__)
        gained[richest] -= total
        round_.append(richest)
    return round_
