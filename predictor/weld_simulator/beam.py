"""The sound beam of a round, flat probe in contact with the wall."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.steel import VELOCITY


def near_field_length(diameter: Float64, frequency: Float64) -> Float64:
    """`N = D² f / 4c`: from here on the beam spreads (Krautkrämer & Krautkrämer, 1990, ch. 4). All in SI, `[N]`."""
    return diameter**2 * frequency / (4 * VELOCITY)


def wall_response(depth: Float64, near_field: Float64) -> Float64:
    """Amplitude of the echo of a plane wall, relative to that of a wall at no distance.

    Far away it falls as `π/2A` with `A = z/N` (the distance-gain-size diagram; Krautkrämer, Brit. J. Appl. Phys. 10,
    1959, 240-245). The step to 1 near the probe is smoothed; the near field's own maxima and minima are left out,
    because a short pulse hardly shows them.
    """
    return np.asarray(1 / np.sqrt(1 + (2 * depth / (np.pi * near_field)) ** 2))


def beam_diameter(depth: Float64, diameter: Float64, near_field: Float64) -> Float64:
    """Width in m of the beam at a depth: the probe's own up to the near field's end, then growing with distance."""
    return diameter * np.maximum(1.0, depth / near_field)
