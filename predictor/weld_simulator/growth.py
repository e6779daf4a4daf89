"""Flaws over the years: cracks that are born in service, and how planar flaws grow."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.scenarios import ScenarioName, Scenarios

YEAR_S = 365.25 * 86_400

BIRTHS_PER_YEAR = 0.012
"""Cracks that are born in a weld in a year."""

BIRTH_SIZE = 0.8e-3
LARGEST = 12e-3
"""m: a crack's size at birth, and the size at which a weld is taken out before."""

_MORE_BIRTHS = 9.0
"""By how much births grow in the scenario `more_flaws` at strength 1, relative to ordinary years."""

_FASTER_GROWTH = 2.0
"""By how much flaws grow faster in that scenario, relative to ordinary years."""

MEDIAN_GROWTH, GROWTH_SPREAD = 2.5, 0.6
"""Of the rate g below, 1/(year √m), and the standard deviation of its logarithm."""


def grown(size: Float64, rate: Float64, years: Float64) -> Float64:
    """Sizes `[N]` in m after years of growth.

    Paris' law, `da/dN = C ΔK^m`, with `ΔK` as `√a` and m = 3, as BS 7910 has it for ferritic steel: `da/dt = g a^1.5`,
    so that `1/√a` falls by `g t / 2` (Paris & Erdogan, J. Basic Eng. 85, 1963, 528-533). Never above `LARGEST`.
    """
    inverse_root = 1 / np.sqrt(np.maximum(size, 1e-9)) - 0.5 * rate * years
    return np.where(size > 0, 1 / np.maximum(inverse_root, LARGEST**-0.5) ** 2, 0.0)


def hazard(commissioned: datetime, now: datetime, scenarios: Scenarios) -> float:
    """Expected births in a weld from commissioning to now: the integral of the rate, which a scenario may raise."""
    ordinary = (now - commissioned).total_seconds() / YEAR_S
    extra = sum(
        _MORE_BIRTHS * each.strength * max(0.0, (now - max(each.since, commissioned)).total_seconds()) / YEAR_S
        for each in scenarios
        if each.name == ScenarioName.MORE_FLAWS
    )
    return BIRTHS_PER_YEAR * (max(ordinary, 0.0) + extra)


def extra_growth(commissioned: datetime, now: datetime, scenarios: Scenarios) -> float:
    """Years of growth that harder cycles have added by now."""
    return sum(
        _FASTER_GROWTH * each.strength * max(0.0, (now - max(each.since, commissioned)).total_seconds()) / YEAR_S
        for each in scenarios
        if each.name == ScenarioName.MORE_FLAWS
    )


def age(threshold: Float64, commissioned: datetime, now: datetime, scenarios: Scenarios) -> Float64:
    """Years `[N]` since birth; 0 for those not yet born.

    A crack is born when the hazard reaches its threshold, a unit exponential (the inverse transform of a Poisson
    process). The hazard is piecewise linear in time and is inverted as such.
    """
    corners = sorted(
        {commissioned, now, *(each.since for each in scenarios if each.since <= now and each.since > commissioned)}
    )
    hazards = [hazard(commissioned, corner, scenarios) for corner in corners]
    years = [(corner - commissioned).total_seconds() / YEAR_S for corner in corners]
    born = np.interp(threshold, hazards, years)
    return np.where(threshold <= hazards[-1], years[-1] - born, 0.0)
