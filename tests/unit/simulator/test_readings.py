"""A site's readings depend on its seed and on nothing else, and come with their times and their truth."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

import numpy as np
import pytest

from weld_simulator.digitiser import FULL_SCALE, SAMPLES, digitise
from weld_simulator.features import extract
from weld_simulator.flaws import FlawKind
from weld_simulator.readings import DELIVERY_MS, JITTER_MS, Readings, measure, measure_block
from weld_simulator.site import TICK_MS, Site
from weld_simulator.streams import BLOCK

SITE = Site("north-line", seed=7, size=2 * BLOCK)
START = 1_800_000_000_000


@pytest.fixture(scope="module")
def block() -> Readings:
    return measure_block(SITE, tick=3, block=1, start=START)


def test_the_same_seed_gives_the_same_readings(block: Readings) -> None:
    again = measure_block(Site("south-line", seed=7, size=2 * BLOCK), tick=3, block=1, start=START)
    np.testing.assert_array_equal(again.ascans, block.ascans)
    np.testing.assert_array_equal(again.delivered_at, block.delivered_at)


def test_another_seed_gives_other_readings(block: Readings) -> None:
    other = measure_block(Site("north-line", seed=8, size=2 * BLOCK), tick=3, block=1)
    assert not np.array_equal(other.ascans, block.ascans)
    assert not np.array_equal(other.flaws.size, block.flaws.size)


def test_readings_do_not_depend_on_what_else_is_simulated(block: Readings) -> None:
    site = Site("north-line", seed=7, size=2 * BLOCK)
    list(measure(site, tick=9))
    chunks = list(measure(site, tick=3, start=START))
    np.testing.assert_array_equal(chunks[1].ascans, block.ascans)
    assert [len(chunk.sensor) for chunk in chunks] == [BLOCK, BLOCK]


def test_a_small_site_is_the_beginning_of_a_large_one(block: Readings) -> None:
    small = Site("north-line", seed=7, size=BLOCK + 10)
    first, second = measure(small, tick=3, start=START)
    assert (len(first.sensor), len(second.sensor)) == (BLOCK, 10)
    np.testing.assert_array_equal(second.ascans, block.ascans[:10])
    np.testing.assert_array_equal(second.delivered_at, block.delivered_at[:10])
    np.testing.assert_array_equal(second.flaws.size, block.flaws.size[:10])


def test_sensors_are_numbered_and_named() -> None:
    numbers = np.concatenate([chunk.sensor for chunk in measure(SITE, tick=0)])
    np.testing.assert_array_equal(numbers, np.arange(SITE.size))
    names = SITE.sensor_ids()
    assert names[42] == "north-line-00042"
    assert len(set(names)) == SITE.size


def test_a_reading_is_sampled_with_its_tick_and_delivered_with_jitter(block: Readings) -> None:
    assert set(block.sampled_at) == {START + 3 * TICK_MS}
    delay = block.delivered_at - block.sampled_at
    assert delay.min() >= 0
    assert delay.mean() == pytest.approx(DELIVERY_MS, abs=3)
    assert delay.std() == pytest.approx(JITTER_MS, rel=0.1)


def test_a_sensor_sees_the_same_structure_in_each_tick() -> None:
    first, second = (measure_block(SITE, tick, block=0).ascans[:, 100:150].astype(float) for tick in (0, 1))
    assert not np.array_equal(first, second)
    same = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)])
    others = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(first, second[1:], strict=False)])
    assert same > 0.5
    assert abs(others) < 0.1


def test_memory_does_not_grow_with_the_number_of_readings() -> None:
    peaks = []
    for blocks in (2, 8):
        site = Site("north-line", seed=7, size=blocks * BLOCK)
        list(map(len, (site.sensors.wall, site.flaws.size)))
        tracemalloc.start()
        for chunk in measure(site, tick=0):
            assert len(extract(chunk.ascans)) == BLOCK
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_ticks_years_apart_are_simulated_without_those_between() -> None:
    tick = SITE.tick_at(SITE.commissioned + timedelta(days=3_000))
    later = measure_block(SITE, tick, block=1)
    assert later.sampled_at[0] == round((SITE.commissioned + timedelta(days=3_000)).timestamp() * 1000)
    np.testing.assert_array_equal(later.ascans, list(measure(SITE, tick))[1].ascans)


def test_an_ascan_is_512_codes_that_saturate(block: Readings) -> None:
    assert block.ascans.shape == (BLOCK, SAMPLES)
    assert block.ascans.dtype == np.int16
    saturated = np.abs(block.ascans.astype(int)) >= FULL_SCALE
    assert saturated[:, :20].any(axis=1).all()
    codes = digitise(np.array([[-9.0, -1.0, 0.0, 0.5, 1.0, 9.0]], dtype=np.float32))
    assert codes.tolist() == [[-FULL_SCALE, -FULL_SCALE, 0, 16384, FULL_SCALE, FULL_SCALE]]


def test_a_few_welds_are_at_risk_and_the_truth_says_why(block: Readings) -> None:
    assert 0.02 < block.at_risk.mean() < 0.1
    flaws = block.flaws
    assert (flaws.kind[block.at_risk] != FlawKind.NONE).all()
    assert (flaws.size[block.at_risk] >= 2e-3).all()
    sound = flaws.kind == FlawKind.NONE
    assert (flaws.size[sound] == 0).all()
    assert (flaws.depth[~sound] < SITE.sensors.take(slice(BLOCK, 2 * BLOCK)).ordered_wall[~sound]).all()


@pytest.mark.parametrize("size", [0, -5])
def test_a_site_has_sensors(size: int) -> None:
    with pytest.raises(ValueError, match=f"at least one sensor, not {size}"):
        Site("empty", seed=1, size=size)
