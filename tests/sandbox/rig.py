"""The whole rig: a real control plane, and beside it nodes, a gateway, KServe's stand-in, and the product's operator.

The operator runs as a process of its own, with a token of its ServiceAccount and only the rights in `manifests/`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.schemas import Source, install_schemas
from tests.sandbox.sensor_stream import Endpoint
from tests.sandbox.tools import ensure

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"

DOMAIN = "weldserve.example"
GATEWAY = ("kserve", "kserve-ingress-gateway")
OPERATOR_NAMESPACE = "weldserve-system"
OPERATOR_ACCOUNT = "weldserve-operator"
CLAIM = "bundles"
WAIT_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Machine:
    """A stand-in node: its name, and where it stands."""

    name: str
    zone: str
    region: str = "br-south"


MACHINES = (
    Machine("machine-1", "br-south-a"),
    Machine("machine-2", "br-south-b"),
    Machine("machine-3", "br-south-c"),
)


class Rig:
    """A running rig; make one with `await Rig.start(folder)`, and use it as a context or stop it.

    Attributes: `plane`, the control plane; `bundles`, the folder behind `pvc://bundles/`; `machines` and `operators`,
    the processes by name; `schemas`, where the third-party resource definitions came from.
    """

    def __init__(self, folder: Path, plane: ControlPlane, caddy: Path) -> None:
        self.folder = folder
        self.plane = plane
        self.bundles = folder / "bundles"
        self.address = f"127.0.0.1:{free_port()}"
        self.schemas: Source | None = None
        self.machines: dict[str, Process] = {}
        self.operators: dict[str, Process] = {}
        self.operator_urls: dict[str, str] = {}
        self._operator_kubeconfig: Path | None = None
        self.gateway = self._part(
            "gateway", f"--caddy={caddy}", f"--listen={self.address}", f"--gateway={'/'.join(GATEWAY)}"
        )
        self.kserve = self._part("kserve", f"--domain={DOMAIN}", "--without=knative,keda")

    @classmethod
    async def start(
        cls, folder: Path, *, machines: int = 3, operators: int = 1, say: Callable[[str], None] = lambda _: None
    ) -> Self:
        """Start everything in `folder` (absolute, existing) and wait until WeldModels can be applied in `plant-a`.

        Raises ToolError or ProcessError.
        """
        say("control plane: etcd, API server, controllers, scheduler")
        caddy = (await asyncio.to_thread(ensure, ["caddy"]))["caddy"]
        rig = cls(folder, await ControlPlane.start(folder / "control-plane"), caddy)
        try:
            await rig._start_parts(machines, operators, say)
        except BaseException:
            await rig.stop()
            raise
        return rig

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End every process by its own pid; none is left when it returns."""
        await asyncio.gather(*(operator.stop() for operator in self.operators.values()))
        await asyncio.gather(self.kserve.stop(), self.gateway.stop(), *(m.stop() for m in self.machines.values()))
        await self.plane.stop()

    def api(self) -> KubeApi:
        """A session as administrator; the caller closes it."""
        return self.plane.api()

    def endpoint(self, namespace: str, model: str) -> Endpoint:
        return Endpoint(f"http://{self.address}", f"{model}.{namespace}.{DOMAIN}", model)

    async def start_machine(self, machine: Machine) -> None:
        process = self._part(
            "node",
            f"--name={machine.name}",
            f"--zone={machine.zone}",
            f"--region={machine.region}",
            name=machine.name,
        )
        self.machines[machine.name] = process
        process.start()

    async def start_operator(self, name: str, *flags: str) -> Process:
        """One more replica of the operator."""
        if self._operator_kubeconfig is None:
            async with self.api() as api:
                self._operator_kubeconfig = await service_account_kubeconfig(
                    api, OPERATOR_NAMESPACE, OPERATOR_ACCOUNT, self.folder / "operator.kubeconfig"
                )
        port = free_port()
        self.operator_urls[name] = f"http://127.0.0.1:{port}"
        command = [
            sys.executable, "-m", "weld_operator",
            f"--kubeconfig={self._operator_kubeconfig}",
            f"--gateway-namespace={GATEWAY[0]}",
            f"--gateway-name={GATEWAY[1]}",
            f"--domain={DOMAIN}",
            f"--lease-namespace={OPERATOR_NAMESPACE}",
            f"--identity={name}",
            "--listen-address=127.0.0.1",
            f"--http-port={port}",
            *flags,
        ]  # fmt: skip
        process = Process(name, command, self.folder / "logs" / f"{name}.log", folder=self.folder)
        self.operators[name] = process
        process.start()
        return process

    async def prepare_namespace(self, name: str) -> None:
        """Make a namespace in which WeldModels can find bundles (`pvc://bundles/...`) and the serving runtime."""
        documents: list[Object] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            _volume(name, self.bundles),
            _claim(name),
        ]
        async with self.api() as api:
            await apply_documents(api, documents)
            await self._wait_for_claim(api, name)

    async def kubectl(self, *arguments: str, document: object = None) -> str:
        """What kubectl prints, as administrator; RuntimeError with its words when it fails."""
        process = await asyncio.create_subprocess_exec(
            self.plane.tools["kubectl"], f"--kubeconfig={self.plane.kubeconfig}", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        given = None if document is None else json.dumps(document).encode()
        output, errors = await process.communicate(given)
        if process.returncode != 0:
            raise RuntimeError(errors.decode().strip())
        return output.decode()

    async def _start_parts(self, machines: int, operators: int, say: Callable[[str], None]) -> None:
        self.bundles.mkdir(exist_ok=True)
        async with self.api() as api:
            say("resource definitions: KServe, Gateway API, WeldModel")
            self.schemas = await install_schemas(api)
            await install_manifests(api, MANIFESTS / "crd", MANIFESTS / "operator", MANIFESTS / "runtime")
            await apply_documents(api, _gateway())
            # The stand-in nodes run the operator's Deployment as little as a laptop does: here it is a process.
            await api.delete(path_of("apps/v1", "deployments", OPERATOR_NAMESPACE, OPERATOR_ACCOUNT))
            say("KServe's stand-in, the gateway, the machines")
            self.kserve.start()
            self.gateway.start()
            for machine in MACHINES[:machines]:
                await self.start_machine(machine)
            await self._wait_for_parts(api, machines)
        await self.prepare_namespace("plant-a")
        say("the operator")
        for number in range(1, operators + 1):
            await self.start_operator(f"operator-{number}")
        await self._wait_for_operators()

    async def _wait_for_parts(self, api: KubeApi, machines: int) -> None:
        async def nodes_ready() -> bool:
            nodes = await api.list(path_of("v1", "nodes"))
            return sum(is_true(node, "Ready") for node in nodes) >= machines

        async def webhooks_answer() -> bool:
            return (self.folder / "kserve" / "ready").exists()

        async def gateway_programmed() -> bool:
            return is_true(await api.get(path_of("gateway.networking.k8s.io/v1", "gateways", *GATEWAY)), "Programmed")

        for process in self.machines.values():
            await process.wait_ready(nodes_ready)
        await self.kserve.wait_ready(webhooks_answer)
        await self.gateway.wait_ready(gateway_programmed)

    async def _wait_for_operators(self) -> None:
        async with aiohttp.ClientSession() as session:
            for name, process in self.operators.items():
                url = f"{self.operator_urls[name]}/readyz"

                async def ready(url: str = url) -> bool:
                    try:
                        async with session.get(url) as response:
                            return response.status == 200
                    except aiohttp.ClientError:
                        return False

                await process.wait_ready(ready)

    async def _wait_for_claim(self, api: KubeApi, namespace: str) -> None:
        path = path_of("v1", "persistentvolumeclaims", namespace, CLAIM)
        for _ in range(300):
            if (await api.get(path)).get("status", {}).get("phase") == "Bound":
                return
            await asyncio.sleep(WAIT_PAUSE_SECONDS)
        raise RuntimeError(f"the claim {namespace}/{CLAIM} is not bound after {300 * WAIT_PAUSE_SECONDS:g} s")

    def _part(self, module: str, *flags: str, name: str = "") -> Process:
        name = name or module
        command = [
            sys.executable, "-m", f"tests.sandbox.{module}",
            f"--kubeconfig={self.plane.kubeconfig}",
            f"--folder={self.folder / name}",
            *flags,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return Process(name, command, self.folder / "logs" / f"{name}.log", environment=environment, folder=ROOT)


def is_true(body: Object, condition: str) -> bool:
    """Whether the object's status has this condition with status True."""
    conditions = body.get("status", {}).get("conditions", [])
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)


def _gateway() -> list[Object]:
    namespace, name = GATEWAY
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "sandbox"},
            "spec": {"controllerName": "weldserve.io/sandbox-gateway"},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"gatewayClassName": "sandbox", "listeners": [listener]},
        },
    ]


def _volume(namespace: str, folder: Path) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{CLAIM}-{namespace}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadOnlyMany"],
            "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(folder), "type": "Directory"},
            "claimRef": {"namespace": namespace, "name": CLAIM},
        },
    }


def _claim(namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "storageClassName": "",
            "volumeName": f"{CLAIM}-{namespace}",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
