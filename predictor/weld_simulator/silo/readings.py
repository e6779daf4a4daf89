"""What arrives from a silo: a reading of each inspection point in a tick, with the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weld_simulator.digitiser import Float64
from weld_simulator.silo.gauges import LevelEcho, WallEchoes, level_echo, level_of, wall_echoes
from weld_simulator.silo.operation import fill_of, stuck_at
from weld_simulator.silo.site import POSITIONS, Purpose, Silo, SiloSite
from weld_simulator.site import TICK_MS
from weld_simulator.streams import stream
from weld_simulator.weather import air_temperature, wall_temperature

HOUR_S = 3_600.0
_HOUR_TICKS = round(HOUR_S * 1_000 / TICK_MS)

WITHOUT_SCALES = 0.03
"""Share of the readings that come without what the plant's belt scales say."""

_WALL_THERMOMETER, _AIR_THERMOMETER = 1.0, 0.2
"""Standard deviations in K with which the gauges' thermometers scatter."""

_SCALES_ERROR = 0.05
"""Relative standard deviation of what belt scales say, with the bulk density that turns mass into height."""


@dataclass(frozen=True, slots=True)
class SiloReadings:
    """Readings of the inspection points of one silo in one tick; arrays `[POSITIONS]`."""

    echoes: WallEchoes
    noise: Float64
    """dB relative to full scale, of the thickness gauges."""
    wall_temperature: Float64
    """°C, as measured."""
    minimum: Float64
    """Thickness in m that the wall must have: known from the drawings."""
    surface: LevelEcho
    air_temperature: float
    """°C above the contents, as the level gauge measures it."""
    level: float
    """m above the floor, as the level gauge says."""
    height: float
    """m, of the silo."""
    change: float
    """m/h, by the level gauge now and an hour ago (in a site's first hour: at its beginning)."""
    expected_change: float
    """m/h, by the plant's belt scales; not a number where they say nothing."""
    thin: npt.NDArray[np.bool_]
    """The truth: where the wall is thinner than it must be."""
    bridged: bool
    """The truth: whether the contents have formed a bridge."""
    stuck: bool
    """The truth: whether the level gauge hears something else than the surface."""

    @property
    def at_risk(self) -> npt.NDArray[np.bool_]:
        """The truth that a prediction is held against: somebody must go and look."""
        return np.asarray(self.thin | self.bridged | self.stuck)


def measure_silo(site: SiloSite, number: int, tick: int) -> SiloReadings:
    """The readings of one silo: the same, whichever others and which ticks are simulated."""
    silo, now = site.silo(number), site.when(tick).timestamp()
    air = air_temperature(site, tick)
    # What is stored is nearly as warm as the year's mean.
    temperature = wall_temperature(site, tick, 15 + 0.4 * (air - 15), silo.exposure)
    fill, draw = fill_of(site.seed, silo, now), stream(site.seed, Purpose.WALL_GAUGE, number, tick)
    wall = silo.wall(site.years(tick))
    gauge, before = _level_gauge(site, silo, tick), _level_gauge(site, silo, max(tick - _HOUR_TICKS, 0))
    scales = stream(site.seed, Purpose.SCALES, number, tick)
    said = fill.rate * HOUR_S * (1 + _SCALES_ERROR * scales.standard_normal()) + 0.005 * scales.standard_normal()
    return SiloReadings(
        echoes=wall_echoes(draw, silo, wall, temperature, site.years(tick), fill.surface),
        noise=silo.noise + 0.5 * draw.standard_normal(POSITIONS),
        wall_temperature=temperature + _WALL_THERMOMETER * draw.standard_normal(POSITIONS),
        minimum=silo.minimum,
        surface=gauge.echo,
        air_temperature=gauge.temperature,
        level=gauge.level,
        height=silo.height,
        change=gauge.level - before.level,
        expected_change=float(said) if scales.uniform() >= WITHOUT_SCALES else float("nan"),
        thin=np.asarray(wall < silo.minimum),
        bridged=fill.bridged,
        stuck=stuck_at(site.seed, silo, now) is not None,
    )


@dataclass(frozen=True, slots=True)
class _LevelGauge:
    """What a level gauge says."""

    echo: LevelEcho
    temperature: float
    """°C, as it measures it."""
    level: float
    """m above the floor."""


def _level_gauge(site: SiloSite, silo: Silo, tick: int) -> _LevelGauge:
    at = site.when(tick).timestamp()
    draw = stream(site.seed, Purpose.LEVEL_GAUGE, silo.number, tick)
    air = air_temperature(site, tick)
    echo = level_echo(draw, silo, fill_of(site.seed, silo, at), stuck_at(site.seed, silo, at), air, site.humidity)
    measured = air + silo.warmth + _AIR_THERMOMETER * float(draw.standard_normal())
    return _LevelGauge(echo, measured, level_of(silo, echo.time, measured))
