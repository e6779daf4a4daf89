"""How often a decision is wrong, by the effect's size and the sample floor: our intervals, and a bare limit.

A bare limit is what known rollout controllers hold against a release: the share seen so far, as soon as the floor is
met, at the first look. Both are given the same counts of requests; ours go through the real state machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from tests.simulation.one_rollout import Result, run_rollout
from tests.simulation.plans import ERRORS, Plan
from tests.simulation.traffic import Traffic
from tests.simulation.truth import at_factor
from weld_api.rollout import Rollout

FACTORS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.1, 1.33, 2.0, 4.0, 10.0)
FLOORS = (300, 3_000, 30_000)
_BARE_RUNS = 20_000
_REQUESTS = 0.5
"""That the candidate gets in a second; its step has half of all."""
_INTERVAL = timedelta(minutes=10)


@dataclass(frozen=True)
class Effect:
    """Shares of the runs with this factor of the limit and this floor. `hours`: median time until the end."""

    factor: float
    floor: int
    wrong: float
    undecided: float
    wrong_bare: float
    hours: float


def effects(runs: int, seed: int) -> list[Effect]:
    """One step of half of the requests, one gate about errors, `runs` rollouts for each floor and factor."""
    return [_effect(factor, floor, runs, seed) for floor in FLOORS for factor in FACTORS]


def _effect(factor: float, floor: int, runs: int, seed: int) -> Effect:
    plan, truth = _plan(floor), at_factor("ErrorRate", factor)
    results: list[Result] = []
    for number in range(runs):
        random = np.random.default_rng((seed, floor, round(factor * 100), number))
        results.append(run_rollout(plan, truth, Traffic(2 * _REQUESTS, 1.0, 0.0), random))
    wrong = "failed a gate" if factor < 1 else "promoted"
    return Effect(
        factor=factor,
        floor=floor,
        wrong=_share(results, (wrong,)),
        undecided=_share(results, ("deadline", "held")),
        wrong_bare=_wrong_by_bare_limit(factor, floor, seed),
        hours=float(np.median([each.took / timedelta(hours=1) for each in results])),
    )


def _share(results: Sequence[Result], endings: tuple[str, ...]) -> float:
    return sum(each.ending in endings for each in results) / len(results)


def _wrong_by_bare_limit(factor: float, floor: int, seed: int) -> float:
    """At the first look with its floor, each look bringing as many requests as one does above."""
    random = np.random.default_rng((seed, floor, round(factor * 100)))
    each_look = _REQUESTS * _INTERVAL.total_seconds()
    samples = random.poisson(np.ceil(floor / each_look) * each_look, _BARE_RUNS)
    fails = random.binomial(samples, factor * ERRORS) > ERRORS * samples
    return float((fails if factor < 1 else ~fails).mean())


def _plan(floor: int) -> Plan:
    document = {
        "steps": [{"weight": 50, "hold": "1m"}],
        "gates": [{"name": "errors", "errorRate": {"max": ERRORS, "minSamples": floor}}],
        "deadline": {"per": "24h", "then": "Rollback"},
        "analysis": {"interval": f"{_INTERVAL // timedelta(minutes=1)}m"},
    }
    return Plan("one gate", Rollout.model_validate(document))
