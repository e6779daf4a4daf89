"""The whole rig: a real control plane, and beside it nodes, a gateway, KServe's stand-in, and the product.

The product is installed as a user installs it: by Helm, from its charts; the stand-in nodes run its operator's Pods.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.sandbox.apply import apply_documents
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import Authority
from tests.sandbox.gateway.objects import gateway_objects
from tests.sandbox.helm import Helm, Release
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, StoppedAtItsEnd, free_port
from tests.sandbox.schemas import Source, install_schemas
from tests.sandbox.sensor_stream import Endpoint
from tests.sandbox.tools import ensure

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"

DOMAIN = "weldserve.example"
GATEWAY = ("kserve", "kserve-ingress-gateway")
RELEASE = "weldserve"
RELEASE_NAMESPACE = "weldserve-system"
COUNTRY_NAMESPACE = "plant-a"
CLAIM = "bundles"
PROGRAMS = ("caddy", "helm")
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


class Rig(StoppedAtItsEnd):
    """A running rig; make one with `await Rig.start(folder)`, and use it as a context or stop it.

    Attributes: `plane`, the control plane; `bundles`, the folder behind `pvc://bundles/`; `machines`, the processes by
    name; `schemas`, where the third-party resource definitions came from; `release`, the country's chart as installed;
    `authority`, whose certificates the cluster's storage initializers trust.
    """

    def __init__(self, folder: Path, plane: ControlPlane, programs: dict[str, Path]) -> None:
        self.folder = folder
        self.plane = plane
        self.bundles = folder / "bundles"
        self.address = f"127.0.0.1:{free_port()}"
        self.schemas: Source | None = None
        self.machines: dict[str, Process] = {}
        self.helm = Helm(programs["helm"], folder / "helm", plane.kubeconfig)
        self.release = Release(self.helm, RELEASE, RELEASE_NAMESPACE)
        self.gateway = self.part(
            "gateway", f"--caddy={programs['caddy']}", f"--listen={self.address}", f"--gateway={'/'.join(GATEWAY)}"
        )
        self.authority = Authority(folder / "site", "site-ca")
        trusted = f"--storage-variable=REQUESTS_CA_BUNDLE={self.authority.certificate}"
        self.kserve = self.part("kserve", f"--domain={DOMAIN}", "--without=knative,keda", trusted)

    @classmethod
    async def start(cls, folder: Path, *, machines: int = 3, say: Callable[[str], None] = lambda _: None) -> Self:
        """Start everything in `folder` (absolute, existing) and wait until WeldModels can be applied in `plant-a`.

        Raises ToolError, ProcessError or HelmError.
        """
        say("control plane: etcd, API server, controllers, scheduler")
        programs = await asyncio.to_thread(ensure, PROGRAMS)
        rig = cls(folder, await ControlPlane.start(folder / "control-plane"), programs)
        try:
            await rig._start_parts(machines, say)
            await rig._install_product(say)
        except BaseException:
            await rig.stop()
            raise
        return rig

    async def stop(self) -> None:
        """End every process by its own pid; none is left when it returns."""
        await asyncio.gather(self.kserve.stop(), self.gateway.stop(), *(m.stop() for m in self.machines.values()))
        await self.plane.stop()

    def api(self) -> KubeApi:
        """A session as administrator; the caller closes it."""
        return self.plane.api()

    def endpoint(self, namespace: str, model: str) -> Endpoint:
        return Endpoint(f"http://{self.address}", f"{model}.{namespace}.{DOMAIN}", model)

    def bundle_uri(self, version: str) -> str:
        """Where the claim `bundles` keeps the bundle of a version."""
        return f"pvc://{CLAIM}/weld-{version}"

    def country_values(self, country: str, *namespaces: str) -> Object:
        """The values of a country's chart in this rig; its namespaces must exist."""
        return country_values(country, *namespaces, gateway_address=f"http://{self.address}")

    async def start_machine(self, machine: Machine) -> None:
        process = self.part(
            "node",
            f"--name={machine.name}",
            f"--zone={machine.zone}",
            f"--region={machine.region}",
            name=machine.name,
        )
        self.machines[machine.name] = process
        process.start()

    async def operators(self, release: Release | None = None) -> list[Object]:
        """The Pods of a release's operator (the rig's own by default) that are not being deleted."""
        of = release or self.release
        selector = f"app.kubernetes.io/instance={of.name},app.kubernetes.io/name=weldserve-operator"
        async with self.api() as api:
            pods = await api.list(path_of("v1", "pods", of.namespace), label_selector=selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    async def leader(self) -> Object | None:
        """The Pod that the Lease of the rig's own release names; None while it names none that is there."""
        path = path_of("coordination.k8s.io/v1", "leases", self.release.namespace, f"{self.release.name}-operator")
        async with self.api() as api:
            lease = await api.get_or_none(path)
        holder = (lease or {"spec": {}})["spec"].get("holderIdentity")
        return next((pod for pod in await self.operators() if pod["metadata"]["name"] == holder), None)

    async def kill_pod(self, pod: Object) -> None:
        """SIGKILL to the Pod's processes, as a crash would; its node starts its containers again."""
        for status in pod["status"]["containerStatuses"]:
            if "running" in status["state"]:
                os.killpg(process_id(status), signal.SIGKILL)

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

    async def _start_parts(self, machines: int, say: Callable[[str], None]) -> None:
        self.bundles.mkdir(exist_ok=True)
        async with self.api() as api:
            say("resource definitions: KServe, Gateway API")
            self.schemas = await install_schemas(api)
            await apply_documents(api, gateway_objects(GATEWAY, int(self.address.rpartition(":")[2])))
            say("KServe's stand-in, the gateway, the machines")
            self.kserve.start()
            self.gateway.start()
            for machine in MACHINES[:machines]:
                await self.start_machine(machine)
            await self._wait_for_parts(api, machines)

    async def _install_product(self, say: Callable[[str], None]) -> None:
        say("the WeldModel's definition: helm install weldserve-crds")
        await Release(self.helm, "weldserve-crds", RELEASE_NAMESPACE, "weldserve-crds").install({})
        say("the operator, and the runtime of its predictors: helm install weldserve")
        await self.prepare_namespace(COUNTRY_NAMESPACE)
        await self.release.install(self.country_values("br", COUNTRY_NAMESPACE))

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

    async def _wait_for_claim(self, api: KubeApi, namespace: str) -> None:
        path = path_of("v1", "persistentvolumeclaims", namespace, CLAIM)
        for _ in range(300):
            if (await api.get(path)).get("status", {}).get("phase") == "Bound":
                return
            await asyncio.sleep(WAIT_PAUSE_SECONDS)
        raise RuntimeError(f"the claim {namespace}/{CLAIM} is not bound after {300 * WAIT_PAUSE_SECONDS:g} s")

    def part(self, module: str, *flags: str, name: str = "") -> Process:
        """A part of the rig, not started: a module of `tests.sandbox` that takes a kubeconfig and a folder."""
        name = name or module
        command = [
            sys.executable, "-m", f"tests.sandbox.{module}",
            f"--kubeconfig={self.plane.kubeconfig}",
            f"--folder={self.folder / name}",
            *flags,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return Process(name, command, self.folder / "logs" / f"{name}.log", environment=environment, folder=ROOT)


def process_id(status: Object) -> int:
    """The process of a running container, from its status on a stand-in node."""
    return int(status["containerID"].removeprefix("process://").partition("-")[0])


def country_values(country: str, *namespaces: str, gateway_address: str = "") -> Object:
    """The values of a country's chart for the rig's Gateway, with a Lease that is quickly given up."""
    gateway_namespace, gateway_name = GATEWAY
    return {
        "country": country,
        "namespaces": list(namespaces),
        "domain": DOMAIN,
        "gateway": {"namespace": gateway_namespace, "name": gateway_name, "address": gateway_address},
        "operator": {"leaseDuration": "6s", "leaseRenewDeadline": "4s", "leaseRetry": "1s"},
    }


def is_true(body: Object, condition: str) -> bool:
    """Whether the object's status has this condition with status True."""
    conditions = body.get("status", {}).get("conditions", [])
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)


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
