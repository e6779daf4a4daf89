"""A scenario changes nothing before its date, and what it is named for from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from weld_simulator.condition import conditions_of
from weld_simulator.digitiser import Float32
from weld_simulator.features import FEATURES
from weld_simulator.growth import BIRTH_SIZE, LARGEST, age, grown
from weld_simulator.observation import COLUMNS, observe
from weld_simulator.readings import measure_block
from weld_simulator.scenarios import Scenario, ScenarioName, strength_of
from weld_simulator.site import COMMISSIONED, Site
from weld_simulator.streams import BLOCK

SINCE = datetime(2026, 7, 1, tzinfo=UTC)
COLUMN = {column.name: index for index, column in enumerate(COLUMNS)}
CHANGING = [name for name in ScenarioName if name != ScenarioName.NONE]


def site(*names: ScenarioName, strength: float = 1.0) -> Site:
    return Site("line", seed=5, size=BLOCK, scenarios=tuple(Scenario(name, SINCE, strength) for name in names))


def columns(at: Site, when: datetime) -> Float32:
    tick = at.tick_at(when)
    return observe(at, tick, measure_block(at, tick, 0))


@pytest.mark.parametrize("name", list(ScenarioName))
def test_nothing_changes_before_the_date(name: ScenarioName) -> None:
    before = SINCE - timedelta(milliseconds=100)
    assert columns(site(name), before).tobytes() == columns(site(), before).tobytes()


@pytest.mark.parametrize("name", CHANGING)
def test_something_changes_from_the_date_on(name: ScenarioName) -> None:
    # A flaw that is born later has to grow first.
    when = SINCE + timedelta(days=365 * (name == ScenarioName.MORE_FLAWS))
    assert columns(site(name), when).tobytes() != columns(site(), when).tobytes()


@pytest.mark.parametrize("name", CHANGING)
def test_at_strength_0_nothing_changes(name: ScenarioName) -> None:
    when = SINCE + timedelta(days=365)
    assert columns(site(name, strength=0), when).tobytes() == columns(site(), when).tobytes()


def test_none_changes_nothing() -> None:
    assert columns(site(ScenarioName.NONE), SINCE).tobytes() == columns(site(), SINCE).tobytes()


@pytest.mark.parametrize(
    ("name", "column", "sign"),
    [
        (ScenarioName.AGEING, "wall_level", -1),
        (ScenarioName.COUPLING_LOSS, "wall_level", -1),
        (ScenarioName.NOISE, "electronic_noise", 1),
        (ScenarioName.OTHER_FLUID, "pressure", -1),
        (ScenarioName.HOT_SUMMER, "temperature", 1),
        (ScenarioName.HOT_SUMMER, "pressure", -1),
        (ScenarioName.NEW_SENSOR_TYPE, "wall_centre", -1),
        (ScenarioName.STALE_FIRMWARE, "electronic_noise", 1),
        (ScenarioName.STALE_FIRMWARE, "wall_level", 1),
        (ScenarioName.UNITS_BUG, "pressure", 1),
    ],
)
def test_a_scenario_moves_what_it_is_named_for(name: ScenarioName, column: str, sign: int) -> None:
    change = columns(site(name), SINCE)[:, COLUMN[column]] - columns(site(), SINCE)[:, COLUMN[column]]
    assert sign * np.median(change) > 0


def test_a_share_of_the_sensors_is_struck_and_the_same_ones_at_all_times() -> None:
    half = site(ScenarioName.NEW_SENSOR_TYPE, strength=0.5)
    new = [
        conditions_of(half, half.tick_at(SINCE + timedelta(days=days)), 0).sensors.diameter > 9e-3 for days in (0, 90)
    ]
    np.testing.assert_array_equal(new[0], new[1])
    assert 0.4 < new[0].mean() < 0.6


def test_exchanged_columns_hold_each_others_values() -> None:
    right, wrong = columns(site(), SINCE), columns(site(ScenarioName.COLUMN_ORDER_BUG), SINCE)
    np.testing.assert_array_equal(wrong[:, COLUMN["pressure"]], right[:, COLUMN["temperature"]])
    np.testing.assert_array_equal(wrong[:, COLUMN["wall_level"]], right[:, COLUMN["flaw_level"]])
    np.testing.assert_array_equal(wrong[:, COLUMN["wall_time"]], right[:, COLUMN["wall_time"]])


def test_wrong_units_halve_the_levels() -> None:
    right, wrong = columns(site(), SINCE), columns(site(ScenarioName.UNITS_BUG), SINCE)
    for index, feature in enumerate(FEATURES):
        factor = 0.5 if feature.unit == "dB" else 1.0
        np.testing.assert_allclose(wrong[:, index], right[:, index] * factor, rtol=1e-6)


def test_the_strongest_of_a_name_counts_from_its_date() -> None:
    weak, strong = (
        Scenario(ScenarioName.NOISE, SINCE, 0.3),
        Scenario(ScenarioName.NOISE, datetime(2027, 1, 1, tzinfo=UTC)),
    )
    assert strength_of((weak, strong), ScenarioName.NOISE, SINCE) == 0.3
    assert strength_of((weak, strong), ScenarioName.NOISE, datetime(2028, 1, 1, tzinfo=UTC)) == 1
    assert strength_of((weak, strong), ScenarioName.AGEING, SINCE) == 0


def test_flaws_grow_faster_the_larger_they_are_and_never_shrink() -> None:
    sizes = np.array([1e-3, 2e-3, 4e-3])
    growth = grown(sizes, np.full(3, 2.5), np.full(3, 1.0)) - sizes
    assert (np.diff(growth) > 0).all()
    assert growth.min() > 0
    assert grown(sizes, np.full(3, 2.5), np.full(3, 500.0)).tolist() == pytest.approx([LARGEST] * 3)
    assert grown(np.zeros(1), np.ones(1), np.ones(1)) == 0


def test_growth_follows_paris_law() -> None:
    step = 1e-5
    size, rate = np.array([3e-3]), np.array([2.5])
    slope = (grown(size, rate, np.full(1, step)) - size) / step
    assert slope == pytest.approx(2.5 * 3e-3**1.5, rel=1e-3)


def test_flaws_are_born_small_stay_and_grow_over_the_years() -> None:
    line = Site("line", seed=5, size=20 * BLOCK)
    years = [line.flaws_at(line.tick_at(COMMISSIONED + timedelta(days=365.25 * year))) for year in (0, 4, 8)]
    flawed = [(flaws.kind != 0) for flaws in years]
    assert (flawed[1] >= flawed[0]).all()
    assert (flawed[2] >= flawed[1]).all()
    assert 0.01 < flawed[1].mean() - flawed[0].mean() < 0.08
    assert (years[1].size >= years[0].size).all()
    assert (years[2].size >= years[1].size).all()
    assert years[1].size[flawed[1] & ~flawed[0]].min() >= BIRTH_SIZE


def test_more_births_begin_with_the_scenario() -> None:
    when = SINCE + timedelta(days=365)
    threshold = np.linspace(0.001, 0.3, 300)
    ordinary = age(threshold, COMMISSIONED, when, ()) > 0
    more = age(threshold, COMMISSIONED, when, (Scenario(ScenarioName.MORE_FLAWS, SINCE),))
    assert (more > 0).sum() > 3 * ordinary.sum()
    assert (more[~ordinary] <= 365 / 365.25 + 1e-9).all()
