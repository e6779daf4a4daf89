"""Where metrics of predictors come from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from weld_operator.domain.gates.measurement import Metric, Reading


class MetricSource(Protocol):
    """Answers what gates ask. Nothing that goes wrong with it is raised: it is the fault of a reading."""

    async def measure(self, questions: Collection[Metric], since: datetime, now: datetime) -> Mapping[Metric, Reading]:
        """An answer to each question, about the time from `since` to `now`, both in UTC.

        What was not seen from `since` on is not made up: the reading says from when on it counted.
        """
