"""A cluster that somebody gives, with KServe and the Gateway API: a kind cluster, or a company's.

What it needs to be told stands in the environment; see `Given`. What is made in it lies in namespaces of random names,
beside the WeldModel's definition where there was none, and is removed again.
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
from contextlib import AsyncExitStack
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
MARK = {"app.kubernetes.io/part-of": "weldserve-e2e"}
"""The label of all namespaces that are made."""
NEEDED = ("operator_image", "predictor_image", "gateway_address")


class GivenError(Exception):
    """What the environment says of the cluster is not enough, or wrong; the text is one sentence."""


@dataclass(frozen=True)
class Given:
    """What a user says of a cluster, each in a variable `WELDSERVE_E2E_<NAME>`, and the cluster itself in KUBECONFIG.

    operator_image, predictor_image: as the cluster's nodes pull them, such as registry.example/weldserve/operator:0.1.0
    gateway: namespace/name of the Gateway; gateway_address: where this machine reaches it, such as http://127.0.0.1:8080
    gateway_address_inside: where Pods reach it, for `helm test`; gateway_namespaces: where its data plane runs, if not
    in its own namespace, separated by commas; pull_policy: of the images
    """

    kubeconfig: Path
    operator_image: str
    predictor_image: str
    gateway_address: str
    gateway_address_inside: str = ""
    gateway: str = "kserve/kserve-ingress-gateway"
    gateway_namespaces: str = ""
    domain: str = "weldserve.example"
    pull_policy: str = "IfNotPresent"

    @classmethod
    def by(cls, environment: Mapping[str, str]) -> Given | None:
        """What the environment says; None when it says nothing, which means the rig. Raises GivenError."""
        names = [name for name in cls.__dataclass_fields__ if name != "kubeconfig"]
        said = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if _is_ours(name)}
        unknown = sorted(set(said) - set(names))
        if unknown:
            raise GivenError(f"{_variable(unknown[0])} is not known; known are {', '.join(map(_variable, names))}")
        said = {name: value for name, value in said.items() if value}
        if not said:
            return None
        missing = [name for name in NEEDED if name not in said]
        if missing:
            raise GivenError(f"{_variable(missing[0])} is not set, and {_variable(min(said))} is: set both")
        for name in ("operator_image", "predictor_image"):
            if not _tag_and_digest(said[name]):
                raise GivenError(f"{_variable(name)} names {said[name]}, which has neither a tag nor a digest")
        kubeconfig = Path(environment.get("KUBECONFIG", ""))
        if not kubeconfig.is_file():
            raise GivenError("KUBECONFIG must name the one file that leads to the cluster")
        return cls(kubeconfig=kubeconfig.resolve(), **said)


def given_by_environment() -> Given | None:
    """What the environment of this process says. Raises GivenError."""
    return Given.by(os.environ)


def image_values(name: str, pull_policy: str) -> Object:
    """An image as the chart's values have it, of its name: [registry/]repository[:tag][@digest]."""
    path, _, digest = name.partition("@")
    head, _, last = path.rpartition("/")
    last, _, tag = last.partition(":")
    first, _, rest = head.partition("/")
    registry = first if "." in first or ":" in first or first == "localhost" else ""
    folder = rest if registry else head
    repository = f"{folder}/{last}" if folder else last
    return {"registry": registry, "repository": repository, "tag": tag, "digest": digest, "pullPolicy": pull_policy}


def _is_ours(variable: str) -> bool:
    return variable.startswith(PREFIX)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _tag_and_digest(image: str) -> str:
    values = image_values(image, "")
    return str(values["tag"] + values["digest"])


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
        self._store = f"store-{secrets.token_hex(3)}"
        self._store_address = ""
        self._namespaces: list[str] = []
        self._leaving = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as leaving:
            leaving.push_async_callback(self._proxy.stop)
            self._proxy.start()
            await self._proxy.wait_ready(self._answers)
            owns_definition = not await self._is_defined()
            if owns_definition:
                leaving.push_async_callback(self._delete, "crd", DEFINITION)
            leaving.push_async_callback(self._delete_namespaces)
            leaving.push_async_callback(self._uninstall_releases)
            await self.prepare_namespace(self._store)
            if owns_definition:
                await Release(self.helm, "weldserve-crds", self._store, "weldserve-crds").install({})
            await self._open_store()
            self._leaving = leaving.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove all that was made, whatever became of the tests; a step that fails keeps no other from being done."""
        await self._leaving.aclose()

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
            "operator": {"image": image_values(self._given.operator_image, self._given.pull_policy)},
            "predictor": {"image": image_values(self._given.predictor_image, self._given.pull_policy)},
            "networkPolicy": {
                "gatewayNamespaces": [name for name in self._given.gateway_namespaces.split(",") if name],
                "storePorts": [443, STORE_PORT],
            },
        }

    async def prepare_namespace(self, name: str) -> None:
        """Make a namespace, which is deleted at the end; so one that is there already is left alone: GivenError."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": MARK}}
        async with self.api() as api:
            try:
                await api.create(path_of("v1", "namespaces"), body)
            except ApiError as error:
                raise GivenError(f"namespace {name} cannot be made: {error}") from error
        self._namespaces.append(name)

    async def _answers(self) -> bool:
        try:
            async with self.api() as api:
                await api.get("/version")
        except (aiohttp.ClientError, ApiError):
            return False
        return True

    async def _is_defined(self) -> bool:
        async with self.api() as api:
            return await api.get_or_none(path_of(*DEFINITIONS, name=DEFINITION)) is not None

    async def _open_store(self) -> None:
        """A web server in the cluster, with the bundles."""
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

    async def _uninstall_releases(self) -> None:
        """What Helm made outside of the namespaces goes too; with what it keeps, the namespaces go."""
        results = await asyncio.gather(*map(self._uninstall_from, self._namespaces), return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            raise ExceptionGroup("releases that stay", failures)

    async def _uninstall_from(self, namespace: str) -> None:
        for name in (await self.helm.run("list", "--short", f"--namespace={namespace}")).split():
            await Release(self.helm, name, namespace).uninstall()

    async def _delete_namespaces(self) -> None:
        if self._namespaces:
            await self._delete("namespace", *self._namespaces)

    async def _delete(self, kind: str, *names: str) -> None:
        await self.kubectl("delete", kind, *names, "--ignore-not-found", "--timeout=180s")


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
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "binaryData": content},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": about,
            "spec": {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 1},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": about,
            "spec": {"selector": {"app": name}, "ports": [{"port": STORE_PORT}]},
        },
    ]
