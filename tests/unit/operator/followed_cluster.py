"""A cluster in memory that can be followed: it counts reads, and tells what happens when a test lets it."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple

from tests.unit.operator.in_memory_cluster import InMemoryCluster, Place
from weld_operator.adapters.cluster import NotServedError, UnreachableError
from weld_operator.adapters.collection import Page, WatchedObject
from weld_operator.kinds import Kind, Object

PAGE_OBJECTS = 2


class _Event(NamedTuple):
    version: int
    kind: Kind
    change: str
    body: Object


class FollowedInMemoryCluster(InMemoryCluster):
    """`requests`: reads by verb and kind, such as `list HTTPRoute`. While `is_silent`, watches tell nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()
        self.is_silent = False
        self.unanswered: set[str] = set()
        """Writes, such as `apply HTTPRoute`, that are done and not answered."""
        self._events: list[_Event] = []
        self._happened = asyncio.Event()
        self._breaks = 0

    def break_watches(self) -> None:
        """Every watch ends, and not in good order."""
        self._breaks += 1
        self._ring()

    def speak(self) -> None:
        """Watches tell what they have held back."""
        self.is_silent = False
        self._ring()

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        self.requests[f"get {kind}"] += 1
        return await super().get(kind, namespace, name)

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        self.requests[f"list {kind}"] += 1
        return await super().list(kind, namespace, labels)

    async def pages(self, kind: Kind, namespace: str | None, selector: str) -> AsyncGenerator[Page, None]:
        if kind in self.unserved:
            raise NotServedError(kind)
        bodies = [
            copy.deepcopy(body)
            for place, body in self.objects.items()
            if place[0] == kind and _is_about(body, namespace, selector)
        ]
        version = str(self._last_version())
        for start in range(0, max(len(bodies), 1), PAGE_OBJECTS):
            yield Page(bodies[start : start + PAGE_OBJECTS], version)
            await asyncio.sleep(0)

    async def changes(
        self,
        kind: Kind,
        namespace: str | None,
        selector: str,
        version: str,
        seconds: int,  # noqa: ARG002 - no time goes
    ) -> AsyncGenerator[WatchedObject, None]:
        told, breaks = int(version), self._breaks
        while True:
            for event in [] if self.is_silent else self._events:
                if event.version > told and event.kind == kind and _is_about(event.body, namespace, selector):
                    yield WatchedObject(event.change, copy.deepcopy(event.body))
                    told = event.version
            await self._happened.wait()
            if breaks != self._breaks:
                raise UnreachableError("the watch broke")

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        body = self.objects.get((kind, namespace, name))
        super().remove(kind, namespace, name)
        if body is not None:
            self._tell_end(kind, body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        body = self.objects.get((kind, namespace, name))
        await super().delete(kind, namespace, name, uid)
        if body is not None and (kind, namespace, name) not in self.objects:
            self._tell_end(kind, body)
        self._answer(f"delete {kind}")

    def _write(self, verb: str, kind: Kind, body: Object) -> Object:
        result = super()._write(verb, kind, body)
        self._answer(f"{verb} {kind}")
        return result

    def _answer(self, write: str) -> None:
        if write in self.unanswered:
            raise UnreachableError("no answer")

    def _store(self, place: Place, body: Object, before: Object | None) -> None:
        super()._store(place, body, before)
        version = self.objects[place]["metadata"]["resourceVersion"]
        if before is None or before["metadata"]["resourceVersion"] != version:
            change = "ADDED" if before is None else "MODIFIED"
            self._tell(_Event(int(version), place[0], change, copy.deepcopy(self.objects[place])))

    def _tell_end(self, kind: Kind, body: Object) -> None:
        version = next(self._versions)
        body = copy.deepcopy(body)
        body["metadata"]["resourceVersion"] = str(version)
        self._tell(_Event(version, kind, "DELETED", body))

    def _tell(self, event: _Event) -> None:
        self._events.append(event)
        self._ring()

    def _ring(self) -> None:
        self._happened.set()
        self._happened = asyncio.Event()

    def _last_version(self) -> int:
        return self._events[-1].version if self._events else 0


def _is_about(body: Object, namespace: str | None, selector: str) -> bool:
    about = body["metadata"]
    return namespace in (None, about["namespace"]) and (not selector or selector in about.get("labels", {}))
