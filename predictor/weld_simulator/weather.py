"""The temperature of the wall over the year."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.scenarios import ScenarioName, Scenarios, strength_of
from weld_simulator.streams import Purpose, stream

_DAY_S, _YEAR_S = 86_400.0, 365.25 * 86_400.0
_FRONTS = 6
"""Fronts pass as a sum of so many oscillations with periods of 3 to 20 days: any instant can be computed by itself."""

_HEAT_WAVE = 18.0
"""K above the season's mean, in the scenario `hot_summer` at strength 1."""

_SUN = 12.0
"""K that the sun adds at noon to a pipe that lies open and unshaded."""


class Place(Protocol):
    """Where there is weather: a site of any kind of asset."""

    @property
    def seed(self) -> int: ...

    @property
    def scenarios(self) -> Scenarios: ...

    def when(self, tick: int) -> datetime:
        """The instant of a tick."""


def air_temperature(site: Place, tick: int) -> float:
    """°C at a place: season and day as cosines, and fronts. The year's mean differs from site to site."""
    draw = stream(site.seed, Purpose.CLIMATE)
    mean, season, day = draw.normal(16, 5), draw.uniform(6, 12), draw.uniform(3, 6)
    periods, phases = draw.uniform(3, 20, _FRONTS) * _DAY_S, draw.uniform(0, 2 * np.pi, _FRONTS)
    now = site.when(tick).timestamp()
    yearly = -np.cos(2 * np.pi * (now / _YEAR_S - 15 / 365))  # coldest in mid January
    daily = -np.cos(2 * np.pi * (now / _DAY_S - 3 / 24))  # coldest at three
    fronts = np.sqrt(2 / _FRONTS) * np.sin(2 * np.pi * now / periods + phases).sum()
    hot = _HEAT_WAVE * strength_of(site.scenarios, ScenarioName.HOT_SUMMER, site.when(tick))
    return float(mean + season * yearly + day * daily + 3 * fronts + hot)


def wall_temperature(site: Place, tick: int, fluid_temperature: float, exposure: Float64) -> Float64:
    """°C `[N]`: between the fluid's (buried, exposure 0) and the air's (open, exposure 1), and the sun's at noon."""
    now = site.when(tick).timestamp()
    sun = _SUN * max(0.0, -np.cos(2 * np.pi * now / _DAY_S))
    outside = air_temperature(site, tick) + sun * exposure
    return np.asarray(fluid_temperature + 0.6 * exposure * (outside - fluid_temperature))
