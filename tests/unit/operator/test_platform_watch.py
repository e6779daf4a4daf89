"""The platform is looked at again and again, and whoever depends on it is told."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_operator.adapters import prometheus
from weld_operator.adapters.cluster import RefusedError, UnreachableError
from weld_operator.domain.platform import GatewayName, PrometheusObservation
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

    @property
    def parts(self) -> dict[str, float]:
        """What the metric says of each part."""
        families = {family.name: family.samples for family in self.metrics.registry.collect()}
        return {sample.labels["part"]: sample.value for sample in families["weldserve_operator_platform_ready"]}

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
    assert site.parts == {"KServe": 0, "GatewayApi": 0}
    site.cluster.unserved.clear()
    site.cluster.put(GATEWAY, _gateway())
    await site.go_on(10)
    assert site.reasons == []
    assert site.told == ["new kinds", "change"]
    assert site.parts == {"KServe": 1, "GatewayApi": 1, "Gateway": 1}


async def test_what_goes_is_found_too() -> None:
    site = Site()
    site.cluster.put(GATEWAY, _gateway())
    await site.watch.look()
    assert site.reasons == []
    site.cluster.remove(GATEWAY, *NAME)
    await site.go_on(130)
    assert site.reasons == ["GatewayMissing"]
    assert site.told == ["change"]
    assert site.parts == {"KServe": 1, "GatewayApi": 1, "Gateway": 0}


async def test_an_api_server_that_does_not_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    await site.watch.look()
    assert site.reasons == ["GatewayMissing"]

    async def away(_: Kind) -> bool:
        raise UnreachableError("nobody is there")

    monkeypatch.setattr(site.cluster, "serves", away)
    assert await site.watch.look() == frozenset()
    assert site.reasons == ["GatewayMissing"]


async def test_a_first_look_that_fails_is_followed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.cluster.put(GATEWAY, _gateway())
    with monkeypatch.context() as patched:

        async def away(_: Kind) -> bool:
            raise UnreachableError("nobody is there")

        patched.setattr(site.cluster, "serves", away)
        await site.watch.look()
    assert site.watch.shortcomings is None
    await site.go_on(4)
    assert site.watch.shortcomings == ()
    assert site.told == ["new kinds", "change"]


async def test_a_gateway_that_may_not_be_read_is_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()

    async def forbidden(*_: object) -> Object:
        raise RefusedError("gateways is forbidden")

    monkeypatch.setattr(site.cluster, "get", forbidden)
    await site.watch.look()
    assert site.reasons == ["GatewayUnreadable"]


async def test_each_change_is_logged_and_nothing_at_rest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="weld_operator.platform_watch")
    site = Site()
    await site.watch.look()
    await site.watch.look()
    site.cluster.put(GATEWAY, _gateway())
    await site.watch.look()
    await site.watch.look()
    assert caplog.messages == [
        "The platform falls short, GatewayMissing: Gateway kserve/kserve-ingress-gateway does not exist: "
        "make it, or name another one",
        "The platform has all that is needed: KServe, GatewayApi, Gateway",
    ]


async def test_an_old_kserve_is_known_by_its_schema() -> None:
    site = Site()
    site.cluster.lacking.add("status.servingRuntimeName")
    site.cluster.put(GATEWAY, _gateway())
    await site.watch.look()
    assert site.reasons == ["KServeTooOld"]


class Store:
    """What plays a Prometheus: the answers by path; a path without one is answered with 404."""

    def __init__(self, answers: dict[str, object]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def look(self) -> PrometheusObservation:
        app = web.Application()
        app.router.add_get("/prometheus/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return await prometheus.look(f"http://127.0.0.1:{runner.addresses[0][1]}/prometheus/")
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        match self._answers.get(request.match_info["path"]):
            case None:
                return web.Response(status=404)
            case int() as status:
                return web.Response(status=status)
            case str() as text:
                return web.Response(text=text)
            case body:
                return web.json_response(body)


VECTOR = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1.0, "1"]}]}}
QUERY, BUILD = "api/v1/query", "api/v1/status/buildinfo"


def _built(**data: str) -> dict[str, object]:
    return {QUERY: VECTOR, BUILD: {"status": "success", "data": data}}


@pytest.mark.parametrize(
    ("answers", "application", "version", "fault"),
    [
        (_built(version="3.1.0"), "", "3.1.0", ""),
        (_built(application="Grafana Mimir", version="2.14.0"), "Grafana Mimir", "2.14.0", ""),
        (_built(), "", "", ""),
        ({QUERY: VECTOR}, "", "", ""),
        ({BUILD: _built(version="3.1.0")[BUILD]}, "", "", "/api/v1/query is answered with 404"),
        ({QUERY: 503}, "", "", "answered with 503"),
        ({QUERY: "<html>"}, "", "", "not answered as by Prometheus"),
        ({QUERY: {"status": "error", "data": {}}}, "", "", "not answered as by Prometheus"),
        ({QUERY: ["success"]}, "", "", "not answered as by Prometheus"),
    ],
)
async def test_a_prometheus_is_asked_a_query_and_what_it_is(
    answers: dict[str, object], application: str, version: str, fault: str
) -> None:
    store = Store(answers)
    seen = await store.look()
    assert (seen.application, seen.version) == (application, version)
    assert fault in seen.fault
    assert bool(seen.fault) == bool(fault)
    assert store.asked[0] == "/prometheus/api/v1/query?query=vector(1)"


async def test_a_prometheus_that_is_away_is_a_fault() -> None:
    seen = await prometheus.look("http://127.0.0.1:1")
    assert seen.fault
