"""How sound travels in ferritic steel."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import Float32, Float64

VELOCITY = 5_920.0
"""Velocity of longitudinal waves in steel in m/s (Krautkrämer & Krautkrämer, 1990, table A1)."""

REFERENCE_FREQUENCY = 5e6
REFERENCE_GRAIN = 30e-6

_NEPER_PER_DECIBEL = np.log(10) / 20
_ABSORPTION = 8.0 * _NEPER_PER_DECIBEL
_SCATTERING = 8.0 * _NEPER_PER_DECIBEL
"""Np/m at the reference frequency and grain; fine-grained carbon steel has 10 to 20 dB/m at 5 MHz."""


def attenuation(frequency: Float32 | Float64, grain: Float64) -> Float64:
    """Attenuation `[N, B]` in Np/m, at frequencies `[B]` or `[N, 1]` in Hz, for mean grain diameters `[N]` in m.

    Absorption grows as f, and scattering in the Rayleigh region (wavelength far above the grain) as D³ f⁴ (Mason &
    McSkimin, J. Acoust. Soc. Am. 19, 1947, 464-473; Papadakis, J. Acoust. Soc. Am. 37, 1965, 711-717).
    """
    relative = np.asarray(frequency, dtype=np.float64) / REFERENCE_FREQUENCY
    grains = (grain / REFERENCE_GRAIN)[:, None] ** 3
    return np.asarray(_ABSORPTION * relative + _SCATTERING * grains * relative**4)


def travel_time(depth: Float64) -> Float64:
    """Seconds from the surface to a depth in m and back."""
    return 2 * depth / VELOCITY
