"""Many rollouts, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tests.simulation.one_rollout import Result, run_rollout
from tests.simulation.plans import plan
from tests.simulation.traffic import traffic
from tests.simulation.truth import BAD, CLASSES, GOOD, truth

MOST_BAD_PROMOTED = 0.01
MOST_GOOD_ROLLED_BACK = 0.02


class Bound(NamedTuple):
    """What a campaign promises, and whether it kept it."""

    name: str
    found: float
    most: float

    @property
    def is_kept(self) -> bool:
        return self.found <= self.most


def campaign(runs: int, seed: int, gusts: float = 0.0) -> Iterator[Result]:
    """Each class of bundles in turn, each rollout with its own plan, traffic and chance, repeatable by its number."""
    for number in range(runs):
        random = np.random.default_rng((seed, number))
        chosen = plan(random)
        kind = CLASSES[number % len(CLASSES)]
        yield run_rollout(chosen, truth(kind, chosen, random), traffic(random, gusts), random)


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Shares, in the places where they are promised, and the counts behind them.

    `bad_promoted` is of the bad ones, `good_rolled_back` of the good ones. `undecided` and `decided_below_floor` are of
    all: a rollout is undecided where no gate failed it, and some never had the evidence until long after its deadline.
    """
    good = [each for each in results if each.truth.is_good]
    bad = [each for each in results if not each.truth.is_good]
    counts = {
        "good": len(good),
        "bad": len(bad),
        "bad_promoted": _ended(bad, "promoted"),
        "good_rolled_back": _rolled_back(good),
        "undecided": _ended(results, "held"),
        "decided_below_floor": sum(each.below_floor for each in results),
        "good_promoted": _ended(good, "promoted"),
        "bad_rolled_back": _rolled_back(bad),
        "good_undecided": _ended(good, "held"),
        "bad_undecided": _ended(bad, "held"),
        "looks": sum(each.looks for each in results),
    }
    return {
        "runs": len(results),
        "bad_promoted": counts["bad_promoted"] / max(len(bad), 1),
        "good_rolled_back": counts["good_rolled_back"] / max(len(good), 1),
        "undecided": counts["undecided"] / max(len(results), 1),
        "decided_below_floor": counts["decided_below_floor"] / max(len(results), 1),
        "counts": counts,
    }


def _rolled_back(results: Sequence[Result]) -> int:
    return _ended(results, "failed a gate") + _ended(results, "deadline")


def bounds(found: dict[str, Any]) -> tuple[Bound, ...]:
    return (
        Bound("bad promoted", found["bad_promoted"], MOST_BAD_PROMOTED),
        Bound("good rolled back", found["good_rolled_back"], MOST_GOOD_ROLLED_BACK),
        Bound("decided below a floor", found["decided_below_floor"], 0.0),
    )


def by_class(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    for name in (*GOOD, *BAD):
        yield name, [each for each in results if each.truth.name == name]


def _ended(results: Sequence[Result], ending: str) -> int:
    return sum(each.ending == ending for each in results)
