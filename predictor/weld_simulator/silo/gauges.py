"""What the two gauges measure: echoes in the wall, and the echo of the surface through the air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weld_simulator.beam import near_field_length, wall_response
from weld_simulator.digitiser import TRIGGER_JITTER, Float64
from weld_simulator.echoes import PAINT_VELOCITY, PROBE_REFLECTION, rough_reflection
from weld_simulator.fluids import wall_reflection
from weld_simulator.pulse import BAND
from weld_simulator.silo.air import absorption, distance_of, echo_time
from weld_simulator.silo.operation import Fill
from weld_simulator.silo.site import Silo
from weld_simulator.steel import attenuation, travel_time, velocity

FREQUENCY, DIAMETER = 5e6, 8e-3
"""Of the thickness gauge's probe: Hz and m."""

COMMISSIONED_LEVEL = -6.0
"""dB relative to full scale: the wall's echo when the gauge was fitted."""

DETECTABLE = 6.0
"""dB above the noise from which a gauge finds an echo."""

SERVICE_YEARS = 4.0
"""After which the couplant is renewed."""

LEVEL_FREQUENCY = 25e3
"""Hz, of the level gauge."""

ABOVE_THE_BRIM = 0.6
"""m from the silo's height up to the level gauge: nearer echoes fall into its ringing."""

_ROUGH, _ROUGHENING = 15e-6, 0.06
"""m rms of a new wall's inside, and the share of what is lost that stays as roughness: pits."""

_CENTRE = int(np.argmin(np.abs(BAND - FREQUENCY)))
_WINDOW = 12e-6
_LEVEL_NOISE, _FILLING_NOISE = -95.0, 6.0
_FALSE_ECHO = -40.0
_RESTING, _MOVING, _STUCK_SPREAD = 0.8e-3, 12e-3, 0.5e-3
"""m: spread of a minute's echoes of a surface at rest and of one that moves, and of a fixed thing's."""


@dataclass(frozen=True, slots=True)
class WallEchoes:
    """What a thickness gauge tells; arrays `[N]`."""

    time: Float64
    """s from the probe to the wall's inside and back, paint and couplant included."""
    level: Float64
    """dB relative to full scale."""
    spacing: Float64
    """s from the first echo to its repetition; 0 where there is none above the noise."""
    repetition: Float64
    """Level of the repetition, dB; not below the noise."""


@dataclass(frozen=True, slots=True)
class LevelEcho:
    """What a level gauge tells."""

    time: float
    """s from the gauge to the surface and back."""
    level: float
    """dB relative to an even, hard surface at half a metre."""
    noise: float
    """dB likewise."""
    spread: float
    """m, standard deviation of a minute's distances."""


def wall_echoes(
    draw: np.random.Generator, silo: Silo, wall: Float64, temperature: Float64, years: float, surface: float
) -> WallEchoes:
    """Of the walls in m at the positions of a silo, at their temperatures in °C.

    Times scatter by `1 / 2πf SNR`, the bound for a narrow band (Quazi, IEEE Trans. ASSP 29(3), 1981, 527-533).
    """
    speed = velocity(temperature)
    roughness = _ROUGH + _ROUGHENING * np.maximum(silo.new - wall, 0)
    inside = rough_reflection(1.0, roughness)[:, _CENTRE]
    if silo.contents.liquid is not None:
        inside = inside * np.where(silo.position < surface, wall_reflection(silo.contents.liquid), 1.0)
    coupling = silo.drying * (years % SERVICE_YEARS)
    fitted = _echo_decibels(silo, silo.ordered, np.full(len(wall), 20.0), 1, np.ones(len(wall)))
    near = COMMISSIONED_LEVEL - fitted + silo.gain - coupling
    first, second = (near + _echo_decibels(silo, wall, temperature, number, inside) for number in (1, 2))
    scatter = draw.standard_normal((3, len(wall)))
    error, repeated_error = (_time_error(level - silo.noise, roughness, speed) for level in (first, second))
    in_steel, in_paint = travel_time(wall, speed), travel_time(silo.coating, PAINT_VELOCITY)
    time = in_steel + in_paint + silo.zero_error + np.hypot(error, TRIGGER_JITTER) * scatter[0]
    spacing = in_steel + np.hypot(error, repeated_error) * scatter[1]
    found, repeated = first > silo.noise + DETECTABLE, second > silo.noise + DETECTABLE
    return WallEchoes(
        # Without an echo, the gauge takes the highest peak of the noise for one.
        time=np.where(found, time, draw.uniform(0, _WINDOW, len(wall))),
        level=np.where(found, first, silo.noise + DETECTABLE) + 0.2 * scatter[2],
        spacing=np.where(found & repeated, spacing, 0.0),
        repetition=np.where(found & repeated, second, silo.noise),
    )


def level_echo(
    draw: np.random.Generator, silo: Silo, fill: Fill, stuck: float | None, temperature: float, humidity: float
) -> LevelEcho:
    """Of the surface of a silo's contents, or of the false echo at the distance `stuck` in m.

    The surface mirrors the gauge: its echo falls as the way there and back, and by what air and dust absorb (Kinsler,
    Frey, Coppens & Sanders, 2000, ch. 7 and 8). A bulk solid scatters most of it aside.
    """
    filling, moving = fill.rate > 0, fill.rate != 0 and not fill.bridged
    # Between the cone of filling and the funnel of emptying, the gauge's own spot is not the mean.
    uneven = 0.01 * silo.diameter * float(np.tan(silo.contents.repose)) * float(np.sign(fill.rate))
    true_distance = silo.height + ABOVE_THE_BRIM - fill.surface - uneven
    scatter = draw.standard_normal(4)
    noise = _LEVEL_NOISE + _FILLING_NOISE * filling + scatter[0]
    if stuck is None:
        way = 2 * true_distance
        level = silo.contents.reflection - 20 * np.log10(way) + scatter[1]
        level -= way * float(absorption(LEVEL_FREQUENCY, np.asarray(temperature), np.asarray(humidity)))
        level -= way * silo.contents.dust * filling
        distance, spread = true_distance, _MOVING if moving else _RESTING
    else:
        level, distance, spread = _FALSE_ECHO + 4 * scatter[1], stuck, _STUCK_SPREAD
    time = float(echo_time(np.asarray(distance), np.asarray(temperature)))
    spread *= float(np.exp(0.35 * scatter[2]))
    if level < noise + DETECTABLE:
        # The gauge takes a peak of the noise for the surface.
        latest = float(echo_time(np.asarray(silo.height), np.asarray(temperature)))
        return LevelEcho(float(draw.uniform(0, latest)), noise + DETECTABLE, noise, 100 * spread)
    shift = 2 * spread / np.sqrt(60) * scatter[3] / 343.0
    return LevelEcho(time + shift, float(level), noise, spread)


def level_of(silo: Silo, time: float, temperature: float) -> float:
    """m above the floor by a level gauge's echo, with the velocity at the temperature that it measures itself."""
    return silo.height + ABOVE_THE_BRIM - float(distance_of(np.asarray(time), np.asarray(temperature)))


def _echo_decibels(silo: Silo, wall: Float64, temperature: Float64, number: int, inside: Float64) -> Float64:
    """Level of the wall's echo, or of its repetition (number 2), relative to a near wall's echo."""
    near_field = near_field_length(np.full(len(wall), DIAMETER), np.full(len(wall), FREQUENCY))
    loss = attenuation(np.array([FREQUENCY]), silo.grain, temperature)[:, 0]
    amplitude = wall_response(number * wall, near_field) * np.exp(-2 * loss * number * wall)
    return np.asarray(20 * np.log10(amplitude * inside**number * PROBE_REFLECTION ** (number - 1)))


def _time_error(above_noise: Float64, roughness: Float64, speed: Float64) -> Float64:
    """Standard deviation in s `[N]`: by noise, and by the pits that the echo comes from."""
    by_noise = 1 / (2 * np.pi * FREQUENCY * 10 ** (above_noise / 20))
    return np.hypot(by_noise, travel_time(roughness, speed) / 2)
