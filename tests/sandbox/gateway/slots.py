"""Weights as a round of slots to go through: whole shares, evenly interleaved."""

from __future__ import annotations

from collections.abc import Sequence

SLOTS = 100


def shares(weights: Sequence[int], slots: int = SLOTS) -> list[int]:
    """How many of the slots each weight gets, in all exactly `slots`.

    Largest remainders; a positive weight gets one slot at least. Some weight must be positive.
    """
    total = sum(weights)
    given = [max(weight * slots // total, 1 if weight > 0 else 0) for weight in weights]
    while sum(given) != slots:
        step = 1 if sum(given) < slots else -1
        # Who has least (or, when there are too many, most) in comparison to what the weight says.
        owed = [step * (weight * slots / total - have) for weight, have in zip(weights, given, strict=True)]
        able = [index for index, have in enumerate(given) if weights[index] > 0 and have + step >= 1]
        given[max(able, key=owed.__getitem__)] += step
    return given


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
