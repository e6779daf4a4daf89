"""The platform is looked at again and again, and whoever depends on it is told."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_operator.adapters import prometheus
from weld_operator.adapters.cluster import UnreachableError
from weld_operator.domain.platform import GatewayName
from weld_operator.kinds import GATEWAY, HTTP_ROUTE, INFERENCE_SERVICE, Kind, Object
from weld_operator.metrics import Metrics
from weld_operator.platform_observer import PlatformObserver
from weld_operator.platform_watch import PlatformWatch

NAME = GatewayName("kserve", "kserve-ingress-gateway")


def _gateway() -> Object:
    conditions = [{"type": kind, "status": "True"} for kind in ("Accepted", "Programmed")]
    return {"metadata": {"namespace": NAME.namespace, "name": NAME.name}, "status": {"conditions": conditions}}


class Site:
    """A watch, its cluster, and what it has told."""

    def __init__(self, *unserved: Kind) -> None:
        self.cluster = InMemoryCluster(unserved=set(unserved))
        self.clock = HandClock()
        self.metrics = Metrics()
        self.watch = PlatformWatch(PlatformObserver(self.cluster, NAME, None), self.clock, self.metrics)
        self.told: list[str] = []

    @property
    def reasons(self) -> list[str]:
        return [each.reason for each in self.watch.shortcomings or ()]

    async def go_on(self, seconds: float) -> None:
        """Let the watch look for so long."""
        until = self.clock.elapsed + seconds
        keeping = asyncio.create_task(
            self.watch.keep(
                on_change=lambda: self.told.append("change"), on_new_kinds=lambda: self.told.append("new kinds")
            )
        )
        for _ in range(10_000):
            if self.clock.elapsed >= until:
                break
            await asyncio.sleep(0)
        keeping.cancel()


async def test_what_comes_later_is_found_and_told_once() -> None:
    site = Site(INFERENCE_SERVICE, HTTP_ROUTE)
    await site.watch.look()
    assert site.reasons == ["KServeMissing", "GatewayApiMissing"]
    site.cluster.unserved.clear()
    site.cluster.put(GATEWAY, _gateway())
    await site.go_on(10)
    assert site.reasons == []
    assert site.told == ["new kinds", "change"]
    assert site.metrics.registry.get_sample_value("weldserve_operator_platform_ready") == 1


async def test_what_goes_is_found_too() -> None:
    site = Site()
    site.cluster.put(GATEWAY, _gateway())
    await site.watch.look()
    assert site.reasons == []
    site.cluster.remove(GATEWAY, *NAME)
    await site.go_on(130)
    assert site.reasons == ["GatewayMissing"]
    assert site.told == ["change"]
    assert site.metrics.registry.get_sample_value("weldserve_operator_platform_ready") == 0


async def test_an_api_server_that_does_not_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    await site.watch.look()
    assert site.reasons == ["GatewayMissing"]

    async def away(_: Kind) -> bool:
        raise UnreachableError("nobody is there")

    monkeypatch.setattr(site.cluster, "serves", away)
    assert await site.watch.look() == frozenset()
    assert site.reasons == ["GatewayMissing"]


async def test_an_old_kserve_is_known_by_its_schema() -> None:
    site = Site()
    site.cluster.lacking.add("status.deploymentMode")
    site.cluster.put(GATEWAY, _gateway())
    await site.watch.look()
    assert site.reasons == ["KServeTooOld"]


@pytest.mark.parametrize(
    ("status", "body", "version", "fault"),
    [
        (200, {"status": "success", "data": {"version": "3.1.0"}}, "3.1.0", ""),
        (200, {"status": "success"}, "", "not answered as by Prometheus"),
        (200, "no JSON", "", "Expecting value"),
        (503, {}, "", "answered with 503"),
    ],
)
async def test_a_prometheus_is_asked_what_it_is(status: int, body: object, version: str, fault: str) -> None:
    async def build_info(_: web.Request) -> web.Response:
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/api/v1/status/buildinfo", build_info)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        seen = await prometheus.look(f"http://127.0.0.1:{port}/")
    finally:
        await runner.cleanup()
    assert seen.version == version
    assert fault in seen.fault
    assert bool(seen.fault) == bool(fault)


async def test_a_prometheus_that_is_away_is_a_fault() -> None:
    seen = await prometheus.look("http://127.0.0.1:1")
    assert seen.fault
