"""The echoes of an A-scan: the wall's and the flaw's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from weld_simulator.beam import near_field_length, wall_response
from weld_simulator.digitiser import WINDOW, Float32, Float64
from weld_simulator.flaws import FlawKind, Flaws, response, shadow
from weld_simulator.pulse import BAND
from weld_simulator.site import Sensors
from weld_simulator.steel import attenuation, travel_time

Spectrum: TypeAlias = npt.NDArray[np.complex64]

WALL_ECHOES = 3
"""The back wall's echo and its repetitions."""

PROBE_REFLECTION = 0.6
"""What the surface below the probe sends back into the wall, relative to what arrives there."""

_LAST_ECHO = WINDOW - 0.4e-6
"""An echo later than this would reach beyond the window, and is left out."""

_PORES = np.array([-0.8e-3, -0.1e-3, 0.6e-3])
"""Depths in m of the pores of a cluster, relative to its own depth."""


@dataclass(frozen=True, slots=True)
class Beam:
    """What the echoes of a block of sensors have in common; arrays `[N, B]` over the band, and `[N]`."""

    pulses: Float32
    attenuation: Float64
    near_field: Float64
    diameter: Float64

    @classmethod
    def of(cls, sensors: Sensors, pulses: Float32) -> Beam:
        return cls(
            pulses=pulses,
            attenuation=attenuation(BAND, sensors.grain),
            near_field=near_field_length(sensors.diameter, sensors.centre),
            diameter=sensors.diameter,
        )

    def take(self, points: npt.NDArray[np.bool_]) -> Beam:
        return Beam(self.pulses[points], self.attenuation[points], self.near_field[points], self.diameter[points])


def wall_echoes(beam: Beam, wall: Float64, shadowed: Float64) -> Spectrum:
    """Spectra `[N, B]` of the back wall's echo and its repetitions, relative to a near wall's echo.

    `wall` is the thickness in m, `shadowed` the share of the beam that a flaw keeps away, there and back.
    """
    spectrum = np.zeros(beam.pulses.shape, dtype=np.complex64)
    passing = (1 - shadowed) ** 2
    for repetition in range(1, WALL_ECHOES + 1):
        path = repetition * wall
        amplitude = wall_response(path, beam.near_field) * PROBE_REFLECTION ** (repetition - 1) * passing**repetition
        spectrum += _echo(beam, path, amplitude[:, None])
    return spectrum


def flaw_echoes(beam: Beam, flaws: Flaws) -> Spectrum:
    """Spectra `[N, B]` of the flaws' echoes, relative to a near wall's echo; no row may be without flaw."""
    amplitude = wall_response(flaws.depth, beam.near_field)[:, None] * response(flaws, beam.near_field)
    spectrum = _echo(beam, flaws.depth, amplitude)
    pores = flaws.kind == FlawKind.POROSITY
    # A cluster's first pore has the echo above; the others lie around it.
    for offset in _PORES:
        spectrum[pores] += _echo(beam.take(pores), flaws.depth[pores] + offset, amplitude[pores])
    return spectrum


def flaw_shadow(beam: Beam, flaws: Flaws) -> Float64:
    """Share `[N]` of the beam that flaws keep from the back wall."""
    return shadow(flaws, beam.diameter, beam.near_field)


def _echo(beam: Beam, depth: Float64, amplitude: Float64) -> Spectrum:
    """A pulse that has gone to a depth `[N]` and back: attenuated, and as late as its way is long."""
    time = travel_time(depth).astype(np.float32)[:, None]
    strength = amplitude * (time < _LAST_ECHO) * np.exp(-2 * beam.attenuation * depth[:, None])
    phase = np.float32(-2 * np.pi) * BAND * time
    shape = beam.pulses * strength.astype(np.float32)
    spectrum = np.empty(shape.shape, dtype=np.complex64)
    np.multiply(shape, np.cos(phase), out=spectrum.real)
    np.multiply(shape, np.sin(phase), out=spectrum.imag)
    return spectrum
