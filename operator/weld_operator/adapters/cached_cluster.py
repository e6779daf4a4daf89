"""A cluster whose objects are followed, so that reading them costs no request, however many there are.

While the cluster tells what happens, reads are answered from memory; they show every write that was made here. While it
does not, before it has and after a write whose answer was lost, they are requests. So is what memory does not have: it
may be there without our label.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from weld_api.names import MODEL_LABEL
from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ConflictError, UnreachableError
from weld_operator.adapters.collection import Collections
from weld_operator.adapters.informer import Concerns, Informer, OnChange, everything
from weld_operator.adapters.packed_store import PackedStore
from weld_operator.kinds import WATCHED_KINDS, WELD_MODEL, Key, Kind, Object

About = tuple[Kind, str, str]
"""The objects of one kind that belong to a WeldModel, by its namespace and name."""


class FollowedCluster(Cluster, Collections, Protocol):
    """A cluster that can be followed."""


class CachedCluster(Cluster):
    """Begin with `run`, once this replica leads: what it lists then has all that the leader before has written."""

    def __init__(
        self,
        cluster: FollowedCluster,
        clock: Clock,
        namespaces: Collection[str],
        on_change: OnChange,
        *,
        kinds: Collection[Kind] = WATCHED_KINDS,
        concerns: Concerns = everything,
    ) -> None:
        """Follows these kinds in some namespaces, or in all when there are none; keeps what `concerns` says."""
        self._cluster = cluster
        scopes: Iterable[str | None] = namespaces or [None]
        listing = asyncio.Semaphore()
        self._informers: dict[tuple[Kind, str | None], Informer] = {
            (kind, namespace): Informer(
                cluster,
                clock,
                kind,
                namespace,
                label=MODEL_LABEL,
                selector="" if kind == WELD_MODEL else MODEL_LABEL,
                on_change=on_change,
                listing=listing,
                concerns=concerns,
            )
            for kind in kinds
            for namespace in scopes
        }
        self._concerns = concerns
        self._doubtful: set[About] = set()
        """Of what a write was not answered, or was refused as something has changed."""

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            for (kind, namespace), informer in self._informers.items():
                tasks.create_task(informer.run(), name=f"{kind.plural} of {namespace or 'all namespaces'}")

    async def until_asked(self) -> None:
        """Wait until every kind has been listed, where the cluster knows it and answers."""
        for informer in self._informers.values():
            await informer.asked.wait()

    async def serves(self, kind: Kind) -> bool:
        return await self._cluster.serves(kind)

    async def versions(self, group: str) -> tuple[str, ...]:
        return await self._cluster.versions(group)

    async def missing_fields(self, kind: Kind, fields: Sequence[str]) -> tuple[str, ...]:
        return await self._cluster.missing_fields(kind, fields)

    def weld_models(self) -> list[Key]:
        """Every WeldModel that is known."""
        informers = (informer for (kind, _), informer in self._informers.items() if kind == WELD_MODEL)
        return [Key(*place) for informer in informers for place in informer.store.places()]

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        if kind != WELD_MODEL:
            # Asked for because memory does not have it, or to know whose a name is before it is taken.
            body = await self._cluster.get(kind, namespace, name)
            return self._noted(kind, body) if body is not None and self._is_followed(kind, body) else body
        about = (kind, namespace, name)
        known = None if (store := self._current(about)) is None else store.get(namespace, name)
        if known is not None:
            return known
        body = await self._cluster.get(kind, namespace, name)
        self._is_certain(about, () if body is None else (body,))
        return body

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        if namespace is None or labels.keys() != {MODEL_LABEL}:
            return await self._cluster.list(kind, namespace, labels)
        about = (kind, namespace, labels[MODEL_LABEL])
        if (store := self._current(about)) is not None:
            return store.labelled(namespace, labels[MODEL_LABEL])
        bodies = await self._cluster.list(kind, namespace, labels)
        self._is_certain(about, bodies)
        return bodies

    async def apply(self, kind: Kind, body: Object) -> Object:
        async with self._writing(kind, body):
            return self._noted(kind, await self._cluster.apply(kind, body))

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        async with self._writing(kind, body):
            return self._noted(kind, await self._cluster.apply_status(kind, body))

    async def apply_finalizers(self, kind: Kind, body: Object) -> Object:
        async with self._writing(kind, body):
            return self._noted(kind, await self._cluster.apply_finalizers(kind, body))

    async def create(self, kind: Kind, body: Object) -> Object:
        async with self._writing(kind, body):
            return self._noted(kind, await self._cluster.create(kind, body))

    async def replace(self, kind: Kind, body: Object) -> Object:
        async with self._writing(kind, body):
            return self._noted(kind, await self._cluster.replace(kind, body))

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        await self._cluster.delete(kind, namespace, name, uid)
        store = self._store(kind, namespace)
        if store is None:
            return
        # Some objects stay for a while, marked as being deleted.
        left = await self._cluster.get(kind, namespace, name)
        if left is None or left["metadata"]["uid"] != uid:
            store.deleted(namespace, name, uid)
        if left is not None:
            store.wrote(left)

    @asynccontextmanager
    async def _writing(self, kind: Kind, body: Object) -> AsyncIterator[None]:
        try:
            yield
        except (ConflictError, UnreachableError):
            about = body["metadata"]
            model = about["name"] if kind == WELD_MODEL else about.get("labels", {}).get(MODEL_LABEL, "")
            if self._store(kind, about["namespace"]) is not None:
                self._doubtful.add((kind, about["namespace"], model))
            raise

    def _noted(self, kind: Kind, result: Object) -> Object:
        store = self._store(kind, result["metadata"]["namespace"])
        if store is not None:
            store.wrote(result)
        return result

    def _is_certain(self, about: About, bodies: Iterable[Object]) -> None:
        """What there is of a WeldModel was read just now."""
        self._doubtful.discard(about)
        for body in bodies:
            self._noted(about[0], body)

    def _current(self, about: About) -> PackedStore | None:
        """The store that can answer for these now."""
        informer = self._informer(*about[:2])
        if informer is None or not informer.is_current or about in self._doubtful:
            return None
        return informer.store

    def _store(self, kind: Kind, namespace: str) -> PackedStore | None:
        informer = self._informer(kind, namespace)
        return None if informer is None else informer.store

    def _informer(self, kind: Kind, namespace: str) -> Informer | None:
        return self._informers.get((kind, namespace)) or self._informers.get((kind, None))

    def _is_followed(self, kind: Kind, body: Object) -> bool:
        """Whether an object that is no WeldModel is followed; what somebody else has under our name is not."""
        return MODEL_LABEL in body["metadata"].get("labels", {}) and self._concerns(kind, body)
