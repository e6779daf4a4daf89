"""The controller's loop: what changed in the cluster goes to Caddy, and what became of it into statuses."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import aiohttp

from tests.sandbox.gateway.attachment import GROUP
from tests.sandbox.gateway.backends import Services
from tests.sandbox.gateway.caddy import Caddy, ConfigRefusedError
from tests.sandbox.gateway.caddy_config import caddy_config
from tests.sandbox.gateway.conditions import gateway_status, route_parents
from tests.sandbox.gateway.data_plane import DataPlane
from tests.sandbox.gateway.rules import ordered_rules
from tests.sandbox.gateway.upstreams import SlotFiles, slot_contents
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.watching import Cache, synced

logger = logging.getLogger(__name__)

# Changes that come together make one configuration.
COALESCE_SECONDS = 0.02
RETRY_SECONDS = 0.5


class Controller:
    """Serves one Gateway, named by namespace and name, with one Caddy; `host` is the address that its status states."""

    def __init__(self, api: KubeApi, caddy: Caddy, gateway: tuple[str, str], plane: DataPlane, host: str) -> None:
        self._api = api
        self._caddy = caddy
        self._gateway = gateway
        self._plane = plane
        self._slots = SlotFiles(plane.slots)
        self._host = host
        self._changed = asyncio.Event()
        self._gateways = self._cache(f"{GROUP}/v1", "gateways")
        self._routes = self._cache(f"{GROUP}/v1", "httproutes")
        self._services = self._cache("v1", "services")
        self._pods = self._cache("v1", "pods")
        self._loaded: Object = {}
        self._refusal = ""

    async def run(self) -> None:
        """Serve for ever; raises CaddyError when Caddy ends by itself."""
        caches = (self._gateways, self._routes, self._services, self._pods)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._caddy.ended())
            for cache in caches:
                tasks.create_task(cache.run())
            await synced(caches)
            while True:
                await self._changed.wait()
                await asyncio.sleep(COALESCE_SECONDS)
                self._changed.clear()
                try:
                    await self._program()
                    await self._write_statuses()
                except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                    logger.warning("trying again after: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
                    self._changed.set()

    async def _program(self) -> None:
        gateway = self._gateways.get(*self._gateway)
        rules = [] if gateway is None else ordered_rules(gateway, self._routes.all())
        services = Services(self._services.all(), self._pods.all())
        contents = slot_contents(rules, services, self._plane)
        self._slots.write(contents)
        config = caddy_config(rules, self._plane)
        if config != self._loaded:
            await self._load(config)
        if not self._refusal:
            self._slots.remove_others(contents)

    async def _load(self, config: Object) -> None:
        try:
            await self._caddy.load(config)
            self._refusal = ""
        except ConfigRefusedError as error:
            logger.error("Caddy refuses the configuration: %s", error)
            self._refusal = f"Caddy refuses the configuration: {error}"
        self._loaded = config

    async def _write_statuses(self) -> None:
        gateway = self._gateways.get(*self._gateway)
        if gateway is None:
            return
        now = datetime.now(UTC)
        routes = self._routes.all()
        await self._write("gateways", gateway, gateway_status(gateway, routes, self._host, self._refusal, now))
        services = Services(self._services.all(), self._pods.all())
        for route in routes:
            parents = route_parents(gateway, route, services, now)
            if parents or route.get("status"):
                await self._write("httproutes", route, {"parents": parents})

    async def _write(self, plural: str, item: Object, status: Object) -> None:
        """Write those fields of a status that differ; a conflict is left to the change that made it."""
        known = item.get("status", {})
        if all(known.get(key) == value for key, value in status.items()):
            return
        metadata = item["metadata"]
        path = path_of(f"{GROUP}/v1", plural, metadata["namespace"], metadata["name"], "status")
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": status}
        try:
            await self._api.patch(path, patch)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def _cache(self, api_version: str, plural: str) -> Cache:
        return Cache(self._api, path_of(api_version, plural), self._changed)
