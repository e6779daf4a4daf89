"""Predictors as far as a metric source sees of them: one `/metrics` for each Pod, at its own address.

The counters rise with the time as those of a predictor under load would. What it compares as the stable revision
follows from the ConfigMap that tells it whom it shadows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aiohttp import web

from weld_api import metric_names as metrics
from weld_api.shadow import SHADOW_LABEL_LENGTH, ShadowOrder

PORT = 8080
QUICK_SECONDS = 0.005
BUCKETS = ("0.001", "0.01", "0.1", "1.0", "+Inf")
READINGS_PER_REQUEST = 100


@dataclass(frozen=True)
class Behaviour:
    """How the predictors of a bundle do: readings in a second, and shares from 0 to 1."""

    readings_per_second: float = 20_000
    failing: float = 0.0
    """Of its requests, those that it answers with 500."""
    disagreeing: float = 0.0
    """Of the readings compared, those that it decides differently than the stable revision."""


Orders = Callable[[], ShadowOrder | None]
"""Whom this Pod's revision shadows now."""
Behaviours = Callable[[str], Behaviour]
"""By digest."""


@dataclass
class PlayedPod:
    """The counters of one Pod, by metric and labels as they are exposed."""

    version: str
    digest: str
    behaviours: Behaviours
    orders: Orders
    counted_until: float = field(default_factory=time.monotonic)
    counters: dict[str, float] = field(default_factory=dict)

    def exposed(self, now: float) -> str:
        """The text that a scrape gets at `now`, in seconds of the monotonic clock."""
        seconds, self.counted_until = now - self.counted_until, now
        for series, rise in (*self._served(seconds), *self._compared(seconds)):
            self.counters[series] = self.counters.get(series, 0.0) + rise
        lines = [f"{series} {value:.3f}" for series, value in sorted(self.counters.items())]
        return "\n".join([*lines, ""])

    def _served(self, seconds: float) -> Iterator[tuple[str, float]]:
        behaviour = self.behaviours(self.digest)
        readings = behaviour.readings_per_second * seconds
        requests = readings / READINGS_PER_REQUEST
        for protocol in ("rest", "shadow"):
            yield self._series(metrics.REQUESTS, protocol=protocol, status="200"), requests * (1 - behaviour.failing)
            yield self._series(metrics.REQUESTS, protocol=protocol, status="500"), requests * behaviour.failing
            for bound in BUCKETS:
                within = requests if float(bound) >= QUICK_SECONDS else 0.0
                yield self._series(metrics.REQUEST_SECONDS_BUCKET, protocol=protocol, le=bound), within
        yield self._series(metrics.READINGS), readings
        yield self._series(metrics.SCORED_READINGS), readings
        yield self._series(metrics.PASSES), requests
        yield self._series(metrics.STAGE_SECONDS, stage="score"), requests * QUICK_SECONDS / 2

    def _compared(self, seconds: float) -> Iterator[tuple[str, float]]:
        order = self.orders()
        if order is None:
            return
        candidate = order.digest[:SHADOW_LABEL_LENGTH]
        readings = self.behaviours(self.digest).readings_per_second * seconds * order.share / 100
        different = readings * self.behaviours(order.digest).disagreeing
        results = {"agreed": readings - different, "disagreed": different}
        for result, rise in results.items():
            yield self._series(metrics.SHADOW_READINGS, candidate=candidate, result=result), rise

    def _series(self, metric: str, **labels: str) -> str:
        # A site and a region are among the labels of a real one.
        common = {"model": "played", "version": self.version, "site": "north-line", "region": "br"}
        pairs = ",".join(f"{name}={json.dumps(value)}" for name, value in (common | labels).items())
        return f"{metric}{{{pairs}}}"


class PlayedPredictors:
    """The endpoints of all played Pods, by their addresses on loopback."""

    def __init__(self) -> None:
        self._pods: dict[str, PlayedPod] = {}
        self._sites: dict[str, web.TCPSite] = {}
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)

    async def start(self) -> None:
        await self._runner.setup()

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def add(self, address: str, pod: PlayedPod) -> None:
        """Answer scrapes of this address from now on."""
        self._pods[address] = pod
        site = self._sites[address] = web.TCPSite(self._runner, address, PORT)
        await site.start()

    async def remove(self, address: str) -> None:
        del self._pods[address]
        await self._sites.pop(address).stop()

    async def _metrics(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        address = request.transport.get_extra_info("sockname")[0]
        return web.Response(text=self._pods[address].exposed(time.monotonic()))
