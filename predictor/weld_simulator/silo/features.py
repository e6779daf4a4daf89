"""The columns that a model sees: what the gauges of an inspection point tell, with units and ranges."""

from __future__ import annotations

import numpy as np

from weld_api.card import ModelInput
from weld_simulator.digitiser import Float32, Float64
from weld_simulator.silo.readings import SiloReadings
from weld_simulator.steel import velocity


def _sensor(name: str, unit: str, minimum: float, maximum: float) -> ModelInput:
    return ModelInput(name=name, unit=unit, minimum=minimum, maximum=maximum)


INPUTS: tuple[ModelInput, ...] = (
    _sensor("wall_time", "µs", 0.0, 20.0),
    _sensor("wall_level", "dB", -90.0, 6.0),
    _sensor("repetition_time", "µs", 0.0, 20.0),
    _sensor("repetition_level", "dB", -90.0, 6.0),
    _sensor("wall_noise", "dB", -90.0, 0.0),
    _sensor("wall_temperature", "degC", -60.0, 120.0),
    _sensor("wall_thickness", "mm", 0.0, 60.0),
    _sensor("wall_margin", "1", 0.0, 20.0),
    _sensor("repetition_margin", "1", 0.0, 20.0),
    _sensor("level_time", "ms", 0.0, 250.0),
    _sensor("level_echo", "dB", -130.0, 10.0),
    _sensor("level_noise", "dB", -130.0, 10.0),
    _sensor("level_spread", "mm", 0.0, 20_000.0),
    _sensor("level", "1", -1.0, 1.2),
    _sensor("level_change", "m/h", -60.0, 60.0),
    _sensor("air_temperature", "degC", -60.0, 80.0),
    ModelInput(name="expected_change", unit="m/h", minimum=-60.0, maximum=60.0, source="Context"),
)
"""All of them, in the order of the columns; margins are thicknesses over the least that is allowed."""


def columns_of(readings: SiloReadings) -> Float32:
    """The columns `[POSITIONS, len(INPUTS)]` of the readings of a silo."""
    speed = velocity(readings.wall_temperature)
    thickness, repeated = readings.echoes.time * speed / 2, readings.echoes.spacing * speed / 2
    surface = readings.surface
    values: dict[str, Float64 | float] = {
        "wall_time": readings.echoes.time * 1e6,
        "wall_level": readings.echoes.level,
        "repetition_time": readings.echoes.spacing * 1e6,
        "repetition_level": readings.echoes.repetition,
        "wall_noise": readings.noise,
        "wall_temperature": readings.wall_temperature,
        "wall_thickness": thickness * 1e3,
        "wall_margin": thickness / readings.minimum,
        "repetition_margin": repeated / readings.minimum,
        "level_time": surface.time * 1e3,
        "level_echo": surface.level,
        "level_noise": surface.noise,
        "level_spread": surface.spread * 1e3,
        "level": readings.level / readings.height,
        "level_change": readings.change,
        "air_temperature": readings.air_temperature,
        "expected_change": readings.expected_change,
    }
    count = len(readings.minimum)
    return np.column_stack([np.broadcast_to(values[each.name], count) for each in INPUTS]).astype(np.float32)
