"""Faces that touch: how much a crack that is pressed together still reflects."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.pulse import BAND
from weld_simulator.steel import DENSITY, VELOCITY

REFERENCE_PRESSURE = 1e6
REFERENCE_STIFFNESS = 1e15
"""N/m³ at the reference pressure: a choice of ours, at the stiff end. Contacts of rough metal faces are reported at
about 10^14 to 10^15 for some MPa (Drinkwater, Dwyer-Joyce & Cawley, Proc. R. Soc. A 452, 1996, 2613-2628); at a line's
full pressure this one is several times stiffer, as tight cracks may be. It sets how much a model
gains by knowing pressure.
"""

_EXPONENT = 0.9


def closing_pressure(pressure: Float64, depth: Float64, wall: Float64) -> Float64:
    """Pressure in Pa `[N]` on faces parallel to the wall, from the line's pressure in Pa, at a depth below the outside.

    The radial stress in a thin pipe goes from nothing outside to the fluid's pressure inside, nearly linearly (Lamé's
    solution; Timoshenko & Goodier, Theory of Elasticity, 3rd ed., 1970, §28).
    """
    return pressure * np.clip(depth / wall, 0, 1)


def stiffness(pressure: Float64, looseness: Float64) -> Float64:
    """Stiffness in N/m³ `[N]` of a contact under a pressure in Pa; `looseness` 1 is the reference, 2 half as stiff."""
    return REFERENCE_STIFFNESS / looseness * (np.maximum(pressure, 0) / REFERENCE_PRESSURE) ** _EXPONENT


def open_share(contact_stiffness: Float64) -> Float64:
    """Reflection `[N, B]` over the band, relative to an open face: `1 / √(1 + (2K/ωZ)²)`.

    The quasi-static spring model of an imperfect interface (Baik & Thompson, J. Nondestr. Eval. 4, 1984, 177-196).
    """
    impedance = DENSITY * VELOCITY
    ratio = 2 * contact_stiffness[:, None] / (2 * np.pi * BAND.astype(np.float64) * impedance)
    return np.asarray(1 / np.sqrt(1 + ratio**2))
