"""A cluster for the contract of traffic backends: a real control plane, and stand-ins for nodes, gateway and KServe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.contract.stand_ins import bundles_claim, file_is_there, nodes, part
from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.gateway.objects import gateway_objects
from tests.sandbox.knative_schemas import knative_definitions
from tests.sandbox.kube_api import KubeApi, Object
from tests.sandbox.process import Process, free_port
from tests.sandbox.rig import is_true
from tests.sandbox.schemas import install_schemas
from tests.sandbox.tools import ensure
from tests.sandbox.waiting import wait_for

ROOT = Path(__file__).parents[2]
DOMAIN = "example.com"
GATEWAY = ("kserve", "kserve-ingress-gateway")
GATEWAY_PATH = f"/apis/gateway.networking.k8s.io/v1/namespaces/{GATEWAY[0]}/gateways/{GATEWAY[1]}"
NODES = 2
SECONDS = 60


@dataclass
class TrafficCluster:
    """The running cluster; `gateway_url` is where every host's requests come in."""

    plane: ControlPlane
    api: KubeApi
    folder: Path
    gateway_url: str
    kserve: Process

    async def prepare(self, namespace: str) -> None:
        """A namespace in which InferenceServices with our runtime are served, by servers that say who they are."""
        await apply_documents(
            self.api,
            [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
                *bundles_claim(namespace, self.folder / "bundles"),
                _runtime(namespace),
            ],
        )

    async def restart_kserve(self, *without: str) -> None:
        """Another KServe in its place, one that lacks these parts."""
        await self.kserve.stop()
        (self.folder / "kserve" / "ready").unlink(missing_ok=True)
        self.kserve = _kserve(self.plane, self.folder, *without)
        self.kserve.start()
        await self.kserve.wait_ready(file_is_there(self.folder / "kserve" / "ready"))


@asynccontextmanager
async def traffic_cluster(folder: Path) -> AsyncIterator[TrafficCluster]:
    caddy = (await asyncio.to_thread(ensure, ["caddy"]))["caddy"]
    address = f"127.0.0.1:{free_port()}"
    async with await ControlPlane.start(folder / "control-plane") as plane, plane.api() as api:
        await install_schemas(api)
        await install_manifests(api, ROOT / "manifests" / "crd")
        await apply_documents(api, [*knative_definitions(), *gateway_objects(GATEWAY, int(address.rpartition(":")[2]))])
        flags = (f"--caddy={caddy}", f"--listen={address}", f"--gateway={'/'.join(GATEWAY)}")
        others = [part(plane, folder, "gateway", *flags), *nodes(plane, folder, NODES)]
        cluster = TrafficCluster(plane, api, folder, f"http://{address}", _kserve(plane, folder))
        try:
            for each in (*others, cluster.kserve):
                each.start()
            await cluster.kserve.wait_ready(file_is_there(folder / "kserve" / "ready"))
            await wait_for(
                lambda: api.get(GATEWAY_PATH),
                lambda found: is_true(found, "Programmed"),
                seconds=SECONDS,
                what="gateway",
            )
            yield cluster
        finally:
            await asyncio.gather(*(each.stop() for each in (*others, cluster.kserve)))


def _kserve(plane: ControlPlane, folder: Path, *without: str) -> Process:
    flags = (f"--domain={DOMAIN}", f"--gateway={'/'.join(GATEWAY)}", f"--without={','.join(('keda', *without))}")
    return part(plane, folder, "kserve", *flags)


def _runtime(namespace: str) -> Object:
    container: Object = {
        "name": "kserve-container",
        "image": "example.com/echo:1",
        "command": ["python3", "-m", "tests.sandbox.echo_server", "--listen=0.0.0.0"],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "weldserve", "namespace": namespace},
        "spec": {
            "supportedModelFormats": [{"name": "weldserve", "version": "1", "autoSelect": True}],
            "protocolVersions": ["v2"],
            "containers": [container],
        },
    }
