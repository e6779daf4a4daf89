"""The port at which the operator is asked how it is: /healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from weld_operator.metrics import Metrics

Check = Callable[[], str]
"""Gives an empty text when all is well, or else one sentence."""


class HealthServer:
    """Serves HTTP on one address; `port` is the real one after `start`."""

    def __init__(self, address: str, port: int, *, healthy: Check, ready: Check, metrics: Metrics) -> None:
        self.port = port
        self._address = address
        self._healthy = healthy
        self._ready = ready
        self._metrics = metrics
        application = web.Application()
        application.router.add_get("/healthz", self._answer_healthy)
        application.router.add_get("/readyz", self._answer_ready)
        application.router.add_get("/metrics", self._answer_metrics)
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer_healthy(self, _: web.Request) -> web.Response:
        return _answer(self._healthy())

    async def _answer_ready(self, _: web.Request) -> web.Response:
        return _answer(self._ready())

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})


def _answer(trouble: str) -> web.Response:
    return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)
