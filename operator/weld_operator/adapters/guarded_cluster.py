"""A cluster whose failures are noticed at once, and which is not asked again while it is known not to answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

from weld_operator.adapters.cached_cluster import FollowedCluster
from weld_operator.adapters.cluster import BusyError, UnreachableError
from weld_operator.adapters.collection import Page, WatchedObject
from weld_operator.kinds import Kind, Object

CALL_SECONDS = 5.0
"""Time that another cluster has to answer: whatever waits for it in one region waits no longer."""


class GuardedCluster(FollowedCluster):
    """Passes everything on to the connection that there is now.

    `connection` gives it, or raises UnreachableError where there is none. `failed` is told of each call that was not
    answered at all, and `doubted` of a watch that broke: that may have other causes.
    """

    def __init__(
        self,
        connection: Callable[[], FollowedCluster],
        failed: Callable[[UnreachableError], None],
        doubted: Callable[[UnreachableError], None],
    ) -> None:
        self._connection = connection
        self._failed = failed
        self._doubted = doubted

    async def serves(self, kind: Kind) -> bool:
        async with self._call() as cluster:
            return await cluster.serves(kind)

    async def versions(self, group: str) -> tuple[str, ...]:
        async with self._call() as cluster:
            return await cluster.versions(group)

    async def missing_fields(self, kind: Kind, fields: Sequence[str]) -> tuple[str, ...]:
        async with self._call() as cluster:
            return await cluster.missing_fields(kind, fields)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        async with self._call() as cluster:
            return await cluster.get(kind, namespace, name)

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        async with self._call() as cluster:
            return await cluster.list(kind, namespace, labels)

    async def apply(self, kind: Kind, body: Object) -> Object:
        async with self._call() as cluster:
            return await cluster.apply(kind, body)

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        async with self._call() as cluster:
            return await cluster.apply_status(kind, body)

    async def apply_finalizers(self, kind: Kind, body: Object) -> Object:
        async with self._call() as cluster:
            return await cluster.apply_finalizers(kind, body)

    async def create(self, kind: Kind, body: Object) -> Object:
        async with self._call() as cluster:
            return await cluster.create(kind, body)

    async def replace(self, kind: Kind, body: Object) -> Object:
        async with self._call() as cluster:
            return await cluster.replace(kind, body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        async with self._call() as cluster:
            await cluster.delete(kind, namespace, name, uid)

    async def pages(self, kind: Kind, namespace: str | None, selector: str) -> AsyncGenerator[Page, None]:
        listed = self._connection().pages(kind, namespace, selector)
        async with _telling(self._failed), aclosing(listed) as pages:
            async for page in pages:
                yield page

    async def changes(
        self, kind: Kind, namespace: str | None, selector: str, version: str, seconds: int
    ) -> AsyncGenerator[WatchedObject, None]:
        told = self._connection().changes(kind, namespace, selector, version, seconds)
        async with _telling(self._doubted), aclosing(told) as changes:
            async for change in changes:
                yield change

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[FollowedCluster]:
        cluster = self._connection()
        async with _telling(self._failed):
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    yield cluster
            except TimeoutError as error:
                raise UnreachableError(f"no answer within {CALL_SECONDS:g} s") from error


@asynccontextmanager
async def _telling(listener: Callable[[UnreachableError], None]) -> AsyncIterator[None]:
    try:
        yield
    except BusyError:
        raise
    except UnreachableError as error:
        listener(error)
        raise
