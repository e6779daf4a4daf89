"""What a silo holds, and how it presses on the wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.fluids import Fluid

GRAVITY = 9.81


@dataclass(frozen=True, slots=True)
class Contents:
    """A bulk solid or a liquid."""

    density: float
    """kg/m³; of a bulk solid, with the air between its grains."""
    friction: float
    """Coefficient of friction on a steel wall; 0 for a liquid."""
    pressure_ratio: float
    """Pressure on the wall over that on a level; 1 for a liquid."""
    repose: float
    """Angle of repose in radians: how steep its surface lies."""
    reflection: float
    """dB that its surface sends back of what an even, hard one would."""
    dust: float
    """dB that a metre of the air above loses while it is filled."""
    abrasion: float
    """Wear coefficient of Archard's law, without unit."""
    bridging: float
    """Share of the discharges in which it forms a bridge."""
    liquid: Fluid | None = None
    """How sound goes from the wall into it; next to nothing goes into a bulk solid."""


CONTENTS: dict[str, Contents] = {
    "wheat": Contents(780, 0.38, 0.54, np.radians(27), -16, 0.25, 1.5e-3, 0.04),
    "maize": Contents(740, 0.36, 0.53, np.radians(25), -14, 0.20, 1.2e-3, 0.04),
    "cement": Contents(1_400, 0.46, 0.54, np.radians(36), -22, 0.60, 3.0e-3, 0.15),
    "flour": Contents(670, 0.33, 0.36, np.radians(40), -24, 0.50, 0.4e-3, 0.20),
    "water": Contents(1_000, 0.0, 1.0, 0.0, -1, 0.0, 0.0, 0.0, Fluid(1_000, 1_480, viscosity=1e-6, thinning=0.02)),
}
"""Values of the order of those in EN 1991-4 (2006), annex E, for smooth steel walls. Echoes, dust, wear and bridging
are assumptions of ours: measured ones differ with moisture and fineness."""


def wall_pressure(contents: Contents, depth: Float64, diameter: Float64 | float) -> Float64:
    """Pressure in Pa `[N]` on the wall at depths in m below the surface, in a round silo of a diameter in m.

    Janssen's law, `γD/4μ (1 - exp(-4μKz/D))`: friction carries a part of the weight (Janssen, Z. VDI 39, 1895,
    1045-1049; EN 1991-4, 5.2.1.1). Without friction it is `Kγz`, the hydrostatic law.
    """
    weight = contents.density * GRAVITY
    below = np.maximum(depth, 0.0)
    if contents.friction == 0:
        return np.asarray(contents.pressure_ratio * weight * below)
    deepest = weight * diameter / (4 * contents.friction)
    return np.asarray(-deepest * np.expm1(-4 * contents.friction * contents.pressure_ratio * below / diameter))
