"""The stand-in gateway under a real control plane: routes, shares, and Pods that come and go under load."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.echo_pods import available, deployment, echo_container, is_true, pod
from tests.sandbox.apply import apply_documents
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.schemas import install_schemas
from tests.sandbox.tools import ensure
from tests.sandbox.waiting import wait_for

NAMESPACE = "gateways"
ROUTES = path_of("gateway.networking.k8s.io/v1", "httproutes", NAMESPACE)
GATEWAYS = path_of("gateway.networking.k8s.io/v1", "gateways", NAMESPACE)
PODS = path_of("v1", "pods", NAMESPACE)
HOST = "north-line.gateways.example"


@dataclass
class Answers:
    """What a number of requests got: how many of each status, and how many from each Deployment and Pod."""

    statuses: Counter[int] = field(default_factory=Counter)
    deployments: Counter[str] = field(default_factory=Counter)
    pods: Counter[str] = field(default_factory=Counter)


@dataclass
class Site:
    """A gateway with a node behind it, and a session with the API server."""

    api: KubeApi
    url: str
    client: aiohttp.ClientSession

    async def post(self, path: str = "/", **headers: str) -> tuple[int, Any]:
        """Status and JSON body of one POST, on a connection of its own."""
        whole = {"Host": HOST} | headers
        async with self.client.post(self.url + path, data=b"x" * 1000, headers=whole) as response:
            return response.status, await response.json() if response.status == 200 else None

    async def posts(self, number: int) -> Answers:
        """The answers to so many POSTs, one after another."""
        answers = Answers()
        for _ in range(number):
            status, body = await self.post()
            answers.statuses[status] += 1
            if body is not None:
                answers.pods[body["pod"]] += 1
                answers.deployments[body["pod"].partition("-")[0]] += 1
        return answers

    async def route(self, *backends: tuple[str, int], **more: Any) -> None:
        """Apply the route with these backends and weights, and wait until it is served."""
        references = [{"name": name, "port": 80, "weight": weight} for name, weight in backends]
        spec = {
            "parentRefs": [{"name": "ingress"}],
            "hostnames": [HOST],
            "rules": [{"backendRefs": references} | more],
        }
        document = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "north-line", "namespace": NAMESPACE},
            "spec": spec,
        }
        (applied,) = await apply_documents(self.api, [document])
        await wait_for(
            lambda: self.api.get(f"{ROUTES}/north-line"),
            lambda found: self._observed(found, applied["metadata"]["generation"]),
            seconds=30,
            what="status of the route",
        )

    def _observed(self, found: Object, generation: int) -> bool:
        parents = found.get("status", {}).get("parents", [])
        return any(
            one["type"] == "Accepted" and one["observedGeneration"] == generation
            for parent in parents
            for one in parent["conditions"]
        )

    async def answers_with(self, status: int) -> None:
        """Wait until a POST gets a status: Pods and routes reach Caddy a moment after the API server."""
        await wait_for(self.post, lambda found: found[0] == status, seconds=30, what=f"answer {status}")


def service(name: str) -> Object:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def documents() -> list[Object]:
    """A gateway, and two Deployments of two replicas with their Services; their Pods linger before SIGTERM."""
    linger = echo_container(lifecycle={"preStop": {"sleep": {"seconds": 1}}})
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "ingress"},
        "spec": {"gatewayClassName": "sandbox", "listeners": [listener]},
    }
    deployments = [deployment(name, 2, containers=[linger]) for name in ("old", "new")]
    return [gateway, *deployments, service("old"), service("new"), service("empty")]


def part(stand_in: str, plane: ControlPlane, folder: Path, *flags: str) -> Process:
    """A stand-in as a process."""
    common = [f"--kubeconfig={plane.kubeconfig}", f"--folder={folder / stand_in}"]
    command = [sys.executable, "-m", f"tests.sandbox.{stand_in}", *common, *flags]
    return Process(stand_in, command, folder / f"{stand_in}.log")


@pytest.fixture(scope="module")
async def site(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("gateway")
    caddy = (await asyncio.to_thread(ensure, ["caddy"]))["caddy"]
    listen = f"127.0.0.1:{free_port()}"
    where = ("--name=edge", "--zone=br-south-a", "--region=br-south")
    node = part("node", control_plane, folder, *where)
    flags = (f"--caddy={caddy}", f"--listen={listen}", f"--gateway={NAMESPACE}/ingress")
    gateway = part("gateway", control_plane, folder, *flags)
    fresh = aiohttp.TCPConnector(force_close=True)
    try:
        async with control_plane.api() as api, aiohttp.ClientSession(connector=fresh) as client:
            await install_schemas(api)
            await apply_documents(api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
            node.start()
            gateway.start()
            await apply_documents(api, documents(), namespace=NAMESPACE)
            for name in ("old", "new"):
                await available(api, NAMESPACE, name, 2)
            await gateway.wait_ready(partial(programmed, api))
            yield Site(api, f"http://{listen}", client)
            await api.delete(path_of("v1", "namespaces", name=NAMESPACE))
    finally:
        await asyncio.gather(node.stop(), gateway.stop())
    async with control_plane.api() as api:
        await api.delete(path_of("v1", "nodes", name="edge"))


async def programmed(api: KubeApi) -> bool:
    return is_true(await api.get(f"{GATEWAYS}/ingress"), "Programmed")


async def test_two_backends_get_the_shares_that_their_weights_say(site: Site) -> None:
    await site.route(("old", 80), ("new", 20))
    answers = await site.posts(500)
    assert answers.statuses == {200: 500}
    assert abs(answers.deployments["new"] - 100) <= 15
    assert len(answers.pods) == 4


async def test_no_request_fails_while_a_pod_is_deleted_under_load(site: Site) -> None:
    await site.route(("old", 1))
    pods = await site.api.list(PODS, label_selector="app=old")
    victim = pods[0]["metadata"]["name"]
    load = [asyncio.create_task(site.posts(250)) for _ in range(4)]
    await asyncio.sleep(0)
    await site.api.delete(f"{PODS}/{victim}")
    answers = await asyncio.gather(*load)
    assert [one.statuses for one in answers] == [{200: 250}] * 4
    await wait_for(
        lambda: site.api.get_or_none(f"{PODS}/{victim}"), lambda found: found is None, seconds=30, what="end of Pod"
    )
    assert (await site.posts(50)).pods[victim] == 0
    await available(site.api, NAMESPACE, "old", 2)


async def test_a_refused_connection_is_tried_at_another_pod_even_for_post(site: Site) -> None:
    await site.route(("old", 1))
    # Ready, since it has no probe, and nothing listens on its port.
    silent = pod("silent", echo_container(command=["sleep"], args=["60"], readinessProbe=None))
    silent["metadata"]["labels"] = {"app": "old"}
    await site.api.create(PODS, silent)
    path = f"{PODS}/silent"
    await wait_for(lambda: site.api.get(path), lambda found: is_true(found, "Ready"), seconds=30, what="ready Pod")
    assert (await site.posts(200)).statuses == {200: 200}
    await site.api.delete(path)


async def test_a_changed_weight_sends_every_request_to_the_other_backend(site: Site) -> None:
    await site.route(("old", 100), ("new", 0))
    assert set((await site.posts(20)).deployments) == {"old"}
    await site.route(("old", 0), ("new", 100))
    assert set((await site.posts(20)).deployments) == {"new"}


async def test_a_backend_without_ready_pods_answers_503_and_one_without_weight_500(site: Site) -> None:
    await site.route(("empty", 1))
    await site.answers_with(503)
    await site.route(("old", 0))
    await site.answers_with(500)


async def test_a_backend_that_does_not_exist_is_named_in_the_status(site: Site) -> None:
    await site.route(("absent", 1))
    await site.answers_with(500)
    found = await site.api.get(f"{ROUTES}/north-line")
    (parent,) = found["status"]["parents"]
    assert parent["controllerName"] == "weldserve.io/sandbox-gateway"
    conditions = {one["type"]: one for one in parent["conditions"]}
    assert conditions["Accepted"]["status"] == "True"
    assert conditions["ResolvedRefs"]["reason"] == "BackendNotFound"
    assert "absent" in conditions["ResolvedRefs"]["message"]


async def test_matches_and_header_filters_are_honoured(site: Site) -> None:
    matches = [{"path": {"type": "PathPrefix", "value": "/v2"}, "headers": [{"name": "x-trial", "value": "yes"}]}]
    change = {"set": [{"name": "x-revision", "value": "6c1f0a12"}]}
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": change}]
    await site.route(("new", 1), matches=matches, filters=filters)
    status, body = await site.post("/v2/models/north-line/infer", **{"x-trial": "yes"})
    assert status == 200
    assert body["headers"]["x-revision"] == "6c1f0a12"
    assert body["headers"]["host"] == HOST
    assert (await site.post("/v2/models"))[0] == 404
    assert (await site.post("/v2models", **{"x-trial": "yes"}))[0] == 404
    assert (await site.post("/v2", **{"x-trial": "yes", "Host": "other.example"}))[0] == 404


async def test_a_deleted_route_is_no_longer_served(site: Site) -> None:
    await site.route(("new", 1))
    await site.answers_with(200)
    await site.api.delete(f"{ROUTES}/north-line")
    await site.answers_with(404)
