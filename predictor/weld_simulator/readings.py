"""What arrives from a site: an A-scan from each sensor in each tick, with its times and the truth behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from weld_simulator.beam import near_field_length, wall_response
from weld_simulator.condition import Conditions, conditions_of
from weld_simulator.contact import closing_pressure, open_share, stiffness
from weld_simulator.digitiser import SAMPLES, TRIGGER_JITTER, Float32, Float64, Int16, digitise
from weld_simulator.echoes import (
    Beam,
    Spectrum,
    flaw_echoes,
    flaw_shadow,
    rough_reflection,
    shifted,
    surface_echo,
    wall_echoes,
)
from weld_simulator.flaws import FlawKind, Flaws, at_risk
from weld_simulator.noise import electronic_noise, structural_noise_spectrum
from weld_simulator.pulse import BAND, FIRST_BIN, LAST_BIN, RINGING_SAMPLES, initial_pulse, pulse_spectrum
from weld_simulator.site import TICK_MS, Sensors, Site
from weld_simulator.steel import REFERENCE_TEMPERATURE, attenuation
from weld_simulator.streams import BLOCK, Purpose, stream

Int64: TypeAlias = npt.NDArray[np.int64]

COMMISSIONING_PRESSURE = 4.0
"""MPa in the line when the receivers were adjusted."""

DELIVERY_MS = 60
JITTER_MS = 20
"""Mean of the delivery time, and its standard deviation."""

COMMISSIONED_LEVEL = 0.5
"""Back-wall echo of the ordered wall, relative to full scale, to which the gain was set."""

PRESSURE_ERROR, TEMPERATURE_ERROR = 0.05e6, 0.7
"""Standard deviations of the instruments that measure the line's pressure (Pa) and the wall's temperature (K)."""

_COUPLING_FLUCTUATION = 0.15
"""Standard deviation in dB of the coupling from tick to tick."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of some sensors of a site in one tick, in the order of the sensors; arrays `[N]`, A-scans `[N, 512]`."""

    sensor: Int64
    """Number of the sensor within its site."""
    sampled_at: Int64
    """Unix time in milliseconds: when the tick was, for all of its readings."""
    delivered_at: Int64
    """Unix time in milliseconds: when the reading arrives, late by a normally distributed time, and never early."""
    ascans: Int16
    pressure: Float32
    """In the line, MPa, as measured."""
    temperature: Float32
    """Of the wall, °C, as measured."""
    flaws: Flaws
    """The truth at that time."""

    @property
    def at_risk(self) -> npt.NDArray[np.bool_]:
        """The truth that a prediction is held against."""
        return at_risk(self.flaws)


def measure(site: Site, tick: int, start: int | None = None) -> Iterator[Readings]:
    """The readings of a tick (0, 1, ...), in chunks of at most `BLOCK` sensors.

    Ticks are independent: years can be simulated at any sampling (see `Site.tick_at`). `start` is the time that is
    stamped on tick 0, Unix time in milliseconds, the site's commissioning if not given; it changes nothing but stamps.
    """
    for block in site.blocks:
        yield measure_block(site, tick, block, start)


def measure_block(site: Site, tick: int, block: int, start: int | None = None) -> Readings:
    """The readings of one block of sensors: the same, whichever other blocks and ticks are simulated."""
    first = round(site.commissioned.timestamp() * 1000) if start is None else start
    conditions, flaws = conditions_of(site, tick, block), site.flaws_of(block, tick)
    count = len(flaws.kind)
    sampled_at = first + tick * TICK_MS
    delay = stream(site.seed, Purpose.DELIVERY, block, tick).normal(DELIVERY_MS, JITTER_MS, BLOCK)[:count]
    error = stream(site.seed, Purpose.INSTRUMENTS, block, tick).normal(0, 1, (2, BLOCK))[:, :count]
    return Readings(
        sensor=np.arange(block * BLOCK, block * BLOCK + count, dtype=np.int64),
        sampled_at=np.full(count, sampled_at, dtype=np.int64),
        delivered_at=sampled_at + np.maximum(delay, 0).astype(np.int64),
        ascans=digitise(_signals(site, conditions, flaws, tick, block)),
        pressure=((conditions.pressure + PRESSURE_ERROR * error[0]) / 1e6).astype(np.float32),
        temperature=(conditions.temperature + TEMPERATURE_ERROR * error[1]).astype(np.float32),
        flaws=flaws,
    )


def _signals(site: Site, conditions: Conditions, flaws: Flaws, tick: int, block: int) -> Float32:
    """A-scans `[N, 512]` as they reach the digitiser, relative to its full scale."""
    sensors = conditions.sensors
    pulses = pulse_spectrum(sensors.centre, sensors.bandwidth)
    echoes = _echoes(conditions, flaws, Beam.of(sensors, pulses, conditions.temperature))
    echoes += structural_noise_spectrum(
        stream(site.seed, Purpose.GRAINS, block), pulses, sensors.centre, sensors.grain, _at_centre(sensors)
    )
    jitter = stream(site.seed, Purpose.TRIGGER, block, tick).normal(0, TRIGGER_JITTER, BLOCK)[: len(echoes)]
    echoes *= shifted(jitter)
    echoes *= _gain(site, conditions, tick, block).astype(np.float32)[:, None]
    spectrum = np.zeros((len(echoes), SAMPLES // 2 + 1), dtype=np.complex64)
    spectrum[:, FIRST_BIN:LAST_BIN] = echoes
    signals = np.asarray(np.fft.irfft(spectrum, n=SAMPLES, axis=1), dtype=np.float32)
    signals[:, :RINGING_SAMPLES] += initial_pulse(sensors.centre, sensors.ringing)
    signals += electronic_noise(stream(site.seed, Purpose.ELECTRONICS, block, tick), sensors.noise)
    return signals


def _echoes(conditions: Conditions, flaws: Flaws, beam: Beam) -> Spectrum:
    """Of surface, wall and flaws, `[N, B]`, relative to a near wall's echo."""
    wall = conditions.sensors.wall
    closing = closing_pressure(conditions.pressure, flaws.depth, wall)
    contact = np.where(flaws.planar, stiffness(closing, flaws.looseness), 0.0)
    # What a closed face lets through does not shadow the wall; the band's middle stands for all of it.
    shadowed = flaw_shadow(beam, flaws) * open_share(contact)[:, len(BAND) // 2]
    reflection = rough_reflection(conditions.reflection, conditions.sensors.roughness)
    echoes = surface_echo(beam) + wall_echoes(beam, wall, shadowed, reflection)
    flawed = flaws.kind != FlawKind.NONE
    echoes[flawed] += flaw_echoes(beam.take(flawed), flaws.take(flawed), contact[flawed])
    return echoes


def _at_centre(sensors: Sensors) -> Float64:
    """Attenuation in Np/m at each sensor's centre frequency and 20 °C."""
    return attenuation(sensors.centre[:, None], sensors.grain)[:, 0]


def _gain(site: Site, conditions: Conditions, tick: int, block: int) -> Float64:
    """From a near wall's echo to full scale: set at commissioning for the ordered wall, then what became of it.

    What temperature and pressure do to the coupling is linear: laws of our own, for couplants differ.
    """
    fitted, sensors = conditions.fitted, conditions.sensors
    near_field = near_field_length(fitted.diameter, fitted.centre)
    ordered = fitted.ordered_wall
    at_commissioning = wall_response(ordered, near_field) * np.exp(-2 * _at_centre(fitted) * ordered)
    fluctuation = stream(site.seed, Purpose.COUPLING, block, tick).normal(0, _COUPLING_FLUCTUATION, BLOCK)[
        : len(ordered)
    ]
    warm = sensors.warming * (conditions.temperature - REFERENCE_TEMPERATURE)
    pressed = sensors.pressing * (conditions.pressure / 1e6 - COMMISSIONING_PRESSURE)
    change = sensors.gain - sensors.coupling_loss - warm + pressed + fluctuation
    return COMMISSIONED_LEVEL / at_commissioning * 10 ** (change / 20)
