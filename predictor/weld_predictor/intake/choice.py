"""Which memory of sensors serves: the compiled one where there is one."""

from __future__ import annotations

import logging

from weld_predictor.intake.arrays import ArrayMemory
from weld_predictor.intake.compiled import CompiledMemory, is_built
from weld_predictor.intake.memory import SensorMemory
from weld_predictor.intake.policy import Policy

_log = logging.getLogger(__name__)


def open_memory(policy: Policy) -> SensorMemory:
    """A memory that knows no sensor yet."""
    if is_built():
        return CompiledMemory(policy)
    _log.warning("sensors are remembered in numpy, which is slower", extra={"reason": "compiled memory not built"})
    return ArrayMemory(policy)
