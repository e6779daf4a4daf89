"""Flaws of a weld: what they are, how their echoes look, and which of them put the weld at risk.

A flaw's echo is given relative to that of a plane wall at the same depth. The laws are those of the substitute
reflectors disc, sphere and cylinder (Krautkrämer & Krautkrämer, 1990, ch. 5), which are the far-field limits of
Kirchhoff's approximation (Schmerr, Fundamentals of Ultrasonic Nondestructive Evaluation, 2nd ed., 2016, ch. 10).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy.special import j1

from weld_simulator.beam import beam_diameter
from weld_simulator.digitiser import Float64
from weld_simulator.pulse import BAND
from weld_simulator.steel import VELOCITY


class FlawKind(IntEnum):
    """What is wrong with a weld."""

    NONE = 0
    CRACK = 1
    LACK_OF_FUSION = 2
    POROSITY = 3
    SLAG = 4


REJECTED_SIZE = {
    FlawKind.CRACK: 2.0e-3,
    FlawKind.LACK_OF_FUSION: 2.0e-3,
    FlawKind.POROSITY: 2.5e-3,
    FlawKind.SLAG: 3.0e-3,
}
"""Size in m from which a flaw puts the weld at risk. Limits of our own: strict for planar flaws, which grow."""

_SLAG_REFLECTION = 0.3
_ROUGHNESS = 0.04
"""What a face that is tilted away still returns, through its roughness and its tips, relative to facing the probe."""


@dataclass(frozen=True, slots=True)
class Flaws:
    """One flaw, or none, at each inspection point; arrays `[N]`."""

    kind: npt.NDArray[np.int8]
    """Values of `FlawKind`."""
    size: Float64
    """m: diameter of the face of a crack or of a lack of fusion, of a pore, of a slag line; 0 where there is none."""
    depth: Float64
    """m below the surface."""
    tilt: Float64
    """Radians between the face and the wall; planar flaws only."""
    looseness: Float64
    """How little the faces of a planar flaw touch: 1 is ordinary (`weld_simulator.contact`)."""

    @property
    def planar(self) -> npt.NDArray[np.bool_]:
        """Which have faces that pressure can close."""
        return np.asarray((self.kind == FlawKind.CRACK) | (self.kind == FlawKind.LACK_OF_FUSION))

    def take(self, points: slice | npt.NDArray[np.bool_]) -> Flaws:
        return Flaws(*(getattr(self, field.name)[points] for field in fields(self)))


def at_risk(flaws: Flaws) -> npt.NDArray[np.bool_]:
    """Whether each point has a flaw of the size that is rejected, or larger."""
    limits = np.array([REJECTED_SIZE.get(kind, np.inf) for kind in FlawKind])
    return np.asarray(flaws.size >= limits[flaws.kind])


def response(flaws: Flaws, near_field: Float64) -> Float64:
    """Amplitudes `[N, B]` over the band, relative to a plane wall's at the same depth; no row may be without flaw.

    Disc: `2S/λz`, times `2 J1(x)/x` with `x = 2ka sin(tilt)` for the tilt; sphere: `d/2z`; cylinder: `√(d/2z)`.
    None of them exceeds the wall's own echo; within the near field the distance counts as that field's length.
    """
    distance = np.maximum(flaws.depth, near_field)[:, None]
    size = flaws.size[:, None]
    wavelength = VELOCITY / BAND.astype(np.float64)
    disc = 2 * (np.pi * size**2 / 4) / (wavelength * distance)
    disc = disc / np.sqrt(1 + disc**2) * _directivity(2 * np.pi / wavelength * size * np.sin(flaws.tilt)[:, None])
    sphere = np.broadcast_to(size / (2 * distance), disc.shape)
    cylinder = np.broadcast_to(_SLAG_REFLECTION * np.sqrt(size / (2 * distance)), disc.shape)
    kind = flaws.kind[:, None]
    return np.select([kind == FlawKind.POROSITY, kind == FlawKind.SLAG], [sphere, cylinder], default=disc)


def _directivity(x: Float64) -> Float64:
    safe = np.where(np.abs(x) < 1e-6, 1e-6, x)
    return np.asarray(np.sqrt((2 * j1(safe) / safe) ** 2 + _ROUGHNESS**2) / np.sqrt(1 + _ROUGHNESS**2))


def shadow(flaws: Flaws, diameter: Float64, near_field: Float64) -> Float64:
    """Share of the beam `[N]` that a flaw keeps from the wall behind it: its area over the beam's, at most 0.95."""
    beam = beam_diameter(flaws.depth, diameter, near_field)
    face = np.pi * flaws.size**2 / 4 * np.abs(np.cos(flaws.tilt))
    line = flaws.size * beam
    area = np.where(flaws.kind == FlawKind.SLAG, line, face)
    return np.minimum(area / (np.pi * beam**2 / 4), 0.95)
