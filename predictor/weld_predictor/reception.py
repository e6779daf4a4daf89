"""Takes inference requests in, whatever their protocol: opens them, and has them wait for a pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from weld_predictor.batching import MicroBatcher
from weld_predictor.calls import Call
from weld_predictor.envelopes import Envelopes
from weld_predictor.extraction import FeatureThreads
from weld_predictor.faults import FAULTS
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.pass_thread import PassThread


class Reception:
    """Belongs to one event loop."""

    def __init__(
        self,
        envelopes: Envelopes,
        batcher: MicroBatcher,
        extraction: FeatureThreads,
        passes: PassThread,
        metrics: PredictorMetrics,
        wall_clock: Callable[[], int],
    ) -> None:
        """`wall_clock`: Unix time in milliseconds."""
        self._envelopes = envelopes
        self._batcher = batcher
        self._extraction = extraction
        self._passes = passes
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._extracting: set[asyncio.Task[None]] = set()

    def take(self, call: Call) -> None:
        """Have `call` answered: it is settled once, maybe at once, with a response or an exception."""
        self._passes.deliver()
        try:
            started = time.perf_counter()
            call.open(self._envelopes, self._wall_clock)
            if call.readings is not None:
                self._metrics.stage("decode", time.perf_counter() - started)
                if call.readings.ascans is not None:
                    self._extract(call)
                    return
            self._batcher.submit(call)
        except FAULTS as error:
            call.settle(error)

    def refusal(self, readings: int, due: float) -> Exception | None:
        """What a call of `readings` would be settled with at once, so that nobody need read it."""
        self._passes.deliver()
        return self._batcher.refusal(readings, due)

    def withdraw(self, call: Call) -> None:
        """Nobody waits for `call` any more: it is not settled, and not scored if it is not yet."""
        call.is_settled = True
        self._batcher.withdraw(call)

    def _extract(self, call: Call) -> None:
        task = asyncio.get_running_loop().create_task(self._with_features(call))
        self._extracting.add(task)
        task.add_done_callback(self._extracting.discard)

    async def _with_features(self, call: Call) -> None:
        started = time.perf_counter()
        assert call.readings is not None
        try:
            call.ascans = call.readings.ascans
            call.readings = await self._extraction.features(call.readings)
            seconds = time.perf_counter() - started
            call.steps = (("features", seconds),)
            self._metrics.stage("features", seconds)
            if not call.is_settled:
                self._batcher.submit(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            call.settle(error)
