"""The WeldModels of a fleet: made, changed, and watched by their user."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from tests.fleet.played_kserve import PlayedFleet
from tests.integration.played_site import NAMESPACE, place
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from weld_api.names import MODEL_LABEL
from weld_operator.kinds import WELD_MODEL

AT_ONCE = 8
PAUSE_SECONDS = 0.2
REACTION_SECONDS = 30.0
FIRST_MOST_REPLICAS, LAST_MOST_REPLICAS = 8, 1000
"""The latter is the most that a WeldModel may have."""


class Fleet:
    """WeldModels `line-0000` and so on in one namespace; `regions` in each, none for one without regions."""

    def __init__(self, api: KubeApi, played: PlayedFleet, regions: Sequence[str]) -> None:
        self.regions = regions
        self.names: list[str] = []
        self._api = api
        self._phases: dict[str, str] = {}
        self._services: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """maxReplicas of the InferenceServices of each WeldModel."""
        self._changed = asyncio.Event()
        self._changes = 0
        played.seen.append(self._see_service)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @property
    def parts(self) -> int:
        """InferenceServices of one WeldModel at rest."""
        return max(len(self.regions), 1)

    def phases(self) -> Counter[str]:
        return Counter(self._phases.get(name, "") for name in self.names)

    async def grow(self, models: int) -> None:
        """Make WeldModels until there are so many."""
        fresh = [f"line-{number:04}" for number in range(len(self.names), models)]
        self.names += fresh
        waiting = iter(fresh)

        async def make() -> None:
            for name in waiting:
                await self._api.create(path_of(WELD_MODEL.api_version, WELD_MODEL.plural, NAMESPACE), self._body(name))

        await asyncio.gather(*(make() for _ in range(AT_ONCE)))

    async def until_serving(self, seconds: float) -> None:
        """Wait until every WeldModel serves."""
        deadline = time.monotonic() + seconds
        while self.phases() != {"Serving": len(self.names)}:
            assert time.monotonic() < deadline, f"after {seconds:g} s the fleet is {dict(self.phases())}"
            await asyncio.sleep(PAUSE_SECONDS)

    async def change(self, name: str) -> float:
        """Let a WeldModel have other replicas at the most; gives the seconds until all its InferenceServices do."""
        self._changes += 1
        most = FIRST_MOST_REPLICAS + 1 + self._changes % (LAST_MOST_REPLICAS - FIRST_MOST_REPLICAS)
        began = time.monotonic()
        await self._api.patch(place(WELD_MODEL, name), {"spec": {"serving": {"scaling": {"maxReplicas": most}}}})
        async with asyncio.timeout(REACTION_SECONDS):
            while list(self._services[name].values()) != [most] * self.parts:
                self._changed.clear()
                await self._changed.wait()
        return time.monotonic() - began

    def _body(self, name: str) -> Object:
        number = int(name.rpartition("-")[2])
        shares = [100 // self.parts] * self.parts
        shares[0] += 100 - sum(shares)
        others = {region: [other for other in self.regions if other != region] for region in self.regions}
        regions = [
            {"name": region, "cluster": {"local": {}}, "share": share, "failoverTo": others[region]}
            for region, share in zip(self.regions, shares, strict=False)
        ]
        return {
            "apiVersion": WELD_MODEL.api_version,
            "kind": WELD_MODEL.name,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "asset": {"kind": "PipelineWeld", "site": name},
                "model": {
                    "version": "1.0.0",
                    "uri": f"s3://models/{name}/1.0.0",
                    "sha256": f"{number:08x}" * 8,
                    "resources": {"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
                },
                "workload": {"readingsPerTick": 10000},
                "serving": {"scaling": {"minReplicas": 2, "maxReplicas": FIRST_MOST_REPLICAS}},
                **({"regions": regions} if regions else {}),
            },
        }

    def _see_service(self, change: str, body: Object) -> None:
        about = body["metadata"]
        services = self._services[about.get("labels", {}).get(MODEL_LABEL, "")]
        if change == "DELETED":
            services.pop(about["name"], None)
        else:
            services[about["name"]] = int(body["spec"]["predictor"]["maxReplicas"])
        self._changed.set()

    async def _follow(self) -> None:
        path = path_of(WELD_MODEL.api_version, WELD_MODEL.plural, NAMESPACE)
        while True:
            listing = await self._api.request("GET", path)
            for body in listing["items"]:
                self._see_model(body)
            version = listing["metadata"]["resourceVersion"]
            try:
                while True:
                    async for change, body in self._api.watch(path, resource_version=version):
                        version = body["metadata"]["resourceVersion"]
                        if change != "BOOKMARK":
                            self._see_model(body)
            except (ApiError, aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)

    def _see_model(self, body: Object) -> None:
        self._phases[body["metadata"]["name"]] = body.get("status", {}).get("phase", "")
