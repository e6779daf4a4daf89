"""Features of waveforms, on a thread of their own: tens of microseconds for each, which the event loop cannot spare."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from weld_predictor.batching import QueueFullError
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.readings import Readings, with_features


class FeatureThread:
    """Takes the features of one request after the other; belongs to one event loop."""

    def __init__(self, queue_readings: int) -> None:
        """`queue_readings`: most readings that may wait for their features, those under way included."""
        self._most = queue_readings
        self._waiting = 0
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="features")

    @property
    def waiting(self) -> int:
        """Readings that wait for their features."""
        return self._waiting

    async def features(self, readings: Readings, form: InputForm) -> Readings:
        """As `with_features`. Raises QueueFullError at once if too many readings would wait."""
        if self._waiting + len(readings) > self._most:
            raise QueueFullError(
                f"{self._waiting} waveforms wait already and {len(readings)} came, "
                f"at most {self._most} may wait; come again later"
            )
        self._waiting += len(readings)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, with_features, readings, form)
        finally:
            self._waiting -= len(readings)

    def close(self) -> None:
        """End the thread, when the request under way has its features."""
        self._executor.shutdown()
