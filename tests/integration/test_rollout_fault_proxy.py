"""The fault proxy before a real API server: what it passes on, what it counts, and the harm that it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.fault_proxy import faults
from tests.sandbox.fault_proxy.call import call_of, refusal
from tests.sandbox.fault_proxy.faults import KilledAt, LostAnswers, Moment, Sometimes
from tests.sandbox.fault_proxy.proxy import FaultProxy
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.waiting import wait_for

CONFIG_MAPS = path_of("v1", "configmaps", "default")
NAMESPACES = path_of("v1", "namespaces")


@pytest.fixture(scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    async with await ControlPlane.start(tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture(scope="module")
async def direct(plane: ControlPlane) -> AsyncIterator[KubeApi]:
    async with plane.api() as api:
        yield api


@pytest.fixture
async def proxy(direct: KubeApi) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(direct.server, direct.authority or "").running() as proxy:
        yield proxy


@pytest.fixture
async def through(plane: ControlPlane, proxy: FaultProxy) -> AsyncIterator[KubeApi]:
    """A session of the administrator through the proxy."""
    config = json.loads(plane.kubeconfig.read_text())
    async with KubeApi(proxy.url, config["users"][0]["user"]["token"], False) as api:
        yield api


def _config_map(name: str, text: str = "") -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}}


@pytest.mark.parametrize(
    ("method", "path", "query", "content_type", "said"),
    [
        ("GET", "/api/v1/namespaces/a/pods", {}, "", "list pods"),
        ("GET", "/api/v1/namespaces/a", {}, "", "get namespaces a"),
        ("GET", "/apis/policy/v1/namespaces/a/poddisruptionbudgets/x", {}, "", "get poddisruptionbudgets x"),
        ("GET", "/api/v1/pods", {"watch": "true"}, "", "watch pods"),
        ("GET", "/apis", {}, "", "list"),
        ("PATCH", "/api/v1/namespaces/a/pods/x/status", {}, "application/apply-patch+yaml", "apply pods/status x"),
        ("PATCH", "/api/v1/namespaces/a/pods/x", {}, "application/merge-patch+json", "patch pods x"),
        ("POST", "/api/v1/namespaces/a/events", {}, "application/json", "create events story"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/x", {}, "application/json", "update leases x"),
        ("DELETE", "/api/v1/namespaces/a/pods/x", {}, "application/json", "delete pods x"),
    ],
)
def test_a_request_is_understood_as_the_api_server_does(
    method: str, path: str, query: dict[str, str], content_type: str, said: str
) -> None:
    body = json.dumps({"metadata": {"name": "story"}}).encode() if method == "POST" else b""
    assert str(call_of(method, path, query, content_type, body)) == said


async def test_what_is_asked_is_passed_on_and_writes_are_counted(proxy: FaultProxy, through: KubeApi) -> None:
    await through.apply(f"{CONFIG_MAPS}/one", _config_map("one", "x" * 300_000), manager="a-user")
    assert (await through.get(f"{CONFIG_MAPS}/one"))["data"]["text"] == "x" * 300_000
    await through.patch(f"{CONFIG_MAPS}/one", {"data": {"text": "short"}})
    with pytest.raises(ApiError) as refused:
        await through.create(CONFIG_MAPS, _config_map("one"))
    assert refused.value.reason == "AlreadyExists"
    await through.delete(f"{CONFIG_MAPS}/one")
    told = [(write.number, str(write.call), write.status) for write in proxy.writes]
    assert told == [
        (1, "apply configmaps one", 201),
        (2, "patch configmaps one", 200),
        (3, "create configmaps one", 409),
        (4, "delete configmaps one", 200),
    ]
    assert proxy.writes[1].result["data"] == {"text": "short"}


async def test_a_watch_brings_each_event_when_it_happens(proxy: FaultProxy, through: KubeApi, direct: KubeApi) -> None:
    version = (await through.request("GET", CONFIG_MAPS))["metadata"]["resourceVersion"]
    events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def watch() -> None:
        async for kind, body in through.watch(CONFIG_MAPS, resource_version=version):
            events.put_nowait((kind, body["metadata"]["name"]))

    watching = asyncio.create_task(watch())
    for name in ("first", "second"):
        await direct.create(CONFIG_MAPS, _config_map(name))
        assert await asyncio.wait_for(events.get(), 10) == ("ADDED", name)
    watching.cancel()
    await _until_watched_by(proxy, 0)


@pytest.mark.parametrize("with_event", [False, True])
async def test_watches_are_ended_with_and_without_gone(
    proxy: FaultProxy, through: KubeApi, *, with_event: bool
) -> None:
    version = (await through.request("GET", CONFIG_MAPS))["metadata"]["resourceVersion"]
    watching = asyncio.ensure_future(anext(through.watch(CONFIG_MAPS, resource_version=version)))
    await _until_watched_by(proxy, 1)
    gone = refusal(410, "Expired", "too old resource version").object
    assert proxy.end_watches({"type": "ERROR", "object": gone} if with_event else None) == 1
    if with_event:
        with pytest.raises(ApiError) as refused:
            await watching
        assert refused.value.status == 410
    else:
        with pytest.raises(StopAsyncIteration):
            await watching


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_the_client_is_killed_at_the_write_that_was_chosen(
    proxy: FaultProxy, through: KubeApi, direct: KubeApi, moment: Moment
) -> None:
    killed: list[bool] = []

    async def kill() -> None:
        killed.append(await direct.get_or_none(f"{CONFIG_MAPS}/{moment}-2") is not None)

    proxy.begin(fault := KilledAt(lambda _, number: number == 2, moment, kill))
    await through.create(CONFIG_MAPS, _config_map(f"{moment}-1"))
    with pytest.raises(aiohttp.ClientError):
        await through.create(CONFIG_MAPS, _config_map(f"{moment}-2"))
    assert killed == [moment == "after"]
    assert str(fault.victim) == f"create configmaps {moment}-2"
    assert (await direct.get_or_none(f"{CONFIG_MAPS}/{moment}-2") is not None) == (moment == "after")
    await through.create(CONFIG_MAPS, _config_map(f"{moment}-3"))
    assert len(killed) == 1


@pytest.mark.parametrize(("harm", "status"), [(faults.internal_error, 500), (faults.conflict, 409), (faults.gone, 410)])
async def test_calls_are_refused_in_the_api_server_s_words(
    proxy: FaultProxy, through: KubeApi, harm: faults.Harm, status: int
) -> None:
    proxy.begin(Sometimes(1, harm, faults.is_no_watch))
    with pytest.raises(ApiError) as refused:
        await through.get(NAMESPACES)
    assert refused.value.status == status
    proxy.faults = ()
    await through.get(NAMESPACES)


async def test_a_share_of_the_calls_is_refused_by_a_chance_that_is_repeated(
    proxy: FaultProxy, through: KubeApi
) -> None:
    async def refused_of_20() -> list[int]:
        proxy.begin(Sometimes(0.5, faults.conflict, faults.is_no_watch))
        found = []
        for number in range(20):
            try:
                await through.get(NAMESPACES)
            except ApiError:
                found.append(number)
        return found

    first = await refused_of_20()
    assert 4 <= len(first) <= 16
    assert await refused_of_20() == first


async def test_too_many_requests_says_when_to_come_again(proxy: FaultProxy) -> None:
    proxy.begin(Sometimes(1, faults.too_many_requests, faults.is_no_watch))
    async with aiohttp.ClientSession() as session, session.get(proxy.url + NAMESPACES) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "1")


async def test_an_answer_is_lost_after_the_write_was_done(proxy: FaultProxy, through: KubeApi, direct: KubeApi) -> None:
    proxy.begin(LostAnswers(1))
    with pytest.raises(aiohttp.ClientError):
        await through.create(CONFIG_MAPS, _config_map("unheard"))
    assert await direct.get(f"{CONFIG_MAPS}/unheard")


async def _until_watched_by(proxy: FaultProxy, count: int) -> None:
    async def open_watches() -> int:
        return proxy.watches

    await wait_for(open_watches, lambda seen: seen == count, seconds=10, what=f"{count} open watches")
