"""Sound in steel and in air, pressure, corrosion and wear behave as their laws say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_simulator.silo.air import absorption, distance_of, echo_time, velocity
from weld_simulator.silo.contents import CONTENTS, GRAVITY, Contents, wall_pressure
from weld_simulator.silo.wall import (
    ALLOWANCE,
    PLATES,
    THINNEST,
    corroded,
    minimum_thickness,
    ordered_thickness,
    worn,
)

WHEAT, WATER = CONTENTS["wheat"], CONTENTS["water"]
DEPTHS = np.linspace(0, 25, 40)


@pytest.mark.parametrize(("temperature", "metres_per_second"), [(-20.0, 319.0), (0.0, 331.3), (20.0, 343.2)])
def test_sound_is_faster_in_warm_air(temperature: float, metres_per_second: float) -> None:
    assert float(velocity(np.array(temperature))) == pytest.approx(metres_per_second, abs=0.2)


@given(distance=st.floats(0.1, 60), temperature=st.floats(-40, 60))
def test_a_distance_follows_from_its_echo_s_time(distance: float, temperature: float) -> None:
    warmth = np.array(temperature)
    assert float(distance_of(echo_time(np.array(distance), warmth), warmth)) == pytest.approx(distance)


# ISO 9613-2 (1996), table 2, in dB/km.
@pytest.mark.parametrize(
    ("temperature", "humidity", "at_1_khz", "at_8_khz"),
    [(10.0, 70.0, 3.7, 117.0), (20.0, 70.0, 5.0, 76.6), (30.0, 70.0, 7.4, 59.3), (15.0, 20.0, 8.2, 202.0)],
)
def test_air_absorbs_as_the_standard_s_table_says(
    temperature: float, humidity: float, at_1_khz: float, at_8_khz: float
) -> None:
    warmth, moisture = np.array(temperature), np.array(humidity)
    # The table's columns are octave bands: the exact middle of "8 kHz" is 7,943 Hz.
    assert 1e3 * float(absorption(1_000.0, warmth, moisture)) == pytest.approx(at_1_khz, rel=0.02)
    assert 1e3 * float(absorption(7_943.3, warmth, moisture)) == pytest.approx(at_8_khz, rel=0.02)


def test_a_liquid_presses_as_deep_as_it_is_and_a_bulk_solid_less_and_less_more() -> None:
    liquid = wall_pressure(WATER, DEPTHS, 6.0)
    assert liquid == pytest.approx(WATER.density * GRAVITY * DEPTHS)
    solid = wall_pressure(WHEAT, DEPTHS, 6.0)
    assert (np.diff(solid) > 0).all()
    assert (np.diff(solid, n=2) < 0).all()
    assert solid.max() < WHEAT.density * GRAVITY * 6.0 / (4 * WHEAT.friction)


def test_friction_that_vanishes_leaves_the_hydrostatic_law() -> None:
    slippery = Contents(780, 1e-9, 0.54, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert wall_pressure(slippery, DEPTHS, 6.0) == pytest.approx(0.54 * 780 * GRAVITY * DEPTHS, rel=1e-4)


@pytest.mark.parametrize("contents", CONTENTS.values(), ids=CONTENTS)
def test_a_wall_is_ordered_thicker_than_it_must_be_and_must_be_thicker_below(contents: Contents) -> None:
    minimum = minimum_thickness(contents, DEPTHS, 8.0)
    assert (np.diff(minimum) >= 0).all()
    assert minimum.min() == THINNEST
    ordered = ordered_thickness(minimum)
    assert np.isin(ordered, PLATES).all()
    assert (ordered >= minimum + ALLOWANCE - 1e-12).all()


def test_corrosion_slows_down_and_wear_does_not() -> None:
    years = np.arange(0.0, 30.0)
    corrosion = corroded(np.array(50e-6), years)
    assert corrosion[:2].tolist() == [0.0, pytest.approx(50e-6)]
    assert (np.diff(corrosion) > 0).all()
    assert (np.diff(corrosion, n=2) < 0).all()
    pressure = np.array(20e3)
    assert worn(WHEAT, 2 * pressure, 1_000.0) == pytest.approx(2 * worn(WHEAT, pressure, 1_000.0))
    assert float(worn(WATER, pressure, 1_000.0)) == 0
