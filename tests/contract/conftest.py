"""A cluster for the contract with KServe: a real control plane, stand-in nodes, and the stand-in for KServe."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract import kserve_recording, kserve_scenarios
from tests.contract.kserve_replay import NAMESPACE, Cluster
from tests.contract.kserve_scenarios import Replays
from tests.contract.stand_ins import bundles_claim, file_is_there, nodes, part
from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.schemas import install_schemas

PREREQUISITES = Path(__file__).parent / "kserve_prerequisites.yaml"
DOMAIN = "example.com"
NODES = 2


@pytest.fixture(scope="package")
async def kserve_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A control plane on which the stand-in for KServe serves, with what the recordings found there."""
    folder = tmp_path_factory.mktemp("kserve-cluster")
    async with await ControlPlane.start(folder / "control-plane") as plane:
        parts = [part(plane, folder, "kserve", f"--domain={DOMAIN}"), *nodes(plane, folder, NODES)]
        async with plane.api() as api:
            await install_schemas(api)
            await install_manifests(api, PREREQUISITES)
            await apply_documents(api, bundles_claim(NAMESPACE, folder / "bundles"))
        try:
            for each in parts:
                each.start()
            for each in parts:
                await each.wait_ready(file_is_there(folder / "kserve" / "ready"))
            yield plane
        finally:
            await asyncio.gather(*(each.stop() for each in parts))


@pytest.fixture(scope="module")
async def replays(kserve_cluster: ControlPlane, request: pytest.FixtureRequest) -> AsyncIterator[Replays]:
    """The replay of each recording that was selected, under way."""
    selected = [
        Path(str(item.callspec.params["recording"]))
        for item in request.session.items
        if isinstance(item, pytest.Function) and "replays" in item.fixturenames
    ]
    async with kserve_cluster.api() as api:
        cluster = Cluster(api)
        watching = asyncio.create_task(cluster.run())
        under_way = await kserve_scenarios.start(cluster, {path: kserve_recording.read(path) for path in selected})
        yield under_way
        for task in (*under_way.values(), watching):
            task.cancel()
        await asyncio.gather(*under_way.values(), return_exceptions=True)
        with contextlib.suppress(asyncio.CancelledError):
            await watching
