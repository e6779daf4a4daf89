"""Campaigns keep sites apart and read each sensor once; intervals respect that sites are clusters."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from weld_simulator.campaign import LABORATORY, SENSORS, Use, run, site_of
from weld_simulator.evaluation import performance, threshold_for_recall
from weld_simulator.intervals import estimate
from weld_simulator.observation import COLUMNS
from weld_simulator.profile import BINS, PROBABILITIES, profile_of
from weld_simulator.scenario_evaluation import LABORATORY_NAME, OPERATION_NAME, SWITCHED_ON, conditions
from weld_simulator.scenarios import ScenarioName


def test_sites_of_different_uses_seeds_and_numbers_share_nothing() -> None:
    seeds = {site_of(seed, use, number).seed for seed in range(3) for use in Use for number in range(50)}
    assert len(seeds) == 3 * len(Use) * 50


def test_a_campaign_reads_each_sensor_once_and_again_the_same() -> None:
    one, two = run(3, Use.TEST, 1), run(3, Use.TEST, 2)
    assert one.columns.shape == (SENSORS, len(COLUMNS))
    assert two.columns[:SENSORS].tobytes() == one.columns.tobytes()
    assert np.bincount(two.site).tolist() == [SENSORS, SENSORS]
    assert np.isfinite(two.columns).all()


def test_a_campaign_of_no_site_is_empty() -> None:
    assert run(3, Use.TEST, 0).columns.shape == (0, len(COLUMNS))


def test_each_scenario_and_the_laboratory_are_evaluated_once() -> None:
    names = [condition.name for condition in conditions()]
    assert names == [LABORATORY_NAME, *(name.value for name in ScenarioName), OPERATION_NAME]


def test_readings_under_a_scenario_are_taken_after_its_date_and_after_training() -> None:
    for condition in conditions()[1:]:
        assert all(each.since == SWITCHED_ON for each in condition.scenarios)
        assert condition.period.begin >= SWITCHED_ON >= LABORATORY.end - timedelta(days=1)
        assert condition.period.end > condition.period.begin


def clustered(spread: float) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]:
    """Risks that are right or wrong, more alike within each of 30 sites the larger the spread."""
    draw = np.random.default_rng(1)
    site = np.repeat(np.arange(30), 200)
    right = draw.uniform(size=site.size) < np.clip(0.8 + spread * draw.standard_normal(30), 0, 1)[site]
    return np.ones(site.size, dtype=np.float32), right, site.astype(np.int64)


def test_an_interval_holds_its_estimate_and_widens_when_sites_differ() -> None:
    widths = []
    for spread in (0.0, 0.15):
        risk, truth, site = clustered(spread)
        found = estimate(risk, truth, site, 0.5)
        assert found.precision.lowest <= found.performance.precision <= found.precision.highest
        assert found.recall == (1, 1)
        widths.append(found.precision.highest - found.precision.lowest)
    # Independent readings: 2 * 1.96 * sqrt(0.8 * 0.2 / 6000).
    assert widths[0] == pytest.approx(0.020, rel=0.4)
    assert widths[1] > 3 * widths[0]


def test_the_threshold_for_a_recall_is_the_highest_that_reaches_it() -> None:
    risk = np.array([0.1, 0.4, 0.5, 0.92, 0.95], dtype=np.float32)
    truth = np.array([0, 1, 0, 1, 1], dtype=bool)
    threshold = threshold_for_recall(risk, truth, 2 / 3)
    assert threshold == pytest.approx(0.92)
    assert performance(risk, truth, threshold).recall == pytest.approx(2 / 3)
    assert performance(risk, truth, threshold + 1e-4).recall < 2 / 3
    with pytest.raises(ValueError, match=r"no threshold gives recall 0\.5 on 5 readings"):
        threshold_for_recall(risk, np.zeros(5, dtype=bool), 0.5)


def test_a_profile_counts_every_reading() -> None:
    draw = np.random.default_rng(2)
    columns = draw.normal(size=(5_000, 3)).astype(np.float32)
    columns[:, 1] = -2 * columns[:, 0]
    columns[:, 2] = 7
    columns[:10, 0] = np.nan
    profile = profile_of(["a", "b", "constant"], columns)
    first, second, constant = profile.inputs
    assert (first.missing, sum(first.counts)) == (10, 4_990)
    assert sum(second.counts) == sum(constant.counts) == 5_000
    assert len(first.counts) == BINS
    assert dict(zip(PROBABILITIES, first.quantiles, strict=True))[0.5] == pytest.approx(0, abs=0.05)
    assert np.array(profile.correlation) == pytest.approx(np.array([[1, -1, 0], [-1, 1, 0], [0, 0, 0]]), abs=1e-3)
