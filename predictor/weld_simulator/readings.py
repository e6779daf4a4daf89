"""What arrives from a site: an A-scan from each sensor in each tick, with its times and the truth behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from weld_simulator.beam import near_field_length, wall_response
from weld_simulator.digitiser import SAMPLES, Float32, Float64, Int16, digitise
from weld_simulator.echoes import Beam, flaw_echoes, flaw_shadow, wall_echoes
from weld_simulator.flaws import FlawKind, Flaws, at_risk
from weld_simulator.noise import electronic_noise, structural_noise_spectrum
from weld_simulator.pulse import FIRST_BIN, LAST_BIN, RINGING_SAMPLES, initial_pulse, pulse_spectrum
from weld_simulator.site import Sensors, Site
from weld_simulator.steel import attenuation
from weld_simulator.streams import BLOCK, Purpose, stream

Int64: TypeAlias = npt.NDArray[np.int64]

TICK_MS = 100
"""The sampling interval."""

DELIVERY_MS = 60
JITTER_MS = 20
"""Mean of the delivery time, and its standard deviation."""

COMMISSIONED_LEVEL = 0.5
"""Back-wall echo of the ordered wall, relative to full scale, to which the gain was set."""

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
    flaws: Flaws
    """The truth."""

    @property
    def at_risk(self) -> npt.NDArray[np.bool_]:
        """The truth that a prediction is held against."""
        return at_risk(self.flaws)


def measure(site: Site, tick: int, start: int = 0) -> Iterator[Readings]:
    """The readings of a tick (0, 1, ...), in chunks of at most `BLOCK` sensors.

    `start` is the time of tick 0, Unix time in milliseconds; it changes nothing but the times.
    """
    for block in site.blocks:
        yield measure_block(site, tick, block, start)


def measure_block(site: Site, tick: int, block: int, start: int = 0) -> Readings:
    """The readings of one block of sensors: the same, whichever other blocks and ticks are simulated."""
    points = slice(block * BLOCK, min((block + 1) * BLOCK, site.size))
    sensors, flaws = site.sensors.take(points), site.flaws.take(points)
    sampled_at = start + tick * TICK_MS
    delay = stream(site.seed, Purpose.DELIVERY, block, tick).normal(DELIVERY_MS, JITTER_MS, len(sensors.wall))
    return Readings(
        sensor=np.arange(points.start, points.stop, dtype=np.int64),
        sampled_at=np.full(len(sensors.wall), sampled_at, dtype=np.int64),
        delivered_at=sampled_at + np.maximum(delay, 0).astype(np.int64),
        ascans=digitise(_signals(site, sensors, flaws, tick, block)),
        flaws=flaws,
    )


def _signals(site: Site, sensors: Sensors, flaws: Flaws, tick: int, block: int) -> Float32:
    """A-scans `[N, 512]` as they reach the digitiser, relative to its full scale."""
    pulses = pulse_spectrum(sensors.centre, sensors.bandwidth)
    beam = Beam.of(sensors, pulses)
    flawed = flaws.kind != FlawKind.NONE
    echoes = wall_echoes(beam, sensors.wall, flaw_shadow(beam, flaws))
    echoes[flawed] += flaw_echoes(beam.take(flawed), flaws.take(flawed))
    echoes += structural_noise_spectrum(
        stream(site.seed, Purpose.GRAINS, block), pulses, sensors.centre, sensors.grain, _at_centre(sensors)
    )
    echoes *= _gain(site, sensors, tick, block).astype(np.float32)[:, None]
    spectrum = np.zeros((len(echoes), SAMPLES // 2 + 1), dtype=np.complex64)
    spectrum[:, FIRST_BIN:LAST_BIN] = echoes
    signals = np.asarray(np.fft.irfft(spectrum, n=SAMPLES, axis=1), dtype=np.float32)
    signals[:, :RINGING_SAMPLES] += initial_pulse(sensors.centre, sensors.ringing)
    signals += electronic_noise(stream(site.seed, Purpose.ELECTRONICS, block, tick), sensors.noise)
    return signals


def _at_centre(sensors: Sensors) -> Float64:
    """Attenuation in Np/m at each sensor's centre frequency."""
    return attenuation(sensors.centre[:, None], sensors.grain)[:, 0]


def _gain(site: Site, sensors: Sensors, tick: int, block: int) -> Float64:
    """From a near wall's echo to full scale: set at commissioning for the ordered wall, then what became of it."""
    near_field = near_field_length(sensors.diameter, sensors.centre)
    ordered = sensors.ordered_wall
    at_commissioning = wall_response(ordered, near_field) * np.exp(-2 * _at_centre(sensors) * ordered)
    fluctuation = stream(site.seed, Purpose.COUPLING, block, tick).normal(0, _COUPLING_FLUCTUATION, len(ordered))
    change = sensors.gain - sensors.coupling_loss + fluctuation
    return COMMISSIONED_LEVEL / at_commissioning * 10 ** (change / 20)
