"""A cluster that is written to only while this replica leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from weld_operator.adapters.cluster import Cluster, UnreachableError
from weld_operator.kinds import Kind, Object


class Held(Protocol):
    """A Lease, or several."""

    @property
    def is_held(self) -> bool:
        """Whether this replica leads and may write."""


class FencedCluster(Cluster):
    """Passes everything on, but refuses writes once the Lease is not held, such as after the process was suspended."""

    def __init__(self, cluster: Cluster, lease: Held) -> None:
        self._cluster = cluster
        self._lease = lease

    async def serves(self, kind: Kind) -> bool:
        return await self._cluster.serves(kind)

    async def versions(self, group: str) -> tuple[str, ...]:
        return await self._cluster.versions(group)

    async def missing_fields(self, kind: Kind, fields: Sequence[str]) -> tuple[str, ...]:
        return await self._cluster.missing_fields(kind, fields)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return await self._cluster.get(kind, namespace, name)

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        return await self._cluster.list(kind, namespace, labels)

    async def apply(self, kind: Kind, body: Object) -> Object:
        self._check()
        return await self._cluster.apply(kind, body)

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        self._check()
        return await self._cluster.apply_status(kind, body)

    async def apply_finalizers(self, kind: Kind, body: Object) -> Object:
        self._check()
        return await self._cluster.apply_finalizers(kind, body)

    async def create(self, kind: Kind, body: Object) -> Object:
        self._check()
        return await self._cluster.create(kind, body)

    async def replace(self, kind: Kind, body: Object) -> Object:
        self._check()
        return await self._cluster.replace(kind, body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        self._check()
        await self._cluster.delete(kind, namespace, name, uid)

    def _check(self) -> None:
        if not self._lease.is_held:
            raise UnreachableError("the Lease is not held any more")
