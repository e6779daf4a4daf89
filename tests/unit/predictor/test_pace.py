"""How long a pass takes is learnt, and forgotten when it changes."""

import random

import pytest

from weld_predictor.pace import Pace


def learnt(start: float, each: float, passes: int = 500, pace: Pace | None = None) -> Pace:
    source = random.Random(3)
    pace = pace or Pace()
    for _ in range(passes):
        readings = source.randint(1, 5000)
        pace.learn(readings, (start + each * readings) * source.uniform(0.9, 1.1))
    return pace


def test_nothing_is_known_before_the_first_pass() -> None:
    assert not Pace().is_known
    assert Pace().seconds(1000) == 0


def test_after_one_pass_time_grows_with_readings() -> None:
    pace = Pace()
    pace.learn(100, 0.001)
    assert pace.is_known
    assert pace.seconds(200) == pytest.approx(0.002)


@pytest.mark.parametrize("readings", [1, 1000, 5000])
def test_readings_within_the_seconds_of_so_many_are_so_many(readings: int) -> None:
    pace = learnt(0.001, 1e-6)
    assert pace.readings_within(pace.seconds(readings)) == pytest.approx(readings)


def test_no_pass_is_within_less_than_the_shortest() -> None:
    assert Pace().readings_within(1) == 0
    assert learnt(0.001, 1e-6).readings_within(0.0001) == 0


@pytest.mark.parametrize("readings", [1, 1000, 5000])
def test_start_and_time_of_each_reading_are_told_apart(readings: int) -> None:
    assert learnt(0.001, 1e-6).seconds(readings) == pytest.approx(0.001 + 1e-6 * readings, rel=0.25)


def test_a_slower_scorer_is_noticed() -> None:
    pace = learnt(0, 2e-6, passes=200, pace=learnt(0, 1e-6))
    assert pace.seconds(3000) == pytest.approx(0.006, rel=0.15)


def test_a_pass_that_was_held_up_is_not_believed() -> None:
    pace = learnt(0, 1e-6)
    pace.learn(3000, 10.0)
    assert pace.seconds(3000) == pytest.approx(0.003, rel=0.3)
