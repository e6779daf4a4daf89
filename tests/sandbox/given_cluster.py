"""A cluster that somebody gives, with KServe and the Gateway API: a kind cluster, or a company's.

What it needs to be told stands in the environment; see `Given`. All that is made in it is removed again.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import secrets
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from tests.sandbox.apply import apply_documents
from tests.sandbox.helm import Helm, Release
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.rig import is_true
from tests.sandbox.sensor_stream import Endpoint
from tests.sandbox.tools import ensure
from tests.sandbox.waiting import wait_for

PREFIX = "WELDSERVE_E2E_"
STORE_PORT = 8080
DEFINITIONS = ("apiextensions.k8s.io/v1", "customresourcedefinitions")
DEFINITION = "weldmodels.weldserve.io"


class GivenError(Exception):
    """What the environment says of the cluster is not enough, or wrong; the text is one sentence."""


@dataclass(frozen=True)
class Given:
    """What a user says of a cluster, each in a variable `WELDSERVE_E2E_<NAME>`, and the cluster itself in KUBECONFIG.

    operator_image, predictor_image: as the cluster's nodes pull them, such as registry.example/weldserve/operator:0.1.0
    gateway: namespace/name of the Gateway; gateway_address: where this machine reaches it, such as http://127.0.0.1:8080
    gateway_address_inside: where Pods reach it, for `helm test`; pull_policy: of the images
    """

    kubeconfig: Path
    operator_image: str
    predictor_image: str
    gateway_address: str
    gateway_address_inside: str = ""
    gateway: str = "kserve/kserve-ingress-gateway"
    domain: str = "weldserve.example"
    pull_policy: str = "IfNotPresent"

    @classmethod
    def by(cls, environment: Mapping[str, str]) -> Given | None:
        """What the environment says; None when it names no image, which means the rig. Raises GivenError."""
        said = {
            name: environment[PREFIX + name.upper()]
            for name in cls.__dataclass_fields__
            if environment.get(PREFIX + name.upper())
        }
        if not said:
            return None
        for name in ("operator_image", "predictor_image", "gateway_address"):
            if name not in said:
                raise GivenError(f"{PREFIX}{name.upper()} is not set, and {PREFIX}{min(said).upper()} is: set both")
        if not environment.get("KUBECONFIG"):
            raise GivenError("KUBECONFIG is not set: name the file that leads to the cluster")
        return cls(kubeconfig=Path(environment["KUBECONFIG"]).resolve(), **said)


class GivenCluster:
    """A given cluster in use; use it as a context, which removes all that was made."""

    def __init__(self, given: Given, folder: Path, bundles: Mapping[str, Path]) -> None:
        """`bundles`: the folder of each bundle, by version."""
        self._given = given
        self._bundles = bundles
        programs = ensure(["kubectl", "helm"])
        self._kubectl = programs["kubectl"]
        self.helm = Helm(programs["helm"], folder / "helm", given.kubeconfig)
        self._port = free_port()
        command = [str(self._kubectl), f"--kubeconfig={given.kubeconfig}", "proxy", f"--port={self._port}"]
        self._proxy = Process("proxy", command, folder / "proxy.log", folder=folder)
        self._store = f"store-{secrets.token_hex(2)}"
        self._store_address = ""
        self._namespaces: list[str] = []
        self._owns_definition = False

    async def __aenter__(self) -> Self:
        self._proxy.start()
        await self._proxy.wait_ready(self._answers)
        try:
            await self._define()
            await self._open_store()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    def api(self) -> KubeApi:
        """A session by way of `kubectl proxy`, which knows every way of logging in."""
        return KubeApi(f"http://127.0.0.1:{self._port}", None, False)

    async def kubectl(self, *arguments: str, document: object = None) -> str:
        process = await asyncio.create_subprocess_exec(
            self._kubectl, f"--kubeconfig={self._given.kubeconfig}", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate(None if document is None else json.dumps(document).encode())
        if process.returncode != 0:
            raise RuntimeError(errors.decode().strip())
        return output.decode()

    def endpoint(self, namespace: str, model: str) -> Endpoint:
        return Endpoint(self._given.gateway_address, f"{model}.{namespace}.{self._given.domain}", model)

    def bundle_uri(self, version: str) -> str:
        return f"http://{self._store_address}/weld-{version}.tar.gz"

    def country_values(self, country: str, *namespaces: str) -> Object:
        gateway_namespace, _, gateway_name = self._given.gateway.partition("/")
        return {
            "country": country,
            "namespaces": list(namespaces),
            "domain": self._given.domain,
            "gateway": {
                "namespace": gateway_namespace,
                "name": gateway_name,
                "address": self._given.gateway_address_inside,
            },
            "operator": {"image": self._image(self._given.operator_image)},
            "predictor": {"image": self._image(self._given.predictor_image)},
            "networkPolicy": {"storePorts": [443, STORE_PORT]},
        }

    async def prepare_namespace(self, name: str) -> None:
        self._namespaces.append(name)
        async with self.api() as api:
            await apply_documents(api, [_namespace(name)])

    def _image(self, name: str) -> Object:
        """An image as the chart's values have it."""
        repository, _, digest = name.partition("@")
        head, slash, tail = repository.rpartition("/")
        tail, _, tag = tail.partition(":")
        first = head.partition("/")[0]
        registry = first if "." in first or ":" in first or first == "localhost" else ""
        path = (head + slash + tail).removeprefix(registry).lstrip("/")
        policy = self._given.pull_policy
        return {"registry": registry, "repository": path, "tag": tag, "digest": digest, "pullPolicy": policy}

    async def _answers(self) -> bool:
        try:
            async with self.api() as api:
                await api.get("/version")
        except (aiohttp.ClientError, ApiError):
            return False
        return True

    async def _define(self) -> None:
        """Install the WeldModel's definition, unless it is there."""
        async with self.api() as api:
            if await api.get_or_none(path_of(*DEFINITIONS, name=DEFINITION)) is not None:
                return
        self._owns_definition = True
        self._namespaces.append(self._store)
        await Release(self.helm, "weldserve-crds", self._store, "weldserve-crds").install({})

    async def _open_store(self) -> None:
        """A web server in the cluster, with the bundles."""
        if self._store not in self._namespaces:
            self._namespaces.append(self._store)
        files = {f"weld-{version}.tar.gz": _packed(folder) for version, folder in self._bundles.items()}
        async with self.api() as api:
            image, policy = self._given.predictor_image, self._given.pull_policy
            await apply_documents(api, _store_objects(self._store, image, policy, files))

            async def ready() -> bool:
                return is_true(await api.get(path_of("v1", "pods", self._store, self._store)), "Ready")

            await wait_for(ready, bool, seconds=180, what="store of bundles")
            service = await api.get(path_of("v1", "services", self._store, self._store))
        # By number: storage initializers are not made to wait for a name that is not known yet.
        address = service["spec"]["clusterIP"]
        self._store_address = f"[{address}]:{STORE_PORT}" if ":" in address else f"{address}:{STORE_PORT}"

    async def _leave(self) -> None:
        """Remove all that was made, whatever became of the tests."""
        try:
            for name in self._namespaces:
                await self.kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=180s")
            if self._owns_definition:
                await self.kubectl("delete", "crd", DEFINITION, "--ignore-not-found")
        finally:
            await self._proxy.stop()


def given_by_environment() -> Given | None:
    """What the environment of this process says."""
    return Given.by(os.environ)


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _packed(folder: Path) -> bytes:
    """The files of a folder as a compressed archive, without the folder itself."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return buffer.getvalue()


def _store_objects(name: str, image: str, policy: str, files: Mapping[str, bytes]) -> list[Object]:
    about = {"name": name, "namespace": name, "labels": {"app": name}}
    context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "store",
        "image": image,
        "imagePullPolicy": policy,
        "command": ["python3", "-m", "http.server", str(STORE_PORT), "--directory=/bundles"],
        "ports": [{"containerPort": STORE_PORT}],
        "readinessProbe": {"tcpSocket": {"port": STORE_PORT}, "periodSeconds": 1},
        "securityContext": context,
        "volumeMounts": [{"name": "bundles", "mountPath": "/bundles"}],
    }
    volume = {"name": "bundles", "configMap": {"name": name}}
    content = {key: base64.b64encode(value).decode() for key, value in files.items()}
    return [
        _namespace(name),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "binaryData": content},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": about,
            "spec": {"containers": [container], "volumes": [volume]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": about,
            "spec": {"selector": {"app": name}, "ports": [{"port": STORE_PORT}]},
        },
    ]
