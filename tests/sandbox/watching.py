"""List-and-watch caches: what a stand-in knows of the cluster, and a bell that rings when it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import aiohttp

from tests.sandbox.kube_api import ApiError, KubeApi, Object

logger = logging.getLogger(__name__)

RELIST_DELAY_SECONDS = 0.5


class Cache:
    """The objects of one collection, kept up to date; `changed` is set after each change.

    Several caches may share one event, so that a loop can wait for "anything at all".
    """

    def __init__(
        self,
        api: KubeApi,
        path: str,
        changed: asyncio.Event,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> None:
        self._api = api
        self._path = path
        self._changed = changed
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._objects: dict[tuple[str, str], Object] = {}
        self.synced = asyncio.Event()

    def all(self) -> list[Object]:
        return list(self._objects.values())

    def get(self, namespace: str, name: str) -> Object | None:
        """The object, or None; `namespace` is empty for cluster-scoped kinds."""
        return self._objects.get((namespace, name))

    async def run(self) -> None:
        """List, then watch, for ever; a lost watch or a lost API server is listed again."""
        while True:
            try:
                await self._list_and_watch()
            except (ApiError, aiohttp.ClientError, TimeoutError, ValueError) as error:
                logger.debug("%s: listing again after: %s", self._path, error)
                await asyncio.sleep(RELIST_DELAY_SECONDS)

    async def _list_and_watch(self) -> None:
        params = {"labelSelector": self._label_selector or "", "fieldSelector": self._field_selector or ""}
        listing = await self._api.request("GET", self._path, params=params)
        self._objects = {_key(item): item for item in listing["items"]}
        version = listing["metadata"]["resourceVersion"]
        self.synced.set()
        self._changed.set()
        while True:
            async for kind, item in self._api.watch(
                self._path,
                resource_version=version,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
            ):
                version = item["metadata"]["resourceVersion"]
                if kind == "BOOKMARK":
                    continue
                if kind == "DELETED":
                    self._objects.pop(_key(item), None)
                else:
                    self._objects[_key(item)] = item
                self._changed.set()


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


async def synced(caches: Iterable[Cache]) -> None:
    """Wait until each cache has had its first listing."""
    for cache in caches:
        await cache.synced.wait()
