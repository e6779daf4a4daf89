"""A silo's wall: how thick it must be, and what the years take from it."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.silo.contents import Contents, wall_pressure

DESIGN_STRESS = 110e6
"""Pa: of mild steel, with its partial factors and for the joints' efficiency."""

THINNEST = 3.0e-3
"""m: no wall may be thinner, whatever it carries; wind and dents would buckle it."""

PLATES = np.array([4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0]) * 1e-3
"""Thicknesses in m in which plates are sold."""

ALLOWANCE = 0.8e-3
"""m that is added for corrosion and wear."""

HARDNESS = 1.5e9
"""Pa, of mild steel."""

CORROSION_EXPONENT = 0.523
"""ISO 9224 (2012), for carbon steel."""


def minimum_thickness(contents: Contents, depth: Float64, diameter: float) -> Float64:
    """m `[N]` that the wall must have at depths in m below the brim: `p D / 2f`, the thin ring, and `THINNEST`.

    Hoop stress of a thin cylinder (Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells, 2nd ed., 1959, ch. 15).
    """
    ring = wall_pressure(contents, depth, diameter) * diameter / (2 * DESIGN_STRESS)
    return np.maximum(ring, THINNEST)


def ordered_thickness(minimum: Float64) -> Float64:
    """m `[N]`: the thinnest plate that leaves the allowance; the thickest there is where none does."""
    which = np.searchsorted(PLATES, minimum + ALLOWANCE)
    return np.asarray(PLATES[np.minimum(which, len(PLATES) - 1)])


def corroded(first_year: Float64, years: Float64 | float) -> Float64:
    """m `[N]` lost to corrosion after years, from what the first year takes: `r t^b` (ISO 9224)."""
    return np.asarray(first_year * np.maximum(years, 0.0) ** CORROSION_EXPONENT)


def worn(contents: Contents, pressure: Float64, slid: Float64 | float) -> Float64:
    """m `[N]` that the contents wear off, under a pressure in Pa and having slid so many m: `K p s / H`.

    Archard's law (J. Appl. Phys. 24, 1953, 981-988).
    """
    return np.asarray(contents.abrasion * pressure * slid / HARDNESS)
