"""Brings a Pod's status to the API server: only what changed, the newest alone, again until it is taken."""

from __future__ import annotations

import asyncio
import logging

import aiohttp

from tests.sandbox.kube_api import STRATEGIC, ApiError, KubeApi, Object, path_of

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


class StatusWriter:
    """Writes the status of one Pod; run `run` beside what calls `report`."""

    def __init__(self, api: KubeApi, pod: Object) -> None:
        metadata = pod["metadata"]
        self._api = api
        self._path = path_of("v1", "pods", metadata["namespace"], metadata["name"], "status")
        self._uid = metadata["uid"]
        self._wanted: Object = {}
        self._written: Object = {}
        self._bell = asyncio.Event()
        self._settled = asyncio.Event()

    def report(self, status: Object) -> None:
        if status != self._wanted:
            self._wanted = status
            self._settled.clear()
            self._bell.set()

    async def settled(self) -> None:
        """Wait until the last report is written, or the Pod is gone."""
        await self._settled.wait()

    async def run(self) -> None:
        """Write for ever; ends when the Pod is gone."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._wanted != self._written:
                if not await self._write(self._wanted):
                    self._settled.set()
                    return
            self._settled.set()

    async def _write(self, status: Object) -> bool:
        """Try to write once, with a pause after a failure; False when the Pod is gone or replaced by another."""
        patch = {"metadata": {"uid": self._uid}, "status": status | _whole_addresses(status)}
        try:
            await self._api.patch(self._path, patch, content_type=STRATEGIC)
        except ApiError as error:
            if error.status == 404 or await self._replaced():
                return False
            logger.warning("%s: the API server refuses the status: %s", self._path, error)
            await asyncio.sleep(RETRY_SECONDS)
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.info("%s: the status is not written yet: %s", self._path, error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            self._written = status
        return True

    async def _replaced(self) -> bool:
        """Whether the API server is known to have no such Pod any more, or another one of its name."""
        try:
            found = await self._api.get_or_none(self._path)
        except (ApiError, aiohttp.ClientError, TimeoutError):
            return False
        return found is None or found["metadata"]["uid"] != self._uid


def _whole_addresses(status: Object) -> Object:
    """The lists of addresses, in place of those before: a Pod may come back with another one after its node was lost.

    A strategic merge would keep the old address beside the new one, and two of one family are refused.
    """
    lists = ("hostIPs", "podIPs")
    return {name: [{"$patch": "replace"}, *status[name]] for name in lists if name in status}
