"""How sound travels in ferritic steel."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import Float32, Float64

VELOCITY = 5_920.0
"""Velocity of longitudinal waves in steel in m/s at 20 °C (Krautkrämer & Krautkrämer, 1990, table A1)."""

DENSITY = 7_850.0
"""kg/m³"""

REFERENCE_TEMPERATURE = 20.0
"""°C at which the constants hold."""

REFERENCE_FREQUENCY = 5e6
REFERENCE_GRAIN = 30e-6

_NEPER_PER_DECIBEL = np.log(10) / 20
_ABSORPTION = 8.0 * _NEPER_PER_DECIBEL
_SCATTERING = 8.0 * _NEPER_PER_DECIBEL
"""Np/m at the reference frequency and grain; fine-grained carbon steel has 10 to 20 dB/m at 5 MHz."""


_SLOWING = 0.01 / 55
"""Of the velocity with each K: sound is 1 % slower in steel that is 55 K hotter (ASTM E797)."""

_ABSORBING = 0.004
"""Of the absorption with each K: a linear stand-in of ours, for measured slopes differ from steel to steel."""


def velocity(temperature: Float64) -> Float64:
    """m/s `[N]` at temperatures in °C."""
    return VELOCITY * (1 - _SLOWING * (temperature - REFERENCE_TEMPERATURE))


def attenuation(frequency: Float32 | Float64, grain: Float64, temperature: Float64 | None = None) -> Float64:
    """Attenuation `[N, B]` in Np/m, at frequencies `[B]` or `[N, 1]` in Hz, for mean grain diameters `[N]` in m.

    Absorption grows as f, and scattering in the Rayleigh region (wavelength far above the grain) as D³ f⁴ (Mason &
    McSkimin, J. Acoust. Soc. Am. 19, 1947, 464-473; Papadakis, J. Acoust. Soc. Am. 37, 1965, 711-717). `temperature`
    in °C `[N]`; 20 °C if not given.
    """
    relative = np.asarray(frequency, dtype=np.float64) / REFERENCE_FREQUENCY
    grains = (grain / REFERENCE_GRAIN)[:, None] ** 3
    above = np.zeros(1) if temperature is None else temperature - REFERENCE_TEMPERATURE
    absorption = _ABSORPTION * (1 + _ABSORBING * above)[:, None]
    return np.asarray(absorption * relative + _SCATTERING * grains * relative**4)


def travel_time(depth: Float64, speed: Float64 | float = VELOCITY) -> Float64:
    """Seconds from the surface to a depth in m and back, at a velocity in m/s."""
    return 2 * depth / speed
