"""Pods that show metrics over HTTP on loopback, just as a test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from tests.sandbox.process import free_port
from weld_operator.desired.metadata import revision_labels
from weld_operator.kinds import Object

NAMESPACE = "plant-a"
HOST = "127.0.0.1"
SECONDS_OF_SILENCE = 30.0


@dataclass(frozen=True)
class Place:
    """Where a Pod can be: the name that it has there, and the port that it listens on."""

    revision: str
    pod: str
    port: int

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def labels(self) -> dict[str, str]:
        """As the PodMonitor of our chart gives them."""
        return {"namespace": NAMESPACE, "pod": self.pod}


def places(revision: str, names: Sequence[str]) -> tuple[Place, ...]:
    return tuple(Place(revision, f"{revision}-predictor-6f9c4d-{name}", free_port(HOST)) for name in names)


@dataclass
class ExpositionPod:
    """One Pod with its counters, by name and labels as they are written.

    `process_start`: Unix time. `status` and `body`: what it answers instead of its metrics. `is_slow`: it keeps silent.
    """

    place: Place
    uid: str
    process_start: float
    counters: dict[tuple[str, str], float] = field(default_factory=dict)
    status: int = 200
    body: str | None = None
    is_slow: bool = False
    _runner: web.AppRunner | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/metrics", self._answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.place.port).start()

    async def stop(self) -> None:
        self._ended.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def shows_metrics(self) -> bool:
        return self._runner is not None and self.status == 200 and self.body is None and not self.is_slow

    def count(self, metric: str, rise: float, labels: str = "") -> None:
        """Count, of a series whose labels are written such as `status="200"`."""
        self.counters[metric, labels] = self.counters.get((metric, labels), 0.0) + rise

    def restart(self) -> None:
        """Another process, which has counted nothing yet."""
        self.counters = {}
        self.process_start = time.time()

    def as_object(self) -> Object:
        """The Pod as the API server shows it."""
        port = {"name": "http1", "containerPort": self.place.port}
        return {
            "metadata": {
                "name": self.place.pod,
                "namespace": NAMESPACE,
                "uid": self.uid,
                "labels": revision_labels(self.place.revision),
            },
            "spec": {"containers": [{"name": "kserve-container", "ports": [port]}]},
            "status": {"phase": "Running", "podIP": HOST, "conditions": [{"type": "Ready", "status": "True"}]},
        }

    async def _answer(self, _: web.Request) -> web.Response:
        if self.is_slow:
            async with asyncio.timeout(SECONDS_OF_SILENCE):
                await self._ended.wait()
        return web.Response(status=self.status, text=self._page() if self.body is None else self.body)

    def _page(self) -> str:
        samples = [f"{metric}{{{labels}}} {value}" for (metric, labels), value in self.counters.items()]
        return "\n".join([f"process_start_time_seconds {self.process_start}", *samples, ""])
