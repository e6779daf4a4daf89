"""Shapes of `spec.rollout` that a campaign tries: short and long, with and without shadow, with few and many gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from weld_api.quantity import parse_duration
from weld_api.rollout import Rollout

ERRORS, SLOW, DISAGREEMENT, SHIFT, OUTSIDE, UNCOVERED = 0.001, 0.01, 0.02, 0.01, 0.01, 0.01
PACE, HEAT = 0.8, 80.0

Random = np.random.Generator


@dataclass(frozen=True)
class Plan:
    """A rollout and its name; `slow_after` is the latency that its gate allows."""

    name: str
    rollout: Rollout
    slow_after: timedelta = timedelta(milliseconds=100)

    @property
    def interval(self) -> timedelta:
        return parse_duration(self.rollout.analysis.interval)

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of its gates, also of those of single steps."""
        gates = (*self.rollout.gates, *(gate for step in self.rollout.steps for gate in step.gates))
        return frozenset(type(gate.condition).__name__ for gate in gates)


def plan(random: Random) -> Plan:
    """One of the shapes, with a floor for its gates; each holds at its deadline, so that gates alone decide."""
    requests = int(random.choice([200, 1_000, 5_000]))
    shape = _SHAPES[int(random.integers(len(_SHAPES)))]
    return shape(requests)


def _errors(floor: int) -> dict[str, Any]:
    return {"name": "errors", "errorRate": {"max": ERRORS, "minSamples": floor}}


def _speed(floor: int, limit: str | None = None) -> dict[str, Any]:
    given = {} if limit is None else {"max": limit}
    return {"name": "speed", "latency": {"quantile": 1 - SLOW, "minSamples": floor, **given}}


def _paired(floor: int) -> list[dict[str, Any]]:
    return [
        {"name": "agreement", "disagreement": {"max": DISAGREEMENT, "minSamples": floor}},
        {"name": "risk", "riskShift": {"max": SHIFT, "minSamples": floor}},
    ]


def _inputs(floor: int) -> list[dict[str, Any]]:
    return [
        {"name": "ranges", "outOfRange": {"max": OUTSIDE, "minSamples": floor}},
        {"name": "coverage", "coverage": {"min": 1 - UNCOVERED, "minSamples": floor}},
    ]


def _default(floor: int) -> Plan:
    """As without a `rollout.steps`: three steps, errors and latency."""
    document = {
        "gates": [_errors(floor), _speed(floor)],
        "deadline": {"per": "12h", "then": "Hold"},
        "analysis": {"interval": "5m"},
    }
    return Plan("three steps", Rollout.model_validate(document))


def _one_step(floor: int) -> Plan:
    """Half of the requests at once, and a limit between two bounds of the histogram."""
    document = {
        "steps": [{"weight": 50, "hold": "5m"}],
        "gates": [_errors(floor), _speed(floor, "80ms")],
        "deadline": {"per": "6h", "then": "Hold"},
        "analysis": {"interval": "2m"},
    }
    return Plan("one step", Rollout.model_validate(document), timedelta(milliseconds=80))


def _with_shadow(floor: int) -> Plan:
    """Shadow for hours, then two steps; somebody approves."""
    document = {
        "shadow": {"for": "6h", "minReadings": 10 * floor, "share": 100},
        "steps": [{"weight": 10, "hold": "1h"}, {"weight": 50, "hold": "1h"}],
        "gates": [_errors(floor), _speed(floor), *_paired(10 * floor)],
        "deadline": {"per": "24h", "then": "Hold"},
        "approval": "Manual",
        "analysis": {"interval": "15m"},
    }
    return Plan("shadow and steps", Rollout.model_validate(document))


def _shadow_alone(floor: int) -> Plan:
    """Two days of shadow, with every gate that is about answers and inputs."""
    document = {
        "shadow": {"for": "24h", "minReadings": 10 * floor, "share": 50},
        "steps": [],
        "gates": [_errors(floor), _speed(floor), *_paired(10 * floor), *_inputs(10 * floor)],
        "deadline": {"per": "48h", "then": "Hold"},
        "analysis": {"interval": "30m"},
    }
    return Plan("shadow alone", Rollout.model_validate(document))


def _own_gates(floor: int) -> Plan:
    """Gates of single steps: inputs at the first, throughput and a query at the second."""
    own = [
        {"name": "pace", "throughput": {"minOfStable": PACE, "minSamples": floor}},
        {"name": "heat", "promql": {"query": "heat{isvc='{{candidate}}'}", "max": HEAT}},
    ]
    document = {
        "steps": [
            {"weight": 5, "hold": "30m", "gates": _inputs(10 * floor)},
            {"weight": 50, "hold": "1h", "gates": own},
        ],
        "gates": [_errors(floor), _speed(floor)],
        "deadline": {"per": "24h", "then": "Hold"},
        "analysis": {"interval": "10m", "errorProbability": 0.02},
    }
    return Plan("gates of steps", Rollout.model_validate(document))


_SHAPES: tuple[Callable[[int], Plan], ...] = (_default, _one_step, _with_shadow, _shadow_alone, _own_gates)
