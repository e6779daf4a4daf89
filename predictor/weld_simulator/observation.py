"""What reaches a model: the features and the context of readings, as a gateway sends them, bugs included."""

from __future__ import annotations

import numpy as np

from weld_simulator.condition import struck
from weld_simulator.digitiser import Float32
from weld_simulator.features import CONTEXT, FEATURES, extract
from weld_simulator.readings import Readings
from weld_simulator.scenarios import ScenarioName
from weld_simulator.site import Site
from weld_simulator.streams import BLOCK

COLUMNS = FEATURES + CONTEXT
"""What `observe` gives: the ultrasonic features, and after them the context."""

_NAMES = [column.name for column in COLUMNS]
_LEVELS = [index for index, column in enumerate(COLUMNS) if column.unit == "dB"]
_EXCHANGED = (("wall_level", "flaw_level"), ("flaw_width", "flaw_position"), ("pressure", "temperature"))
"""The columns that the scenario `column_order_bug` exchanges."""


def observe(site: Site, tick: int, readings: Readings) -> Float32:
    """The columns `[N, len(COLUMNS)]` of readings of one block in a tick, in the order of `COLUMNS`."""
    columns = np.column_stack([extract(readings.ascans), readings.pressure, readings.temperature]).astype(np.float32)
    block, count = int(readings.sensor[0]) // BLOCK, len(columns)
    wrong_units = struck(site, tick, block, count, ScenarioName.UNITS_BUG)
    columns[wrong_units] = _in_wrong_units(columns[wrong_units])
    wrong_order = struck(site, tick, block, count, ScenarioName.COLUMN_ORDER_BUG)
    columns[wrong_order] = columns[wrong_order][:, _WRONG_ORDER]
    return columns


def _in_wrong_units(columns: Float32) -> Float32:
    """10 log10 of amplitudes in place of 20 log10, bar in place of MPa, °F in place of °C."""
    changed = columns.copy()
    changed[:, _LEVELS] /= 2
    changed[:, _NAMES.index("pressure")] *= 10
    changed[:, _NAMES.index("temperature")] = changed[:, _NAMES.index("temperature")] * np.float32(1.8) + 32
    return changed


def _wrong_order() -> list[int]:
    order = list(range(len(_NAMES)))
    for one, other in _EXCHANGED:
        first, second = _NAMES.index(one), _NAMES.index(other)
        order[first], order[second] = second, first
    return order


_WRONG_ORDER = _wrong_order()
