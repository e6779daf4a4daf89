"""A real API server and the real operator, with what stands around them played by hand.

KServe, the Gateway and the Deployments' controller are played, so that what the operator asks for is seen alone. It has
the rights of its chart and no others.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.integration.operator_rights import ACCOUNT, HOME, operator_rights
from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.rig import DOMAIN, GATEWAY
from tests.sandbox.schemas import install_schemas
from tests.sandbox.waiting import wait_for
from weld_api.names import predictor_name
from weld_operator import kinds
from weld_operator.kinds import DEPLOYMENT, INFERENCE_SERVICE, LEASE, Kind

ROOT = Path(__file__).parents[2]
NAMESPACE = "plant-a"
PREDICTOR_ACCOUNT = "weldserve-predictor"
WITHIN_SECONDS = 20.0
SHORT_LEASE = ("--lease-duration=3s", "--lease-renew-deadline=2s", "--lease-retry=500ms")

_READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T12:00:00Z"}


class PlayedSite:
    """A site whose operators are started and stopped by name."""

    def __init__(self, plane: ControlPlane, api: KubeApi, folder: Path) -> None:
        self.plane = plane
        self.api = api
        self._folder = folder
        self.operators: dict[str, Process] = {}
        self._urls: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        folder: Path,
        *,
        admission_plugins: Sequence[str] = (),
        definition: Object | None = None,
        shards: int = 1,
    ) -> AsyncIterator[PlayedSite]:
        """Start one with a Gateway that is programmed; `definition` of the WeldModel, the present one when absent.

        `shards`: as many as its operators may lead.
        """
        plane = await ControlPlane.start(folder / "plane", admission_plugins=admission_plugins)
        async with plane, plane.api() as api:
            await plane.stop_controllers()
            if definition is None:
                await install_manifests(api, ROOT / "manifests" / "crd")
            else:
                await apply_documents(api, [definition])
            await install_schemas(api)
            site = cls(plane, api, folder)
            await site._prepare(shards)
            try:
                yield site
            finally:
                await asyncio.gather(*(operator.stop() for operator in site.operators.values()))

    async def _prepare(self, shards: int) -> None:
        names = (HOME, NAMESPACE, GATEWAY[0])
        await apply_documents(
            self.api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
        )
        await apply_documents(self.api, [*await operator_rights(self._folder, NAMESPACE, shards=shards), _gateway()])
        conditions = [
            {**_READY, "type": kind, "reason": "Played", "message": ""} for kind in ("Accepted", "Programmed")
        ]
        path = path_of(kinds.GATEWAY.api_version, kinds.GATEWAY.plural, *GATEWAY, "status")
        await self.api.patch(path, {"status": {"conditions": conditions}})
        await service_account_kubeconfig(self.api, HOME, ACCOUNT, self._folder / "operator.kubeconfig")

    async def start_operator(
        self, name: str, *, module: str = "weld_operator", lease: Sequence[str] = SHORT_LEASE, shards: int = 1
    ) -> None:
        """Start one more replica, and wait until it watches."""
        port = free_port()
        command = [
            *(sys.executable, "-m", module),
            f"--kubeconfig={self._folder / 'operator.kubeconfig'}",
            *(f"--namespaces={NAMESPACE}", f"--domain={DOMAIN}", f"--identity={name}"),
            f"--predictor-service-account={PREDICTOR_ACCOUNT}",
            *(*lease, f"--shards={shards}"),
            *("--listen-address=127.0.0.1", f"--http-port={port}"),
        ]
        operator = Process(name, command, self._folder / f"{name}.log", folder=ROOT)
        self.operators[name] = operator
        self._urls[name] = f"http://127.0.0.1:{port}"
        operator.start()
        await operator.wait_ready(lambda: self._is_ready(name))

    async def asked(self, name: str, path: str) -> tuple[int, str]:
        """Status and text of what an operator answers at its own port."""
        async with aiohttp.ClientSession() as session, session.get(self._urls[name] + path) as response:
            return response.status, await response.text()

    async def _is_ready(self, name: str) -> bool:
        try:
            return (await self.asked(name, "/readyz"))[0] == 200
        except aiohttp.ClientError:
            return False

    async def stop_operator(self, name: str) -> None:
        """End a replica as a node does."""
        assert await self.operators[name].stop() == 0

    async def leader(self, of: str = ACCOUNT) -> str:
        """Whom a Lease names, the operator's own where it is not said."""
        lease = await self.api.get_or_none(path_of(LEASE.api_version, LEASE.plural, HOME, of))
        return "" if lease is None else str(lease["spec"].get("holderIdentity", ""))

    async def until_led_by(self, name: str) -> None:
        await wait_for(self.leader, lambda seen: seen == name, seconds=WITHIN_SECONDS, what=f"leader {name!r}")

    async def get(self, kind: Kind, name: str) -> Object | None:
        return await self.api.get_or_none(place(kind, name))

    async def until(
        self, kind: Kind, name: str, holds: Callable[[Object], bool] = lambda _: True, *, what: str = "such an object"
    ) -> Object:
        """Wait until the object is there and this holds for it."""
        found = await wait_for(
            lambda: self.get(kind, name),
            lambda body: body is not None and holds(body),
            seconds=WITHIN_SECONDS,
            what=f"{kind} {name}: {what}",
        )
        assert found is not None
        return found

    async def until_gone(self, kind: Kind, name: str) -> None:
        await wait_for(
            lambda: self.get(kind, name),
            lambda body: body is None,
            seconds=WITHIN_SECONDS,
            what=f"end of {kind} {name}",
        )

    async def serve(self, name: str, ready: int = 2) -> None:
        """What KServe and the Deployments' controller do for an InferenceService with so many replicas ready."""
        service = await self.until(INFERENCE_SERVICE, name)
        wanted = max(ready, service["spec"]["predictor"]["minReplicas"])
        condition = {**_READY, "status": "True" if ready == wanted else "False"}
        status = {"observedGeneration": service["metadata"]["generation"], "conditions": [condition]}
        await self.api.patch(f"{place(INFERENCE_SERVICE, name)}/status", {"status": status})
        path = place(DEPLOYMENT, predictor_name(name))
        made = await self.api.apply(path, _deployment(service, wanted), manager="played-kserve")
        counts = {
            "observedGeneration": made["metadata"]["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        await self.api.patch(f"{path}/status", {"status": counts})


def place(kind: Kind, name: str) -> str:
    """The path of an object in the country's namespace."""
    return path_of(kind.api_version, kind.plural, NAMESPACE, name)


def _gateway() -> Object:
    namespace, name = GATEWAY
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    return {
        "apiVersion": kinds.GATEWAY.api_version,
        "kind": kinds.GATEWAY.name,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"gatewayClassName": "played", "listeners": [listener]},
    }


def _deployment(service: Object, replicas: int) -> Object:
    about = service["metadata"]
    labels = {"app": f"isvc.{predictor_name(about['name'])}"}
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": {"name": predictor_name(about["name"]), "namespace": NAMESPACE, "labels": about["labels"]},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "kserve-container", "image": "played"}]},
            },
        },
    }
