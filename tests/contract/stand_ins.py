"""The stand-ins of a cluster as processes, and a claim from which their Pods get bundles."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import Object
from tests.sandbox.process import Process

ROOT = Path(__file__).parents[2]
CLAIM = "bundles"


def part(plane: ControlPlane, folder: Path, module: str, *flags: str, name: str | None = None) -> Process:
    """A stand-in, not started; its files are in `folder`, in a folder of its name."""
    name = name or module
    command = [
        *(sys.executable, "-m", f"tests.sandbox.{module}"),
        *(f"--kubeconfig={plane.kubeconfig}", f"--folder={folder / name}"),
        *flags,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Process(name, command, folder / "logs" / f"{name}.log", environment=environment, folder=ROOT)


def nodes(plane: ControlPlane, folder: Path, number: int) -> list[Process]:
    """So many nodes, each in a zone of its own."""
    return [
        part(plane, folder, "node", f"--name=node-{one}", f"--zone=zone-{one}", "--region=region", name=f"node-{one}")
        for one in range(1, number + 1)
    ]


def file_is_there(path: Path) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return await asyncio.to_thread(path.exists)

    return probe


def bundles_claim(namespace: str, folder: Path) -> list[Object]:
    """A claim with a folder `bundle` in it, and the volume behind it, which has the namespace's name."""
    (folder / "bundle").mkdir(parents=True, exist_ok=True)
    size: Object = {"storage": "1Gi"}
    volume: Object = {
        "capacity": size,
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "hostPath": {"path": str(folder)},
        "claimRef": {"namespace": namespace, "name": CLAIM},
    }
    claim: Object = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "volumeName": f"{CLAIM}-{namespace}",
        "resources": {"requests": size},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{CLAIM}-{namespace}"},
            "spec": volume,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": namespace},
            "spec": claim,
        },
    ]
