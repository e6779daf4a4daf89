"""Sound in the air above a silo's contents: its velocity, and what it loses on the way."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import Float64

ZERO = 273.15
"""K at 0 °C."""

_REFERENCE, _TRIPLE_POINT = 293.15, 273.16


def velocity(temperature: Float64) -> Float64:
    """m/s `[N]` in dry air at temperatures in °C: `331.3 √(1 + θ/273.15)`.

    An ideal gas (Kinsler, Frey, Coppens & Sanders, Fundamentals of Acoustics, 4th ed., 2000, ch. 5). Humidity adds up
    to 0.4 % at 30 °C, and is left out.
    """
    return 331.3 * np.sqrt(1 + temperature / ZERO)


def echo_time(distance: Float64, temperature: Float64) -> Float64:
    """Seconds `[N]` to a surface at a distance in m and back."""
    return 2 * distance / velocity(temperature)


def distance_of(time: Float64, temperature: Float64) -> Float64:
    """m `[N]`: the inverse of `echo_time`."""
    return time * velocity(temperature) / 2


def absorption(frequency: float, temperature: Float64, humidity: Float64) -> Float64:
    """dB/m `[N]` at a frequency in Hz, temperatures in °C and relative humidities in %, at 101.325 kPa.

    ISO 9613-1 (1993), equations (3) to (5): shear and heat conduction, and the relaxation of oxygen and nitrogen.
    """
    kelvin = temperature + ZERO
    relative = kelvin / _REFERENCE
    # Molar share of water vapour, %.
    vapour = humidity * 10 ** (4.6151 - 6.8346 * (_TRIPLE_POINT / kelvin) ** 1.261)
    oxygen = 24 + 4.04e4 * vapour * (0.02 + vapour) / (0.391 + vapour)
    nitrogen = relative**-0.5 * (9 + 280 * vapour * np.exp(-4.170 * (relative ** (-1 / 3) - 1)))
    relaxation = 0.01275 * np.exp(-2_239.1 / kelvin) / (oxygen + frequency**2 / oxygen)
    relaxation = relaxation + 0.1068 * np.exp(-3_352.0 / kelvin) / (nitrogen + frequency**2 / nitrogen)
    return np.asarray(8.686 * frequency**2 * (1.84e-11 * relative**0.5 + relative**-2.5 * relaxation))
