"""A site: its sensors with their lasting traits, and the flaws of its welds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.flaws import FlawKind, Flaws
from weld_simulator.growth import BIRTH_SIZE, GROWTH_SPREAD, MEDIAN_GROWTH, YEAR_S, age, extra_growth, grown
from weld_simulator.scenarios import Scenarios
from weld_simulator.streams import BLOCK, Purpose, stream

TICK_MS = 100
"""The sampling interval."""

COMMISSIONED = datetime(2025, 1, 1, tzinfo=UTC)

SENSORS = 10_000
"""Sensors of a site, one at each inspection point; a tick brings one reading of each."""

_WALLS = (9.5e-3, 11.1e-3, 12.7e-3, 14.3e-3, 15.9e-3, 19.1e-3)
"""Walls as ordered, m: a pipeline is thicker at crossings and near people."""

_KINDS = (FlawKind.NONE, FlawKind.CRACK, FlawKind.LACK_OF_FUSION, FlawKind.POROSITY, FlawKind.SLAG)
_SHARES = (0.808, 0.09, 0.07, 0.03, 0.002)
_MEDIAN_SIZE = np.array([0.0, 1.5e-3, 1.8e-3, 1.0e-3, 1.1e-3])
_SIZE_SPREAD = np.array([0.0, 0.55, 0.55, 0.35, 0.35])
_TILT_SPREAD = np.radians([0.0, 2.5, 1.5, 0.0, 0.0])
_GROWING = np.array([0.0, 1.0, 0.2, 0.0, 0.0])
"""How fast each kind grows, relative to a crack."""
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
    warming: Float64
    """Loss that a warmer probe and couplant bring, dB for each K."""
    pressing: Float64
    """Gain that the line's pressure brings by pressing wall and probe together, dB for each MPa."""
    drying: Float64
    """Loss that a year brings to the couplant, dB."""
    paint: Float64
    """Thickness of the paint under the probe, m."""
    exposure: Float64
    """0 buried, 1 in the open air."""
    roughness: Float64
    """Of the wall's inside, rms, m."""
    roughening: Float64
    """What a year adds to it, m."""
    corrosion: Float64
    """Speed of the wall's thinning relative to the average."""

    def take(self, points: slice) -> Sensors:
        return Sensors(*(getattr(self, field.name)[points] for field in fields(self)))


@dataclass(frozen=True)
class Site:
    """A site and all that lasts there. A small site is the beginning of a large one with the same seed."""

    name: str
    seed: int
    size: int = SENSORS
    commissioned: datetime = COMMISSIONED
    """When tick 0 is; season and age follow from it."""
    scenarios: Scenarios = ()
    """What becomes of it."""

    def __post_init__(self) -> None:
        if self.commissioned.tzinfo is None:
            raise ValueError(f"site {self.name!r} must state the time zone of its commissioning")
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
        """The truth at commissioning."""
        return self.flaws_at(0)

    def flaws_at(self, tick: int) -> Flaws:
        """The truth in a tick: flaws of all sensors."""
        parts = [self.flaws_of(block, tick) for block in self.blocks]
        columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Flaws)]
        return Flaws(*columns)

    def flaws_of(self, block: int, tick: int) -> Flaws:
        """The truth in a tick, of one block of sensors."""
        now = self.when(tick)
        years = (now - self.commissioned).total_seconds() / YEAR_S
        flaws = _draw_flaws(self.seed, block)
        draw = stream(self.seed, Purpose.GROWTH, block)
        rate = MEDIAN_GROWTH * draw.lognormal(0, GROWTH_SPREAD, BLOCK)
        born = age(draw.exponential(1, BLOCK), self.commissioned, now, self.scenarios)
        strain = years + extra_growth(self.commissioned, now, self.scenarios)
        size = grown(flaws.size, rate * _GROWING[flaws.kind], np.asarray(strain))
        new = (flaws.kind == FlawKind.NONE) & (born > 0)
        kind = np.where(new, np.int8(FlawKind.CRACK), flaws.kind)
        tilt = np.where(new, _TILT_SPREAD[FlawKind.CRACK] * draw.standard_normal(BLOCK), flaws.tilt)
        deepest = _draw_sensors(self.seed, block).ordered_wall - _FROM_THE_WALL
        depth = np.where(new, draw.uniform(_BLIND_DEPTH, deepest), flaws.depth)
        size = np.where(new, grown(np.full(BLOCK, BIRTH_SIZE), rate, born), size)
        return Flaws(kind, size, depth, tilt, flaws.looseness).take(slice(self.size - block * BLOCK))

    def when(self, tick: int) -> datetime:
        """The instant of a tick."""
        return self.commissioned + timedelta(milliseconds=tick * TICK_MS)

    def tick_at(self, when: datetime) -> int:
        """The last tick that is not after an instant."""
        return (when - self.commissioned) // timedelta(milliseconds=TICK_MS)

    def sensor_ids(self) -> list[str]:
        """The names of its sensors, such as `north-line-00042`."""
        return [f"{self.name}-{number:05d}" for number in range(self.size)]


def _draw_sensors(seed: int, block: int) -> Sensors:
    draw = stream(seed, Purpose.SENSORS, block)
    more = stream(seed, Purpose.TRAITS, block)
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
        warming=more.normal(0.06, 0.015, BLOCK),
        pressing=np.abs(more.normal(0.15, 0.05, BLOCK)),
        drying=np.abs(more.normal(0, 0.7, BLOCK)),
        paint=np.clip(more.normal(0.1e-3, 0.03e-3, BLOCK), 0.03e-3, 0.2e-3),
        exposure=np.where(more.uniform(0, 1, BLOCK) < 0.6, 0.1, more.uniform(0.5, 1, BLOCK)),
        roughness=np.abs(more.normal(0, 25e-6, BLOCK)),
        roughening=10e-6 * more.lognormal(0, 0.5, BLOCK),
        corrosion=more.lognormal(0, 0.4, BLOCK),
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
    tilt = _TILT_SPREAD[kind] * draw.standard_normal(BLOCK)
    return Flaws(kind=kind, size=size, depth=depth, tilt=tilt, looseness=draw.lognormal(0, 0.07, BLOCK))
