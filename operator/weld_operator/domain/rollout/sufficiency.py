"""How many samples a gate needs, whatever its floor: limits are shown by intervals, and those need numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from weld_api.gate import Coverage, Disagreement, ErrorRate, Gate, Latency, OutOfRange, RiskShift, Throughput
from weld_api.rollout import Rollout
from weld_operator.domain.gates.judging import count_random, error_of_gate
from weld_operator.domain.gates.sequential import mean_interval, relative_radius, share_interval

_MOST = 2**50


def error_of(rollout: Rollout, gates: Sequence[Gate]) -> float:
    """A gate's part of the rollout's error probability, among the gates of its phase."""
    phases = len(rollout.steps) + (rollout.shadow is not None)
    return error_of_gate(rollout.analysis.error_probability, count_random(gates), phases)


@cache
def fewest_to_pass(gate: Gate, error: float) -> int | None:
    """Samples with which it passes if they show nothing amiss: no fault, or exactly what stable does.

    `error` is the gate's part of the error probability. 0 for a gate that judges by no interval; None where no number
    of samples is enough.
    """
    match gate.condition:
        case ErrorRate() | Disagreement() | OutOfRange() as it:
            return _fewest(_shows_share(it.max, error))
        case Latency() as it:
            return _fewest(_shows_share(1 - it.quantile, error))
        case Coverage() as it:
            return _fewest(_shows_share(1 - it.min, error))
        case RiskShift() as it:
            most = it.max
            return _fewest(lambda samples: mean_interval(samples, 0.0, 0.0, error).upper <= most)
        case Throughput() as it:
            return _fewest(_shows_pace(it, error))
        case _:
            return 0


def _shows_share(most: float, error: float) -> Callable[[int], bool]:
    return lambda samples: share_interval(0, samples, most, error).upper <= most


def _shows_pace(it: Throughput, error: float) -> Callable[[int], bool]:
    def is_shown(samples: int) -> bool:
        radius = relative_radius(samples, it.min_samples, error / 2)
        return max(1 - radius, 0.0) / (1 + radius) >= it.min_of_stable

    return is_shown


def _fewest(is_enough: Callable[[int], bool]) -> int | None:
    """The smallest number that is enough, where every larger one is, too."""
    most = 1
    while not is_enough(most):
        most *= 2
        if most > _MOST:
            return None
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if is_enough(middle) else (middle, most)
    return most
