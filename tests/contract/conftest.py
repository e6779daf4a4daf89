"""A cluster for the contract with KServe: a real control plane, stand-in nodes, and the stand-in for KServe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.contract import kserve_recording, kserve_scenarios
from tests.contract.kserve_replay import NAMESPACE, Cluster
from tests.contract.kserve_scenarios import Replays
from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import Object
from tests.sandbox.process import Process
from tests.sandbox.schemas import install_schemas

ROOT = Path(__file__).parents[2]
PREREQUISITES = Path(__file__).parent / "kserve_prerequisites.yaml"
DOMAIN = "example.com"
CLAIM = "bundles"
NODES = 2


@pytest.fixture(scope="session")
async def kserve_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A control plane on which the stand-in for KServe serves, with what the recordings found there."""
    folder = tmp_path_factory.mktemp("kserve-cluster")
    async with await ControlPlane.start(folder / "control-plane") as plane:
        parts = _parts(plane, folder)
        async with plane.api() as api:
            await install_schemas(api)
            await install_manifests(api, PREREQUISITES)
            await apply_documents(api, _bundles(folder / "bundles"))
        try:
            for part in parts:
                part.start()
            for part in parts:
                await part.wait_ready(_file_is_there(folder / "kserve" / "ready"))
            yield plane
        finally:
            await asyncio.gather(*(part.stop() for part in parts))


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


def _parts(plane: ControlPlane, folder: Path) -> list[Process]:
    parts = [_part(plane, folder, "kserve", f"--domain={DOMAIN}")]
    for number in range(1, NODES + 1):
        flags = (f"--name=node-{number}", f"--zone=zone-{number}", "--region=region")
        parts.append(_part(plane, folder, "node", *flags, name=f"node-{number}"))
    return parts


def _part(plane: ControlPlane, folder: Path, module: str, *flags: str, name: str | None = None) -> Process:
    name = name or module
    command = [
        *(sys.executable, "-m", f"tests.sandbox.{module}"),
        *(f"--kubeconfig={plane.kubeconfig}", f"--folder={folder / name}"),
        *flags,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Process(name, command, folder / "logs" / f"{name}.log", environment=environment, folder=ROOT)


def _file_is_there(path: Path) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return await asyncio.to_thread(path.exists)

    return probe


def _bundles(folder: Path) -> list[Object]:
    """A claim with a folder `bundle` in it, and the volume behind it."""
    (folder / "bundle").mkdir(parents=True)
    size: Object = {"storage": "1Gi"}
    volume: Object = {
        "capacity": size,
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "hostPath": {"path": str(folder)},
        "claimRef": {"namespace": NAMESPACE, "name": CLAIM},
    }
    claim: Object = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "volumeName": CLAIM,
        "resources": {"requests": size},
    }
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": CLAIM}, "spec": volume},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": NAMESPACE},
            "spec": claim,
        },
    ]
