"""Weather, fluid, pressure and age act on echoes as physics says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from weld_simulator.condition import conditions_of
from weld_simulator.contact import closing_pressure, open_share, stiffness
from weld_simulator.echoes import rough_reflection
from weld_simulator.fluids import CONDENSATE, CRUDE_OIL, Fluid, friction, wall_reflection
from weld_simulator.operation import LOST, flow, line_pressure
from weld_simulator.pulse import BAND
from weld_simulator.scenarios import Scenario, ScenarioName
from weld_simulator.site import COMMISSIONED, Site
from weld_simulator.steel import VELOCITY, attenuation, travel_time, velocity
from weld_simulator.streams import BLOCK
from weld_simulator.weather import air_temperature

SITE = Site("line", seed=11, size=BLOCK)


@pytest.mark.parametrize(("temperature", "expected"), [(20.0, 1.0), (75.0, 0.99), (-35.0, 1.01)])
def test_sound_is_one_percent_slower_in_steel_that_is_55_kelvin_hotter(temperature: float, expected: float) -> None:
    assert velocity(np.array([temperature])) / VELOCITY == pytest.approx(expected)


def test_echoes_come_later_and_weaker_from_hot_steel() -> None:
    cold, hot = np.array([0.0]), np.array([60.0])
    assert travel_time(np.array([0.01]), velocity(hot)) > travel_time(np.array([0.01]), velocity(cold))
    grain = np.array([30e-6])
    assert (attenuation(BAND, grain, hot) > attenuation(BAND, grain, cold)).all()
    np.testing.assert_array_equal(attenuation(BAND, grain), attenuation(BAND, grain, np.array([20.0])))


def test_pressure_closes_a_crack_and_low_frequencies_pass_first() -> None:
    shares = open_share(stiffness(np.array([0.0, 1e6, 3e6, 9e6]), np.ones(4)))
    np.testing.assert_allclose(shares[0], 1)
    assert (np.diff(shares, axis=0) < 0).all()
    assert (np.diff(shares[1:], axis=1) > 0).all()
    assert shares.min() > 0


def test_at_its_own_stiffness_a_contact_reflects_seven_tenths() -> None:
    # |R| = 1 / sqrt(2) where 2 K = omega Z.
    matched = 7_850.0 * VELOCITY * 2 * np.pi * BAND.astype(np.float64) / 2
    assert np.diag(open_share(matched)) == pytest.approx(np.sqrt(0.5))


def test_faces_near_the_inside_are_pressed_harder() -> None:
    pressed = closing_pressure(np.full(3, 5e6), np.array([0.0, 5e-3, 10e-3]), np.full(3, 10e-3))
    assert pressed.tolist() == [0, 2.5e6, 5e6]


@pytest.mark.parametrize(("fluid", "expected"), [(CRUDE_OIL, 0.951), (CONDENSATE, 0.966)])
def test_nearly_all_sound_comes_back_from_a_liquid(fluid: Fluid, expected: float) -> None:
    assert wall_reflection(fluid) == pytest.approx(expected, abs=0.002)


def test_a_rough_inside_sends_back_less_and_least_at_high_frequencies() -> None:
    smooth, rough = rough_reflection(0.95, np.array([0.0, 100e-6]))
    np.testing.assert_allclose(smooth, 0.95)
    assert (np.diff(rough) < 0).all()
    at_five = rough[np.argmin(np.abs(BAND - 5e6))]
    assert at_five == pytest.approx(0.95 * np.exp(-2 * (2 * np.pi * 5e6 / VELOCITY * 100e-6) ** 2), rel=0.05)


def test_friction_grows_with_flow_and_falls_with_heat_and_in_light_fluids() -> None:
    one, cool, hot = np.array(1.0), np.array(20.0), np.array(50.0)
    assert friction(CRUDE_OIL, cool, one) == pytest.approx(1)
    assert friction(CRUDE_OIL, cool, np.array(0.5)) == pytest.approx(0.5**1.75)
    assert friction(CRUDE_OIL, hot, one) < 1
    assert friction(CONDENSATE, cool, one) < 0.5


def test_pressure_falls_from_station_to_station_and_stays_below_what_pipes_bear() -> None:
    number = np.arange(0, 10_000, dtype=np.float64)
    pressure = line_pressure(SITE, 0, number)
    assert pressure.min() >= 0.1e6
    assert pressure.max() < 10e6
    along = number * 10 % 20_000
    assert pressure[along < 4_000].mean() - pressure[along >= 16_000].mean() > 0.3 * LOST


def test_years_have_seasons_and_days() -> None:
    hours = [SITE.tick_at(COMMISSIONED + timedelta(hours=hour)) for hour in range(0, 365 * 24, 5)]
    air = np.array([air_temperature(SITE, tick) for tick in hours])
    month = np.arange(0, 365 * 24, 5) // 730
    assert air[month == 6].mean() - air[month == 0].mean() > 8
    hour = np.arange(0, 365 * 24, 5) % 24
    assert air[(hour > 13) & (hour < 17)].mean() - air[(hour > 1) & (hour < 5)].mean() > 4


def test_the_line_runs_at_reduced_flow_now_and_then() -> None:
    flows = np.array([flow(SITE, SITE.tick_at(COMMISSIONED + timedelta(hours=hour))) for hour in range(0, 8760, 6)])
    assert 0.8 < np.median(flows) < 1
    assert 0 < (flows < 0.75).mean() < 0.1


def test_sensors_age() -> None:
    new = conditions_of(SITE, 0, 0).sensors
    old = conditions_of(SITE, SITE.tick_at(COMMISSIONED + timedelta(days=3653)), 0).sensors
    assert (old.coupling_loss >= new.coupling_loss).all()
    assert (old.wall < new.wall).all()
    assert (old.roughness > new.roughness).all()
    assert (old.centre < new.centre).all()


def test_conditions_depend_on_the_instant_and_on_nothing_else_that_was_asked() -> None:
    site = Site("line", seed=11, size=3 * BLOCK)
    tick = site.tick_at(datetime(2026, 7, 1, 12, tzinfo=UTC))
    before = conditions_of(site, tick, 1)
    for other in (0, tick + 1, 2 * tick):
        conditions_of(site, other, 2)
    again = conditions_of(Site("line", seed=11, size=3 * BLOCK), tick, 1)
    np.testing.assert_array_equal(before.pressure, again.pressure)
    np.testing.assert_array_equal(before.temperature, again.temperature)


@pytest.mark.parametrize("strength", [-0.1, 2.1])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match=f"strength of scenario noise must lie within 0 and 2, as {strength} does not"):
        Scenario(ScenarioName.NOISE, strength=strength)


def test_a_date_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="the date of scenario noise must state its time zone"):
        Scenario(ScenarioName.NOISE, since=datetime(2026, 1, 1))  # noqa: DTZ001  # the very thing that is refused
    with pytest.raises(ValueError, match="site 'line' must state the time zone"):
        Site("line", seed=1, commissioned=datetime(2026, 1, 1))  # noqa: DTZ001  # the very thing that is refused
