"""A site: its sensors with their lasting traits, and the flaws of its welds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.flaws import FlawKind, Flaws
from weld_simulator.streams import BLOCK, Purpose, stream

SENSORS = 10_000
"""Sensors of a site, one at each inspection point; a tick brings one reading of each."""

_WALLS = (9.5e-3, 11.1e-3, 12.7e-3, 14.3e-3, 15.9e-3, 19.1e-3)
"""Walls as ordered, m: a pipeline is thicker at crossings and near people."""

_KINDS = (FlawKind.NONE, FlawKind.CRACK, FlawKind.LACK_OF_FUSION, FlawKind.POROSITY, FlawKind.SLAG)
_SHARES = (0.85, 0.03, 0.03, 0.05, 0.04)
_MEDIAN_SIZE = np.array([0.0, 3.0e-3, 3.5e-3, 1.0e-3, 1.3e-3])
_SIZE_SPREAD = np.array([0.0, 0.45, 0.45, 0.35, 0.35])
_TILT_SPREAD = np.radians([0.0, 8.0, 4.0, 0.0, 0.0])
_BLIND_DEPTH, _FROM_THE_WALL = 2.5e-3, 1.5e-3
"""No flaw is simulated nearer to the probe, nor nearer to the back wall (m): the method does not see those."""


@dataclass(frozen=True, slots=True)
class Sensors:
    """Traits of the sensors, stable over time; arrays `[N]`."""

    ordered_wall: Float64
    """Thickness in m of the wall as ordered; the receiver was adjusted to it at commissioning."""
    wall: Float64
    """Thickness of the wall below the sensor, m."""
    grain: Float64
    """Mean grain diameter of the steel, m."""
    centre: Float64
    """Centre frequency of the probe, Hz."""
    bandwidth: Float64
    """Relative -6 dB bandwidth of the probe."""
    diameter: Float64
    """Diameter of the probe, m."""
    ringing: Float64
    """Time constant of the initial pulse's ringing, s."""
    gain: Float64
    """Deviation of the receiver's gain from what was set at commissioning, dB."""
    coupling_loss: Float64
    """Loss in the couplant, there and back, dB."""
    noise: Float64
    """Electronic noise, rms relative to full scale."""

    def take(self, points: slice) -> Sensors:
        return Sensors(*(getattr(self, field.name)[points] for field in fields(self)))


@dataclass(frozen=True)
class Site:
    """A site and all that lasts there. A small site is the beginning of a large one with the same seed."""

    name: str
    seed: int
    size: int = SENSORS

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a site has at least one sensor, not {self.size}")

    @property
    def blocks(self) -> range:
        """Numbers of the blocks into which its sensors fall."""
        return range(-(-self.size // BLOCK))

    @cached_property
    def sensors(self) -> Sensors:
        parts = [_draw_sensors(self.seed, block) for block in self.blocks]
        columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Sensors)]
        return Sensors(*columns).take(slice(self.size))

    @cached_property
    def flaws(self) -> Flaws:
        parts = [_draw_flaws(self.seed, block) for block in self.blocks]
        columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Flaws)]
        return Flaws(*columns).take(slice(self.size))

    def sensor_ids(self) -> list[str]:
        """The names of its sensors, such as `north-line-00042`."""
        return [f"{self.name}-{number:05d}" for number in range(self.size)]


def _draw_sensors(seed: int, block: int) -> Sensors:
    draw = stream(seed, Purpose.SENSORS, block)
    ordered_wall = draw.choice(_WALLS, BLOCK)
    return Sensors(
        ordered_wall=ordered_wall,
        wall=ordered_wall * (1 + draw.normal(0, 0.015, BLOCK)),
        grain=_steel_of(seed) * draw.lognormal(0, 0.2, BLOCK),
        centre=5e6 * (1 + draw.normal(0, 0.03, BLOCK)),
        bandwidth=np.clip(draw.normal(0.55, 0.04, BLOCK), 0.4, 0.7),
        diameter=np.full(BLOCK, 8e-3),
        ringing=np.clip(draw.normal(0.085e-6, 0.008e-6, BLOCK), 0.06e-6, 0.11e-6),
        gain=draw.normal(0, 0.8, BLOCK),
        coupling_loss=np.abs(draw.normal(0, 1.5, BLOCK)),
        noise=10 ** (draw.normal(-56, 1.5, BLOCK) / 20),
    )


def _steel_of(seed: int) -> float:
    """Mean grain diameter in m of a site's steel: one mill, one heat treatment."""
    return float(30e-6 * stream(seed, Purpose.SITE).lognormal(0, 0.15))


def _draw_flaws(seed: int, block: int) -> Flaws:
    draw = stream(seed, Purpose.FLAWS, block)
    kind = draw.choice(np.array(_KINDS, dtype=np.int8), BLOCK, p=_SHARES)
    size = _MEDIAN_SIZE[kind] * np.exp(_SIZE_SPREAD[kind] * draw.standard_normal(BLOCK))
    deepest = _draw_sensors(seed, block).ordered_wall - _FROM_THE_WALL
    depth = np.where(kind == FlawKind.NONE, 0.0, draw.uniform(_BLIND_DEPTH, deepest))
    return Flaws(kind=kind, size=size, depth=depth, tilt=_TILT_SPREAD[kind] * draw.standard_normal(BLOCK))
