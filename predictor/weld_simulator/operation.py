"""How the line is run: flow, the fluid's temperature, and the pressure at each sensor."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.fluids import CONDENSATE, CRUDE_OIL, Fluid, friction
from weld_simulator.scenarios import ScenarioName, strength_of
from weld_simulator.site import Site
from weld_simulator.streams import Purpose, stream
from weld_simulator.weather import air_temperature

SENSOR_DISTANCE = 10.0
"""m between sensors: 10,000 on 100 km."""

STATION_DISTANCE = 20_000.0
"""m between pump stations."""

STANDING_PRESSURE = 0.5e6
"""Pa that a line at rest is kept at, so that no gas comes out of the oil."""

ARRIVING, LOST = 1.5e6, 6.5e6
"""Pa above it at full flow of crude oil at 20 °C: what arrives at the next station, and what is lost up to there."""

_DAY_S = 86_400.0
_DERATED = 0.25
"""Share of the flow that hot drives cost in the scenario `hot_summer` at strength 1."""

_WINDOW_DAYS, _LONGEST_REST_DAYS, _RESTS = 10.0, 2.0, 0.2
"""Each window of days has a time of less flow (maintenance) with this probability, of up to two days: 2 % of all."""


def fluid_of(site: Site, tick: int) -> Fluid:
    """What the line carries; the scenario `other_fluid` brings the condensate (from strength 0.5 on)."""
    other = strength_of(site.scenarios, ScenarioName.OTHER_FLUID, site.when(tick)) >= 0.5
    return CONDENSATE if other else CRUDE_OIL


def flow(site: Site, tick: int) -> float:
    """Share of the full flow: a plan of days and weeks of the site's own, and rests with less flow."""
    now = site.when(tick).timestamp()
    window, within = divmod(now / (_WINDOW_DAYS * _DAY_S), 1.0)
    rest = stream(site.seed, Purpose.REST, int(window))
    begins, lasts = rest.uniform(0, 1 - _LONGEST_REST_DAYS / _WINDOW_DAYS), rest.uniform(0, _LONGEST_REST_DAYS)
    if rest.uniform() < _RESTS and begins <= within < begins + lasts / _WINDOW_DAYS:
        return float(rest.uniform(0.3, 0.7))
    draw = stream(site.seed, Purpose.OPERATION)
    base, swing = draw.uniform(0.87, 0.97), draw.uniform(0.03, 0.08)
    periods, phases = draw.uniform(0.8, 9, 3) * _DAY_S, draw.uniform(0, 2 * np.pi, 3)
    hot = strength_of(site.scenarios, ScenarioName.HOT_SUMMER, site.when(tick))
    planned = base + swing * np.sin(2 * np.pi * now / periods + phases).mean()
    return float(planned * (1 - _DERATED * min(hot, 1.5)))


def fluid_temperature(site: Site, tick: int) -> float:
    """°C: oil comes warm from the wells and follows the weather by half."""
    return 14 + 0.5 * air_temperature(site, tick)


def line_pressure(site: Site, tick: int, sensor: Float64) -> Float64:
    """Pa `[N]` at the sensors of these numbers: at rest, from friction, and from the height.

    Pumps are centrifugal and run at the speed that the flow needs, so that what arrives at a station and what is lost
    up to there both grow as friction does. Surges are left out.
    """
    along = (sensor * SENSOR_DISTANCE) % STATION_DISTANCE
    oil = fluid_of(site, tick)
    loss = friction(oil, np.asarray(fluid_temperature(site, tick)), np.asarray(flow(site, tick)))
    driven = loss * (ARRIVING + LOST * (1 - along / STATION_DISTANCE))
    draw = stream(site.seed, Purpose.TERRAIN)
    waves, phases = draw.uniform(2_000, 9_000, 3), draw.uniform(0, 2 * np.pi, 3)
    height = 12 * np.sin(2 * np.pi * along[:, None] / waves + phases).sum(axis=1)
    return np.asarray(np.maximum(STANDING_PRESSURE + driven - oil.density * 9.81 * height, 0.1e6))
