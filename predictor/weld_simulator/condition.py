"""What holds at a site's sensors at one instant: wall, fluid and weather, and what has become of the sensors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.fluids import wall_reflection
from weld_simulator.growth import YEAR_S
from weld_simulator.operation import fluid_of, fluid_temperature, line_pressure
from weld_simulator.scenarios import ScenarioName, strength_of
from weld_simulator.site import Sensors, Site
from weld_simulator.streams import BLOCK, Purpose, stream
from weld_simulator.weather import wall_temperature

AGEING_YEARS = 4.0
COUPLING_LOSS_DB = 4.0
NOISE_DB = 14.0
FIRMWARE_GAIN_DB, FIRMWARE_NOISE_DB = 6.0, 12.0
"""What the scenarios of these names bring at strength 1 (the loss of coupling is the mean of an exponential one)."""

_PROBE_SLOWING = 0.004
"""Of the centre frequency with each year: a probe's damping and wear plate age."""

_CORROSION = 0.04e-3
"""m that an inside of average roughness loses in a year."""

_OTHER_TYPE = {"centre": 4.0e6, "bandwidth": 0.75, "diameter": 10e-3, "ringing": 0.07e-6}
"""The sensor type of the scenario `new_sensor_type`: lower, broader and larger than the first (5 MHz, 55 %, 8 mm)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """At one block of sensors and one instant; arrays `[N]`."""

    temperature: Float64
    """Of the wall, °C."""
    pressure: Float64
    """In the line, Pa."""
    reflection: float
    """Amplitude that a smooth wall's inside sends back, over that of a free surface."""
    fitted: Sensors
    """The sensors as they were commissioned, replaced where they have been replaced."""
    sensors: Sensors
    """The same as they are now."""


def conditions_of(site: Site, tick: int, block: int) -> Conditions:
    """The conditions of one block in one tick: the same, whatever else is simulated."""
    points = slice(block * BLOCK, min((block + 1) * BLOCK, site.size))
    original = site.sensors.take(points)
    fitted = _replaced(site, tick, block, original)
    number = np.arange(points.start, points.stop, dtype=np.float64)
    return Conditions(
        temperature=wall_temperature(site, tick, fluid_temperature(site, tick), original.exposure),
        pressure=line_pressure(site, tick, number),
        reflection=wall_reflection(fluid_of(site, tick)),
        fitted=fitted,
        sensors=_as_they_are(site, tick, block, fitted),
    )


def _lots(site: Site, block: int, count: int, purpose: ScenarioName) -> Float64:
    """A number within 0 and 1 for each sensor, which says whether, or how hard, a scenario strikes it."""
    # By its place in the list: a new scenario goes to its end, or seeds change their meaning.
    number = list(ScenarioName).index(purpose)
    return stream(site.seed, Purpose.SCENARIO, block, number).uniform(0, 1, BLOCK)[:count]


def struck(
    site: Site, tick: int, block: int, count: int, name: ScenarioName
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which sensors `[N]` of a block are among the share that the scenario's strength says."""
    return np.asarray(_lots(site, block, count, name) < strength_of(site.scenarios, name, site.when(tick)))


def _replaced(site: Site, tick: int, block: int, sensors: Sensors) -> Sensors:
    new = struck(site, tick, block, len(sensors.wall), ScenarioName.NEW_SENSOR_TYPE)
    # A sensor of the new type deviates from its type as its predecessor did from its own.
    return replace(
        sensors,
        centre=np.where(new, sensors.centre / 5e6 * _OTHER_TYPE["centre"], sensors.centre),
        bandwidth=np.where(new, sensors.bandwidth / 0.55 * _OTHER_TYPE["bandwidth"], sensors.bandwidth),
        diameter=np.where(new, _OTHER_TYPE["diameter"], sensors.diameter),
        ringing=np.where(new, _OTHER_TYPE["ringing"], sensors.ringing),
    )


def _as_they_are(site: Site, tick: int, block: int, sensors: Sensors) -> Sensors:
    now, count = site.when(tick), len(sensors.wall)

    def strength(name: ScenarioName) -> float:
        return strength_of(site.scenarios, name, now)

    years = (now - site.commissioned).total_seconds() / YEAR_S + AGEING_YEARS * strength(ScenarioName.AGEING)
    severity = -np.log1p(-_lots(site, block, count, ScenarioName.COUPLING_LOSS))
    stale = struck(site, tick, block, count, ScenarioName.STALE_FIRMWARE)
    lost = COUPLING_LOSS_DB * strength(ScenarioName.COUPLING_LOSS) * severity
    noise = NOISE_DB * strength(ScenarioName.NOISE) + FIRMWARE_NOISE_DB * stale
    return replace(
        sensors,
        wall=sensors.wall - _CORROSION * sensors.corrosion * years,
        roughness=sensors.roughness + sensors.roughening * years,
        centre=sensors.centre * (1 - _PROBE_SLOWING * years),
        coupling_loss=sensors.coupling_loss + sensors.drying * years + lost,
        gain=sensors.gain + FIRMWARE_GAIN_DB * stale,
        noise=sensors.noise * 10 ** (noise / 20),
    )
