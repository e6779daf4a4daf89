"""A clock that goes when a test says so."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from tests.unit.operator.cluster_objects import NOW


class HandClock:
    """Time stands still but for `advance` and `sleep`, which lets its time pass at once."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
