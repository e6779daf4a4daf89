"""The echoes of an A-scan: the surface's, the wall's and the flaw's."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from weld_simulator.beam import near_field_length, wall_response
from weld_simulator.contact import open_share
from weld_simulator.digitiser import WINDOW, Float32, Float64
from weld_simulator.flaws import FlawKind, Flaws, response, shadow
from weld_simulator.pulse import BAND
from weld_simulator.site import Sensors
from weld_simulator.steel import VELOCITY, attenuation, travel_time, velocity

Spectrum: TypeAlias = npt.NDArray[np.complex64]

WALL_ECHOES = 3
"""The back wall's echo and its repetitions."""

PROBE_REFLECTION = 0.6
"""What the surface below the probe sends back into the wall, relative to what arrives there."""

_LAST_ECHO = WINDOW - 0.4e-6
"""An echo later than this would reach beyond the window, and is left out."""

_PORES = np.array([-0.8e-3, -0.1e-3, 0.6e-3])
"""Depths in m of the pores of a cluster, relative to its own depth."""


PAINT_VELOCITY = 2_300.0
"""m/s in a polymer layer (Krautkrämer & Krautkrämer, 1990, table A1, for epoxy resin)."""

_PAINT_REFLECTION = 0.25
"""Amplitude that stays within the paint with each way there and back: most passes, much is absorbed."""

_SURFACE_ECHO = 0.8
_WEAR_PLATE_DELAY = 0.2e-6
"""Echo of the wall's surface, relative to a near wall's echo, and its time without paint: there and back in the probe's
wear plate."""


@dataclass(frozen=True, slots=True)
class Beam:
    """What the echoes of a block of sensors have in common; arrays `[N, B]` over the band, and `[N]`."""

    pulses: Spectrum
    """What a near wall would send back, with the paint's repetitions."""
    attenuation: Float64
    near_field: Float64
    diameter: Float64
    velocity: Float64
    delay: Float64
    """s that the sound spends in the paint."""

    @classmethod
    def of(cls, sensors: Sensors, pulses: Float32, temperature: Float64) -> Beam:
        """`pulses` `[N, B]` are the probes'; `temperature` `[N]` is the wall's in °C."""
        delay = 2 * sensors.paint / PAINT_VELOCITY
        # The sum of all repetitions within a layer (Brekhovskikh, Waves in Layered Media, 2nd ed., 1980, §4).
        layer = 1 / (1 - np.float32(_PAINT_REFLECTION) * shifted(delay))
        return cls(
            pulses=np.asarray(pulses * layer * np.float32(1 - _PAINT_REFLECTION), dtype=np.complex64),
            attenuation=attenuation(BAND, sensors.grain, temperature),
            near_field=near_field_length(sensors.diameter, sensors.centre),
            diameter=sensors.diameter,
            velocity=velocity(temperature),
            delay=delay,
        )

    def take(self, points: npt.NDArray[np.bool_]) -> Beam:
        return Beam(*(getattr(self, field.name)[points] for field in fields(self)))


def surface_echo(beam: Beam) -> Spectrum:
    """Spectra `[N, B]` of the echo of the wall's surface, after the probe's wear plate and the paint."""
    return np.asarray(np.float32(_SURFACE_ECHO) * beam.pulses * shifted(_WEAR_PLATE_DELAY + beam.delay))


def wall_echoes(beam: Beam, wall: Float64, shadowed: Float64, reflection: Float64 | None = None) -> Spectrum:
    """Spectra `[N, B]` of the back wall's echo and its repetitions, relative to a near wall's echo.

    `wall` is the thickness in m, `shadowed` the share of the beam that a flaw keeps away, there and back, and
    `reflection` `[N, B]` what the wall's inside sends back, over a free and smooth surface (1 if not given).
    """
    spectrum = np.zeros(beam.pulses.shape, dtype=np.complex64)
    inside = np.ones((1, 1)) if reflection is None else reflection
    passing = (1 - shadowed) ** 2
    for repetition in range(1, WALL_ECHOES + 1):
        path = repetition * wall
        amplitude = wall_response(path, beam.near_field) * PROBE_REFLECTION ** (repetition - 1) * passing**repetition
        spectrum += _echo(beam, path, amplitude[:, None] * inside**repetition)
    return spectrum


def rough_reflection(reflection: float, roughness: Float64) -> Float64:
    """Reflection `[N, B]` of a wall's inside with rms roughness `[N]` in m: `R exp(-2 k² σ²)`.

    The coherent share of what a rough surface sends back (Ogilvy, Theory of Wave Scattering from Random Rough Surfaces,
    1991, ch. 4). What it scatters aside is left out.
    """
    wavenumber = 2 * np.pi * BAND.astype(np.float64) / VELOCITY
    return np.asarray(reflection * np.exp(-2 * (wavenumber * roughness[:, None]) ** 2))


def flaw_echoes(beam: Beam, flaws: Flaws, contact_stiffness: Float64 | None = None) -> Spectrum:
    """Spectra `[N, B]` of the flaws' echoes, relative to a near wall's echo; no row may be without flaw.

    `contact_stiffness` `[N]` in N/m³ is that of closed faces, 0 (as if not given) for open ones.
    """
    amplitude = wall_response(flaws.depth, beam.near_field)[:, None] * response(flaws, beam.near_field)
    if contact_stiffness is not None:
        amplitude = amplitude * open_share(contact_stiffness)
    spectrum = _echo(beam, flaws.depth, amplitude)
    pores = flaws.kind == FlawKind.POROSITY
    # A cluster's first pore has the echo above; the others lie around it.
    for offset in _PORES:
        spectrum[pores] += _echo(beam.take(pores), flaws.depth[pores] + offset, amplitude[pores])
    return spectrum


def flaw_shadow(beam: Beam, flaws: Flaws) -> Float64:
    """Share `[N]` of the beam that open flaws keep from the back wall."""
    return shadow(flaws, beam.diameter, beam.near_field)


def _echo(beam: Beam, depth: Float64, amplitude: Float64) -> Spectrum:
    """A pulse that has gone to a depth `[N]` and back: attenuated, and as late as its way is long."""
    time = travel_time(depth, beam.velocity) + beam.delay
    strength = amplitude * (time < _LAST_ECHO)[:, None] * np.exp(-2 * beam.attenuation * depth[:, None])
    return np.asarray(beam.pulses * strength.astype(np.float32) * shifted(time), dtype=np.complex64)


def shifted(time: Float64) -> Spectrum:
    """Factors `[N, B]` that delay a signal by times `[N]` in s."""
    phase = np.float32(-2 * np.pi) * BAND * time.astype(np.float32)[:, None]
    spectrum = np.empty(phase.shape, dtype=np.complex64)
    np.cos(phase, out=spectrum.real)
    np.sin(phase, out=spectrum.imag)
    return spectrum
