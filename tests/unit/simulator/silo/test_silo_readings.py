"""What a silo's gauges tell follows the wall and the surface behind it, and nothing but the seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from weld_simulator.echoes import PAINT_VELOCITY
from weld_simulator.silo.bundle import KIND, PERIOD, sample
from weld_simulator.silo.features import INPUTS, columns_of
from weld_simulator.silo.gauges import ABOVE_THE_BRIM, level_echo, level_of, wall_echoes
from weld_simulator.silo.operation import Fill, fill_of, stuck_at
from weld_simulator.silo.readings import SiloReadings, measure_silo
from weld_simulator.silo.site import BRIM, POSITIONS, Purpose, SiloSite
from weld_simulator.steel import travel_time, velocity
from weld_simulator.streams import Purpose as CommonPurpose

SITE = SiloSite("mill", 5)
COLUMN = {each.name: index for index, each in enumerate(INPUTS)}
CONTEXT = COLUMN["expected_change"]
DAY_S = 86_400.0


def readings(days: float, number: int = 3) -> SiloReadings:
    return measure_silo(SITE, number, SITE.tick_at(SITE.commissioned + timedelta(days=days)))


def test_thickness_follows_from_the_time_of_flight_once_paint_and_the_gauge_s_delay_are_known() -> None:
    silo = SITE.silo(0)
    warm = np.full(POSITIONS, 35.0)
    echoes = wall_echoes(np.random.default_rng(0), silo, silo.new, warm, 0.0, 0.0)
    steel = echoes.time - silo.zero_error - travel_time(silo.coating, PAINT_VELOCITY)
    # A few ns of scatter are some hundredths of a millimetre.
    assert steel * velocity(warm) / 2 == pytest.approx(silo.new, abs=0.05e-3)
    assert echoes.spacing * velocity(warm) / 2 == pytest.approx(silo.new, abs=0.1e-3)


def test_a_thinner_wall_echoes_sooner_and_a_pitted_one_more_faintly() -> None:
    silo = SITE.silo(0)
    mild = np.full(POSITIONS, 20.0)
    new, old = (wall_echoes(np.random.default_rng(0), silo, silo.new - lost, mild, 0.0, 0.0) for lost in (0.0, 1.5e-3))
    assert (old.time < new.time).all()
    assert (old.level < new.level).all()


def test_a_wall_never_grows() -> None:
    walls = np.array([SITE.silo(2).wall(years) for years in range(25)])
    assert (np.diff(walls, axis=0) <= 0).all()


def test_the_level_follows_from_the_echo_s_time() -> None:
    silo, mild = SITE.silo(0), 12.0
    for surface in (0.2 * silo.height, 0.9 * silo.height):
        fill = Fill(surface, surface, 0.0)
        echo = level_echo(np.random.default_rng(1), silo, fill, None, mild, 60.0)
        assert level_of(silo, echo.time, mild) == pytest.approx(surface, abs=0.01)
        # 1 % of the velocity is 5.7 K: who does not measure the temperature is wrong by as much of the distance.
        distance = silo.height + ABOVE_THE_BRIM - surface
        assert level_of(silo, echo.time, mild + 5.7) == pytest.approx(surface - 0.01 * distance, abs=0.02)


def test_dust_makes_the_surface_fainter_while_a_silo_is_filled() -> None:
    silo = next(each for each in map(SITE.silo, range(40)) if each.contents.dust > 0)
    surface = 0.5 * silo.height
    resting, filling = (
        level_echo(np.random.default_rng(1), silo, Fill(surface, surface, rate), None, 12.0, 60.0)
        for rate in (0.0, 1e-4)
    )
    assert filling.level < resting.level
    assert filling.noise > resting.noise


def test_a_silo_is_never_fuller_than_to_its_brim_and_moves_as_fast_as_it_says() -> None:
    silo = SITE.silo(1)
    instants = np.linspace(0, 3 * silo.period, 2_000)
    fills = [fill_of(SITE.seed, silo, float(at)) for at in instants]
    assert 0 < min(fill.surface for fill in fills) < max(fill.surface for fill in fills) <= BRIM * silo.height
    moved = np.diff([fill.planned for fill in fills]) / np.diff(instants)
    steady = np.array([one.rate == other.rate for one, other in pairwise(fills)])
    # Few instants lie next to a change, where two rates mix.
    assert np.mean(np.isclose(moved, [fill.rate for fill in fills[:-1]], rtol=1e-3, atol=1e-9)[steady]) > 0.99


def test_a_bridge_holds_the_surface_while_the_silo_is_emptied_and_liquids_form_none() -> None:
    bridged = [
        (silo, fill)
        for silo in map(SITE.silo, range(40))
        for fill in (fill_of(SITE.seed, silo, day * DAY_S) for day in range(0, 2_000, 20))
        if fill.bridged
    ]
    assert bridged
    assert all(fill.rate < 0 and fill.surface > fill.planned for _, fill in bridged)
    assert all(silo.contents.liquid is None for silo, _ in bridged)


def test_a_gauge_that_is_stuck_says_the_same_whatever_the_surface_does() -> None:
    silo = replace(SITE.silo(0), number=7)
    sticking = next(day * DAY_S for day in range(0, 40_000, 30) if stuck_at(SITE.seed, silo, day * DAY_S) is not None)
    at = stuck_at(SITE.seed, silo, sticking)
    fills = (Fill(surface, surface, -1e-4) for surface in (0.1 * silo.height, 0.9 * silo.height))
    low, high = (level_echo(np.random.default_rng(1), silo, fill, at, 12.0, 60.0) for fill in fills)
    assert low.time == high.time


def test_the_truth_is_a_thin_wall_a_bridge_or_a_stuck_gauge() -> None:
    plain = replace(readings(100), thin=np.arange(POSITIONS) == 2, bridged=False, stuck=False)
    assert plain.at_risk.nonzero()[0].tolist() == [2]
    assert replace(plain, bridged=True).at_risk.all()
    assert replace(plain, stuck=True).at_risk.all()


def test_the_same_seed_gives_the_same_readings_and_another_one_others() -> None:
    one, again, other = sample(1, 80), sample(1, 80), sample(2, 80)
    assert one.columns.tobytes() == again.columns.tobytes()
    assert one.at_risk.tolist() == again.at_risk.tolist()
    assert not np.array_equal(one.columns, other.columns)


def test_a_small_site_is_the_beginning_of_a_large_one() -> None:
    small = SiloSite("mill", SITE.seed, silos=4)
    tick = SITE.tick_at(SITE.commissioned + timedelta(days=900))
    assert columns_of(measure_silo(small, 3, tick)).tobytes() == columns_of(measure_silo(SITE, 3, tick)).tobytes()
    assert small.sensor_ids() == SITE.sensor_ids()[: 4 * POSITIONS]


def test_no_stream_of_a_silo_is_one_of_a_pipeline() -> None:
    assert {int(each) for each in Purpose}.isdisjoint(int(each) for each in CommonPurpose)


def test_every_reading_lies_within_its_card_s_ranges() -> None:
    columns = sample(11, 1_200).columns
    lowest, highest = (np.array([getattr(each, end) for each in INPUTS]) for end in ("minimum", "maximum"))
    measured = np.delete(columns, CONTEXT, axis=1)
    assert np.isfinite(measured).all()
    assert (measured >= np.delete(lowest, CONTEXT)).all()
    assert (measured <= np.delete(highest, CONTEXT)).all()
    said = columns[:, CONTEXT]
    assert 0 < np.isnan(said).mean() < 0.2


def test_some_points_are_at_risk_and_more_in_old_sites() -> None:
    young, old = (np.mean([readings(days, number).thin.mean() for number in range(20)]) for days in (30, PERIOD.days))
    assert young < old
    truth = sample(12, 1_200).at_risk
    assert 0.02 < truth.mean() < 0.4


def test_in_its_first_hour_a_gauge_compares_with_the_site_s_beginning() -> None:
    assert measure_silo(SITE, 3, 0).change == 0


@pytest.mark.parametrize("silos", [0, -1])
def test_a_site_without_silos_is_refused(silos: int) -> None:
    with pytest.raises(ValueError, match=f"a site has at least one silo, not {silos}"):
        SiloSite("mill", 1, silos)


def test_its_card_says_what_each_input_means() -> None:
    assert [each.name for each in KIND.inputs if each.source == "Context"] == ["expected_change"]
    assert KIND.name == "Silo"
