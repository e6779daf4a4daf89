"""What a bundle truly is, which the gates never see but by counting.

Good bundles are within every limit of their plan, bad ones beyond at least one of them, by a stated factor. `factor` is
what is true, divided by the limit; for throughput it is the limit divided by what is true.

| class          | what is true of it                                                                                |
| -------------- | ------------------------------------------------------------------------------------------------- |
| better         | good: every factor is 0 to 0.3; it scores 1.2 to 2 times as many readings a second as stable      |
| equal          | good: every factor is 0.3 to 0.5; it scores as many as stable                                     |
| slightly worse | good: every factor is 0.5 to 0.75, so worse than stable, and 0.9 to 0.95 of its throughput        |
| bad            | equal, but for one gate of its plan, where the factor is 1.5 to 5                                 |
| slow           | equal, but 2 to 30 times as many slow requests as allowed, and 0.3 to 0.5 of stable's throughput  |
| failing        | equal, but 3 to 300 times as many failed requests as allowed                                      |

What lies between 0.75 and 1.5 is left out: there either decision could be defended. That a bundle exactly at its
limit is failed with no more than the stated probability is for the tests of the intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.simulation import plans
from tests.simulation.plans import Plan, Random

GOOD = ("better", "equal", "slightly worse")
BAD = ("bad", "slow", "failing")
CLASSES = (*GOOD, *BAD)

_BANDS = {"better": (0.0, 0.3), "equal": (0.3, 0.5), "slightly worse": (0.5, 0.75)}
_PACES = {"better": (1.2, 2.0), "equal": (0.98, 1.02), "slightly worse": (0.9, 0.95)}
_LARGEST_SHARE = 0.95


@dataclass(frozen=True)
class Truth:
    """Shares of requests that fail and that are slow, of readings decided otherwise, out of range, without an input.

    `shift`: mean difference of risk, which varies by `spread`. `pace`: readings a second of scoring, as a share of
    stable's. `heat`: what the plan's own query gives. `factor`: of the limit that it is farthest beyond, or nearest to.
    """

    name: str
    factor: float
    errors: float
    slow: float
    disagreement: float
    shift: float
    outside: float
    uncovered: float
    pace: float
    heat: float
    spread: float = 0.05

    @property
    def is_good(self) -> bool:
        return self.name in GOOD


def truth(name: str, plan: Plan, random: Random) -> Truth:
    """A bundle of the class of this name, under this plan."""
    base = _within(name if name in GOOD else "equal", random)
    if name in GOOD:
        return base
    if name == "slow":
        factor = float(random.uniform(2, 30))
        return replace(_at(base, "Latency", factor), name=name, pace=float(random.uniform(0.3, 0.5)))
    if name == "failing":
        return replace(_at(base, "ErrorRate", 3 * 100 ** float(random.uniform())), name=name)
    kinds = sorted(plan.kinds)
    kind = kinds[int(random.integers(len(kinds)))]
    return replace(_at(base, kind, float(random.uniform(1.5, 5))), name=name)


def at_factor(kind: str, factor: float) -> Truth:
    """Without any fault but that one gate of this kind sees `factor` times what it allows."""
    clean = Truth("bad" if factor > 1 else "equal", factor, 0, 0, 0, 0, 0, 0, 1, 0)
    return _at(clean, kind, factor)


def _within(name: str, random: Random) -> Truth:
    low, high = _BANDS[name]
    factors = [float(random.uniform(low, high)) for _ in range(7)]
    sign = float(random.choice([-1.0, 1.0]))
    return Truth(
        name=name,
        factor=max(factors),
        errors=factors[0] * plans.ERRORS,
        slow=factors[1] * plans.SLOW,
        disagreement=factors[2] * plans.DISAGREEMENT,
        shift=sign * factors[3] * plans.SHIFT,
        outside=factors[4] * plans.OUTSIDE,
        uncovered=factors[5] * plans.UNCOVERED,
        pace=float(random.uniform(*_PACES[name])),
        heat=factors[6] * plans.HEAT,
    )


def _at(base: Truth, kind: str, factor: float) -> Truth:
    """`base`, but for what a gate of this kind is about."""
    base = replace(base, factor=factor)
    match kind:
        case "ErrorRate":
            return replace(base, errors=min(factor * plans.ERRORS, _LARGEST_SHARE))
        case "Latency":
            return replace(base, slow=min(factor * plans.SLOW, _LARGEST_SHARE))
        case "Disagreement":
            return replace(base, disagreement=factor * plans.DISAGREEMENT)
        case "RiskShift":
            return replace(base, shift=(-1 if base.shift < 0 else 1) * factor * plans.SHIFT)
        case "OutOfRange":
            return replace(base, outside=factor * plans.OUTSIDE)
        case "Coverage":
            return replace(base, uncovered=factor * plans.UNCOVERED)
        case "Throughput":
            return replace(base, pace=plans.PACE / factor)
        case "PromQL":
            return replace(base, heat=factor * plans.HEAT)
    raise AssertionError(f"no bundle is bad for gates of kind {kind}")
