"""Measuring campaigns: readings of many sites at many instants, for training and for evaluation.

Sites of one purpose share no seed with those of another, so that a model never meets a site again that it has learnt
from. Each sensor is read once in a campaign: readings of one sensor are not independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from weld_simulator.digitiser import Float32
from weld_simulator.observation import COLUMNS, observe
from weld_simulator.readings import measure_block
from weld_simulator.scenarios import Scenarios
from weld_simulator.site import COMMISSIONED, Site

SENSORS = 2_000
"""Of each site: 20 km, the whole way between two pump stations."""


class Use(IntEnum):
    """What sites are for. A number, once used, keeps its meaning."""

    TRAINING = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True)
class Period:
    """Instants are drawn from it, for each block of sensors one."""

    begin: datetime
    end: datetime


LABORATORY = Period(COMMISSIONED, COMMISSIONED + timedelta(days=731))
"""The first two years of each site: what training, validation and the laboratory's test see."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Readings of some sites; arrays `[N]`, columns `[N, len(COLUMNS)]`."""

    columns: Float32
    at_risk: npt.NDArray[np.bool_]
    """The truth."""
    site: npt.NDArray[np.int64]
    """Number of the site that each reading is from."""


def site_of(seed: int, use: Use, number: int, scenarios: Scenarios = ()) -> Site:
    """One site of a purpose; its own seed is far from any that a person would give."""
    own = int(np.random.SeedSequence((seed, int(use), number)).generate_state(1, np.uint64)[0])
    return Site(f"{use.name.lower()}-{number}", own, SENSORS, scenarios=scenarios)


def run(seed: int, use: Use, sites: int, period: Period = LABORATORY, scenarios: Scenarios = ()) -> Campaign:
    """Read each sensor of so many sites once. The same arguments give the same readings."""
    columns, at_risk, numbers = [], [], []
    for number in range(sites):
        site = site_of(seed, use, number, scenarios)
        for block in site.blocks:
            instant = np.random.default_rng((site.seed, block)).uniform()
            tick = site.tick_at(period.begin + (period.end - period.begin) * instant)
            readings = measure_block(site, tick, block)
            columns.append(observe(site, tick, readings))
            at_risk.append(readings.at_risk)
            numbers.append(np.full(len(readings.sensor), number, dtype=np.int64))
    if not columns:
        return Campaign(np.empty((0, len(COLUMNS)), np.float32), np.empty(0, bool), np.empty(0, np.int64))
    return Campaign(np.concatenate(columns), np.concatenate(at_risk), np.concatenate(numbers))
