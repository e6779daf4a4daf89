"""Reads of what is followed cost no request, and never show less than was done here."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.cluster_objects import UID, spec_of, weld_model
from tests.unit.operator.followed_cluster import FollowedInMemoryCluster
from weld_api.names import MODEL_LABEL
from weld_operator.adapters.cached_cluster import CachedCluster
from weld_operator.adapters.cluster import ConflictError, NotServedError, UnreachableError
from weld_operator.adapters.informer import Concerns, everything
from weld_operator.belonging import keys_about
from weld_operator.kinds import (
    HTTP_ROUTE,
    POD,
    WELD_MODEL,
    Key,
    Kind,
    Object,
)

LABELS = {MODEL_LABEL: "north-line"}
TURNS = 200


class Followed:
    """A cluster, what is cached of it, and what was noticed."""

    def __init__(self, *namespaces: str, concerns: Concerns = everything) -> None:
        self.cluster = FollowedInMemoryCluster()
        self.noticed: list[str] = []
        self.cached = CachedCluster(self.cluster, HandClock(), namespaces, self._notice, concerns=concerns)

    def _notice(self, kind: Kind, body: Object) -> None:
        self.noticed.append(f"{kind} {body['metadata']['name']}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.cached.run())
        try:
            await self.cached.until_asked()
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def routes(self) -> list[str]:
        """The hosts of the WeldModel's routes."""
        bodies = await self.cached.list(HTTP_ROUTE, "plant-a", LABELS)
        return [body["spec"]["host"] for body in bodies]


def route(host: str, name: str = "north-line", namespace: str = "plant-a") -> Object:
    return {"metadata": {"name": name, "namespace": namespace, "labels": dict(LABELS)}, "spec": {"host": host}}


async def until(holds: Callable[[], bool]) -> None:
    """Let everything else run until this holds."""
    for _ in range(TURNS):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to this")


async def turns() -> None:
    """Let everything else run for a while."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_what_is_followed_is_read_without_a_request() -> None:
    followed = Followed()
    for number in range(5):
        followed.cluster.put(HTTP_ROUTE, route(f"{number}.example", f"route-{number}"))
    followed.cluster.put(WELD_MODEL, weld_model())
    async with followed.running():
        assert await followed.routes() == [f"{number}.example" for number in range(5)]
        assert await followed.cached.get(WELD_MODEL, "plant-a", "north-line") is not None
        followed.cluster.put(HTTP_ROUTE, route("changed.example", "route-3"))
        followed.cluster.remove(HTTP_ROUTE, "plant-a", "route-1")
        await turns()
        assert await followed.routes() == ["0.example", "2.example", "changed.example", "4.example"]
        assert followed.cached.weld_models() == [Key("plant-a", "north-line")]
    assert not followed.cluster.requests


async def test_each_change_is_noticed_once_it_is_known() -> None:
    followed = Followed()
    followed.cluster.put(HTTP_ROUTE, route("old.example"))
    async with followed.running():
        assert followed.noticed == ["HTTPRoute north-line"]
        followed.cluster.put(HTTP_ROUTE, route("new.example"))
        await until(lambda: len(followed.noticed) == 2)
        assert await followed.routes() == ["new.example"]
        followed.cluster.remove(HTTP_ROUTE, "plant-a", "north-line")
        await until(lambda: len(followed.noticed) == 3)
        assert await followed.routes() == []


async def test_a_write_is_known_before_the_watch_tells() -> None:
    followed = Followed()
    async with followed.running():
        followed.cluster.is_silent = True
        made = await followed.cached.apply(HTTP_ROUTE, route("first.example"))
        assert await followed.routes() == ["first.example"]
        await followed.cached.apply(HTTP_ROUTE, route("second.example"))
        assert await followed.routes() == ["second.example"]
        await followed.cached.delete(HTTP_ROUTE, "plant-a", "north-line", made["metadata"]["uid"])
        assert await followed.routes() == []
        await followed.cached.apply(HTTP_ROUTE, route("third.example"))
        followed.cluster.speak()
        await turns()
        assert await followed.routes() == ["third.example"]


async def test_an_object_that_stays_while_it_is_deleted_is_known_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed()
    followed.cluster.put(HTTP_ROUTE, route("going.example"))

    async def delete(kind: Kind, namespace: str, name: str, uid: str) -> None:
        body = copy.deepcopy(followed.cluster.objects[kind, namespace, name])
        assert body["metadata"]["uid"] == uid
        body["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
        followed.cluster.put(kind, body)

    monkeypatch.setattr(followed.cluster, "delete", delete)
    async with followed.running():
        followed.cluster.is_silent = True
        (body,) = await followed.cached.list(HTTP_ROUTE, "plant-a", LABELS)
        await followed.cached.delete(HTTP_ROUTE, "plant-a", "north-line", body["metadata"]["uid"])
        (body,) = await followed.cached.list(HTTP_ROUTE, "plant-a", LABELS)
        assert "deletionTimestamp" in body["metadata"]


async def test_while_the_cluster_does_not_tell_reads_are_requests() -> None:
    followed = Followed()
    assert await followed.routes() == []
    assert followed.cluster.requests == {"list HTTPRoute": 1}
    async with followed.running():
        assert await followed.routes() == []
        assert followed.cluster.requests == {"list HTTPRoute": 1}
        followed.cluster.put(HTTP_ROUTE, route("unseen.example"))
        followed.cluster.break_watches()
        await asyncio.sleep(0)
        assert await followed.routes() == ["unseen.example"]
        assert followed.cluster.requests == {"list HTTPRoute": 2}
        await turns()
        assert await followed.routes() == ["unseen.example"]
        assert followed.cluster.requests == {"list HTTPRoute": 2}


async def test_what_went_while_nothing_was_told_is_noticed() -> None:
    followed = Followed()
    followed.cluster.put(HTTP_ROUTE, route("old.example"))
    async with followed.running():
        followed.cluster.is_silent = True
        followed.cluster.remove(HTTP_ROUTE, "plant-a", "north-line")
        followed.cluster.break_watches()
        await until(lambda: followed.noticed == ["HTTPRoute north-line"] * 2)


@pytest.mark.parametrize("write", ["apply HTTPRoute", "create HTTPRoute", "apply_status HTTPRoute"])
async def test_after_a_write_without_an_answer_the_cluster_is_asked(write: str) -> None:
    followed = Followed()
    body = route("new.example")
    if write == "apply_status HTTPRoute":
        body = followed.cluster.put(HTTP_ROUTE, body)
    async with followed.running():
        followed.cluster.is_silent = True
        followed.cluster.unanswered = {write}
        with pytest.raises(UnreachableError):
            await getattr(followed.cached, write.partition(" ")[0])(HTTP_ROUTE, body)
        assert await followed.routes() == ["new.example"]
        assert followed.cluster.requests == {"list HTTPRoute": 1}
        assert await followed.routes() == ["new.example"]
        assert followed.cluster.requests == {"list HTTPRoute": 1}


async def test_after_a_conflict_the_cluster_is_asked() -> None:
    followed = Followed()
    followed.cluster.put(WELD_MODEL, weld_model())
    async with followed.running():
        followed.cluster.is_silent = True
        known = await followed.cached.get(WELD_MODEL, "plant-a", "north-line")
        assert known is not None
        followed.cluster.put(WELD_MODEL, weld_model(spec_of("b")))
        with pytest.raises(ConflictError):
            await followed.cached.apply_status(WELD_MODEL, known | {"status": {}})
        known = await followed.cached.get(WELD_MODEL, "plant-a", "north-line")
        assert known is not None
        assert known["spec"] == spec_of("b")
        assert followed.cluster.requests == {"get WeldModel": 1}


async def test_a_weld_model_that_is_not_known_is_asked_for() -> None:
    followed = Followed()
    async with followed.running():
        followed.cluster.is_silent = True
        followed.cluster.put(WELD_MODEL, weld_model())
        assert await followed.cached.get(WELD_MODEL, "plant-a", "north-line") is not None


async def test_what_somebody_else_has_under_our_name_is_asked_for() -> None:
    """Without our label it is in no list of ours."""
    followed = Followed()
    theirs = route("theirs.example")
    del theirs["metadata"]["labels"]
    followed.cluster.put(HTTP_ROUTE, theirs)
    async with followed.running():
        assert await followed.cached.get(HTTP_ROUTE, "plant-a", "north-line") is not None
        assert await followed.routes() == []


async def test_what_was_read_and_deleted_here_leaves_no_sight_of_what_was_there_before_it() -> None:
    followed = Followed()
    followed.cluster.put(HTTP_ROUTE, route("first.example"))
    async with followed.running():
        followed.cluster.is_silent = True
        followed.cluster.remove(HTTP_ROUTE, "plant-a", "north-line")
        followed.cluster.put(HTTP_ROUTE, route("second.example"))
        body = await followed.cached.get(HTTP_ROUTE, "plant-a", "north-line")
        assert body is not None
        assert await followed.routes() == ["second.example"]
        await followed.cached.delete(HTTP_ROUTE, "plant-a", "north-line", body["metadata"]["uid"])
        assert await followed.routes() == []
        followed.cluster.speak()
        await turns()
        assert await followed.routes() == []


async def test_what_is_of_no_concern_is_not_kept() -> None:
    followed = Followed(concerns=lambda _, body: body["spec"].get("host") != "theirs")
    followed.cluster.put(HTTP_ROUTE, route("ours", name="a"))
    followed.cluster.put(HTTP_ROUTE, route("theirs", name="b"))
    async with followed.running():
        assert await followed.routes() == ["ours"]
        followed.cluster.put(HTTP_ROUTE, route("theirs", name="c"))
        followed.cluster.put(HTTP_ROUTE, route("ours", name="d"))
        await until(lambda: followed.noticed[-1:] == ["HTTPRoute d"])
        assert await followed.routes() == ["ours", "ours"]
        followed.cluster.put(HTTP_ROUTE, route("theirs", name="a"))
        await until(lambda: followed.noticed[-1:] == ["HTTPRoute a"])
        assert await followed.routes() == ["ours"], "it was ours, and is no more"
        assert followed.cluster.requests["list HTTPRoute"] == 0


async def test_a_kind_that_comes_later_is_followed_then() -> None:
    followed = Followed()
    followed.cluster.unserved = {HTTP_ROUTE}
    async with followed.running():
        with pytest.raises(NotServedError):
            await followed.routes()
        followed.cluster.unserved = set()
        followed.cluster.put(HTTP_ROUTE, route("new.example"))
        await until(lambda: followed.noticed == ["HTTPRoute north-line"])
        await turns()
        followed.cluster.requests.clear()
        assert await followed.routes() == ["new.example"]
    assert not followed.cluster.requests


async def test_other_kinds_selectors_and_namespaces_are_requests() -> None:
    followed = Followed("plant-b")
    followed.cluster.put(HTTP_ROUTE, route("b.example", namespace="plant-b"))
    async with followed.running():
        await followed.cached.list(POD, "plant-b", LABELS)
        await followed.cached.list(HTTP_ROUTE, "plant-b", {"app": "x"})
        await followed.cached.list(HTTP_ROUTE, "plant-a", LABELS)
        assert followed.cluster.requests == {"list Pod": 1, "list HTTPRoute": 2}
        assert len(await followed.cached.list(HTTP_ROUTE, "plant-b", LABELS)) == 1
    assert followed.cluster.requests.total() == 3


def test_whose_an_object_is() -> None:
    assert keys_about(WELD_MODEL, weld_model()) == {Key("plant-a", "north-line")}
    assert keys_about(HTTP_ROUTE, route("x")) == {Key("plant-a", "north-line")}
    edited = route("x")
    edited["metadata"]["labels"][MODEL_LABEL] = "stolen"
    edited["metadata"]["ownerReferences"] = [{"kind": "WeldModel", "name": "north-line", "uid": UID}]
    assert keys_about(HTTP_ROUTE, edited) == {Key("plant-a", "north-line"), Key("plant-a", "stolen")}
