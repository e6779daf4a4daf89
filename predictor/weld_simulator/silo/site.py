"""A site of silos: what each holds, where its gauges are, and their lasting traits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cached_property

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.growth import YEAR_S
from weld_simulator.scenarios import Scenarios
from weld_simulator.silo.contents import CONTENTS, Contents, wall_pressure
from weld_simulator.silo.wall import corroded, minimum_thickness, ordered_thickness, worn
from weld_simulator.site import COMMISSIONED, TICK_MS
from weld_simulator.streams import stream

SILOS = 40
"""Of a site."""

RINGS, SIDES = 4, 2
POSITIONS = RINGS * SIDES
"""Inspection points of a silo: heights of the wall, in the sun and in the shade."""

BRIM = 0.95
"""Of the height: a silo is filled no higher."""

_CYCLES_IN_A_YEAR = (25, 250)
_FIRST_YEAR_CORROSION = 80e-6
"""m in the first year: between the categories C4 and C5 of ISO 9223 (2012), as insides that sweat are."""

_THINNEST_SEEN = 1.5e-3
"""m: a wall is patched before it gets thinner."""


class Purpose(IntEnum):
    """What a silo's streams are drawn for: none is the same as one of `weld_simulator.streams.Purpose`."""

    SITE = 100
    SILO = 101
    POSITIONS = 102
    BRIDGE = 103
    STUCK = 104
    WALL_GAUGE = 105
    LEVEL_GAUGE = 106
    SCALES = 107


@dataclass(frozen=True, slots=True)
class Silo:
    """One silo of a site; arrays `[POSITIONS]`, the lowest ring first."""

    number: int
    contents: Contents
    height: float
    diameter: float
    """m"""
    period: float
    """s from one filling to the next."""
    phase: float
    """Share of a period that had passed at the Unix epoch."""
    filling: float
    discharging: float
    """Shares of a period."""
    position: Float64
    """m above the floor."""
    exposure: Float64
    """0 in the shade, 1 in the sun at noon."""
    minimum: Float64
    """Thickness in m that the wall must have."""
    ordered: Float64
    """Thickness of the wall as ordered, m."""
    new: Float64
    """Thickness of the wall as built, m."""
    corrosion: Float64
    """m in the first year."""
    wear: Float64
    """m in each year."""
    grain: Float64
    """Mean grain diameter of the steel, m."""
    coating: Float64
    """Thickness of the paint below the gauge, m."""
    gain: Float64
    """dB, deviation of the gauge's receiver."""
    zero_error: Float64
    """s, of the gauge's own delay."""
    drying: Float64
    """dB that the couplant loses in a year, until the gauge is serviced."""
    noise: Float64
    """dB relative to full scale."""
    warmth: float
    """K by which the level gauge's thermometer is wrong: above the contents it is not equally warm everywhere."""

    def wall(self, years: float) -> Float64:
        """True thickness in m `[POSITIONS]` after years."""
        lost = corroded(self.corrosion, years) + self.wear * max(years, 0.0)
        return np.maximum(self.new - lost, _THINNEST_SEEN)


@dataclass(frozen=True)
class SiloSite:
    """A site; a small one is the beginning of a large one with the same seed."""

    name: str
    seed: int
    silos: int = SILOS
    commissioned: datetime = COMMISSIONED
    scenarios: Scenarios = ()
    """Those of `weld_simulator.weather`."""

    def __post_init__(self) -> None:
        if self.commissioned.tzinfo is None:
            raise ValueError(f"site {self.name!r} must state the time zone of its commissioning")
        if self.silos < 1:
            raise ValueError(f"a site has at least one silo, not {self.silos}")

    def when(self, tick: int) -> datetime:
        """The instant of a tick, of which there is one in each `TICK_MS`."""
        return self.commissioned + timedelta(milliseconds=tick * TICK_MS)

    def tick_at(self, when: datetime) -> int:
        """The last tick that is not after an instant."""
        return (when - self.commissioned) // timedelta(milliseconds=TICK_MS)

    def years(self, tick: int) -> float:
        """Since it was commissioned."""
        return (self.when(tick) - self.commissioned).total_seconds() / YEAR_S

    @cached_property
    def humidity(self) -> float:
        """Relative humidity in % of the air above the contents."""
        return float(stream(self.seed, Purpose.SITE).uniform(40, 80))

    def silo(self, number: int) -> Silo:
        """The same, whichever others are simulated."""
        draw, each = stream(self.seed, Purpose.SILO, number), stream(self.seed, Purpose.POSITIONS, number)
        contents = CONTENTS[str(draw.choice(list(CONTENTS)))]
        height, slenderness = float(draw.uniform(8, 20)), float(draw.uniform(1.5, 3.5))
        diameter = height / slenderness
        cycles = float(draw.uniform(*_CYCLES_IN_A_YEAR))
        position = np.repeat((np.arange(RINGS) + 0.5) / RINGS * height, SIDES)
        depth = BRIM * height - position
        minimum = minimum_thickness(contents, depth, diameter)
        ordered = ordered_thickness(minimum)
        # All that lies above a position slides past it in each cycle.
        slid = cycles * np.maximum(depth, 0.0)
        mean_pressure = wall_pressure(contents, depth / 2, diameter)
        return Silo(
            number=number,
            contents=contents,
            height=height,
            diameter=diameter,
            period=YEAR_S / cycles,
            phase=float(draw.uniform()),
            filling=float(draw.uniform(0.05, 0.2)),
            discharging=float(draw.uniform(0.3, 0.6)),
            position=position,
            exposure=np.tile([1.0, 0.0], RINGS),
            minimum=minimum,
            ordered=ordered,
            new=ordered * (1 + each.normal(0, 0.01, POSITIONS)),
            corrosion=_FIRST_YEAR_CORROSION * each.lognormal(0, 0.6, POSITIONS),
            wear=worn(contents, mean_pressure, slid) * each.lognormal(0, 0.5, POSITIONS),
            grain=30e-6 * each.lognormal(0, 0.2, POSITIONS),
            coating=np.clip(each.normal(0.2e-3, 0.08e-3, POSITIONS), 0.0, 0.5e-3),
            gain=each.normal(0, 0.8, POSITIONS),
            zero_error=each.normal(0, 8e-9, POSITIONS),
            drying=np.abs(each.normal(0, 1.5, POSITIONS)),
            noise=each.normal(-50, 2, POSITIONS),
            warmth=float(draw.normal(0, 1.5)),
        )

    def sensor_ids(self) -> list[str]:
        """The names of its inspection points, such as `mill-silo-03-07`."""
        numbers = ((silo, point) for silo in range(self.silos) for point in range(POSITIONS))
        return [f"{self.name}-silo-{silo:02d}-{point:02d}" for silo, point in numbers]
