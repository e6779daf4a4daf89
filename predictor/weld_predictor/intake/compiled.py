"""Our own: the memory of sensors in compiled form."""

from __future__ import annotations

import secrets
from datetime import timedelta
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.memory import Recollection
from weld_predictor.intake.policy import Policy
from weld_predictor.intake.readings import Readings

try:
    from weld_predictor.intake import _native
except ImportError:  # where there was no compiler when this was installed
    compiled: ModuleType | None = None
else:
    compiled = _native

_MILLISECOND = timedelta(milliseconds=1)


class CompiledMemory:
    """As `SensorMemory`. Its arrays are asked for whole at the start, and the system fills them in as sensors come."""

    name = "compiled"

    def __init__(self, policy: Policy) -> None:
        """Raises RuntimeError where `is_built` says that it is not."""
        if compiled is None:
            raise RuntimeError("the compiled memory of sensors was not built")
        self._memory: _native.Memory = compiled.Memory(
            most=policy.most_sensors,
            seed=secrets.token_bytes(compiled.SEED_BYTES),
            sampling=int(policy.sampling),
            every=policy.every,
            silence=policy.longest_silence // _MILLISECOND,
            repeat_for=policy.repeat_for // _MILLISECOND,
            reject_late=policy.reject_late,
            columns=np.array([column for column, _ in policy.dead_bands], np.intc),
            bands=np.array([width for _, width in policy.dead_bands], np.float64),
        )

    def recall(self, readings: Readings, flags: NDArray[np.uint32], now: float) -> Recollection:
        rows = np.empty(len(readings), np.intc)
        features = np.ascontiguousarray(readings.features)
        scored, *others = self._memory.recall(
            readings.sensor_id, readings.sampled_at, flags, features, rows, int(now * 1000), readings.untimed
        )
        return Recollection(rows[:scored], *others)

    def keep(self, risk: NDArray[np.float32]) -> None:
        self._memory.keep(risk)

    def forget(self) -> None:
        self._memory.forget()

    @property
    def sensors(self) -> int:
        return self._memory.sensors()

    @property
    def forgotten(self) -> int:
        return self._memory.forgotten()

    def bytes_at(self, sensors: int) -> int:
        return self._memory.bytes_at(sensors)


def is_built() -> bool:
    """Whether there was a compiler where this was installed."""
    return compiled is not None
