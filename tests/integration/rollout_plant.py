"""A real API server with several plants: each a namespace with a real operator of its own behind a fault proxy.

KServe is played, and so are the predictors' metrics; the operator has the rights of its chart and no others. Plants do
not see each other, so that each may have another fault at the same time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from tests.integration.operator_rights import operator_rights
from tests.integration.played_kserve import READY, PlayedKServe
from tests.integration.played_predictors import Behaviours
from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import write_kubeconfig
from tests.sandbox.fault_proxy.proxy import FaultProxy
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.rig import DOMAIN, GATEWAY
from tests.sandbox.schemas import install_schemas
from tests.sandbox.waiting import wait_for
from weld_operator import kinds
from weld_operator.kinds import WELD_MODEL, Kind

ROOT = Path(__file__).parents[2]
RESTART_PAUSE_SECONDS = 0.05
READY_SECONDS = 60


class Plant:
    """A namespace, its operator, and the proxy through which that reaches the API server.

    An operator that ends is started again, as its node would. Attributes: `namespace`, `proxy`, `api` (as
    administrator, past the proxy), `starts` (how often the operator was started).
    """

    def __init__(self, number: int, api: KubeApi, folder: Path, proxy: FaultProxy) -> None:
        self.namespace = f"plant-{number}"
        self.api = api
        self.proxy = proxy
        self.starts = 0
        self._release = f"weldserve-{number}"
        self._home = f"home-{number}"
        self._folder = folder / self.namespace
        self._port = free_port()

    async def install(self) -> None:
        """Make the namespace, and give the operator its rights and a kubeconfig for the proxy."""
        names = (self.namespace, self._home)
        await apply_documents(
            self.api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
        )
        rights = await operator_rights(self._folder, self.namespace, release=self._release, home=self._home)
        # The controller that gives each namespace this account does not run.
        account = {"name": "default", "namespace": self.namespace}
        default: Object = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}
        await apply_documents(self.api, [*rights, {**default, "automountServiceAccountToken": False}])
        path = path_of("v1", "serviceaccounts", self._home, self._account, "token")
        request: Object = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = (await self.api.create(path, request))["status"]["token"]
        self._kubeconfig = write_kubeconfig(
            self._folder / "operator.kubeconfig",
            server=self.proxy.url,
            authority=self.api.authority or "",
            user=self._account,
            token=token,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Plant]:
        """Keep the operator running until the end, after `install`."""
        self._operator = Process(self.namespace, self._command(), self._folder / "operator.log", folder=ROOT)
        keeper = asyncio.create_task(self._keep())
        try:
            yield self
        finally:
            keeper.cancel()
            await asyncio.wait([keeper])
            if self.starts:
                await self._operator.kill()

    async def kill(self) -> None:
        """SIGKILL to the operator; it is gone afterwards, or about to be started again."""
        await self._operator.kill()

    async def until_ready(self) -> None:
        """Wait until the operator runs and watches."""
        await wait_for(self._is_ready, bool, seconds=READY_SECONDS, what=f"operator of {self.namespace}")

    @property
    def log(self) -> str:
        """What its operators have logged."""
        return (self._folder / "operator.log").read_text()

    def place(self, kind: Kind, name: str | None = None, subresource: str | None = None) -> str:
        return path_of(kind.api_version, kind.plural, self.namespace, name, subresource)

    async def get(self, kind: Kind, name: str) -> Object | None:
        return await self.api.get_or_none(self.place(kind, name))

    async def until(
        self, name: str, holds: Callable[[Object], bool], *, what: str, seconds: float, kind: Kind = WELD_MODEL
    ) -> Object:
        """Wait until the object is there and this holds for it."""
        found = await wait_for(
            lambda: self.get(kind, name), lambda body: body is not None and holds(body), seconds=seconds, what=what
        )
        assert found is not None
        return found

    async def _keep(self) -> None:
        while True:
            if not self._operator.running:
                self._operator.start()
                self.starts += 1
            await asyncio.sleep(RESTART_PAUSE_SECONDS)

    async def _is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self._port}/readyz"
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    @property
    def _account(self) -> str:
        return f"{self._release}-operator"

    def _command(self) -> list[str | Path]:
        return [
            *(sys.executable, "-m", "weld_operator"),
            f"--kubeconfig={self._kubeconfig}",
            *(f"--namespaces={self.namespace}", f"--domain={DOMAIN}", "--identity=the-one", "--workers=1"),
            *(f"--lease-namespace={self._home}", f"--lease-name={self._account}"),
            *("--listen-address=127.0.0.1", f"--http-port={self._port}"),
        ]


class Plants:
    """A control plane without controllers, a Gateway that is programmed, KServe played, and so many plants."""

    def __init__(self, plane: ControlPlane, plants: list[Plant]) -> None:
        self.plane = plane
        self.all = plants

    @classmethod
    @asynccontextmanager
    async def start(cls, folder: Path, count: int, behaviours: Behaviours) -> AsyncIterator[Plants]:
        async with AsyncExitStack() as stack:
            plane = await stack.enter_async_context(await ControlPlane.start(folder / "plane"))
            api = await stack.enter_async_context(plane.api())
            await plane.stop_controllers()
            await install_manifests(api, ROOT / "manifests" / "crd")
            await install_schemas(api)
            await _install_gateway(api)
            await stack.enter_async_context(PlayedKServe(api, behaviours).running())
            proxies = [FaultProxy(api.server, api.authority or "") for _ in range(count)]
            for proxy in proxies:
                await stack.enter_async_context(proxy.running())
            plants = [Plant(number, api, folder, proxy) for number, proxy in enumerate(proxies, 1)]
            await asyncio.gather(*(plant.install() for plant in plants))
            for plant in plants:
                await stack.enter_async_context(plant.running())
            await asyncio.gather(*(plant.until_ready() for plant in plants))
            yield cls(plane, plants)


async def _install_gateway(api: KubeApi) -> None:
    namespace, name = GATEWAY
    gateway = {
        "apiVersion": kinds.GATEWAY.api_version,
        "kind": kinds.GATEWAY.name,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gatewayClassName": "played",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }
    await apply_documents(api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, gateway])
    conditions = [{**READY, "type": kind, "reason": "Played", "message": ""} for kind in ("Accepted", "Programmed")]
    path = path_of(kinds.GATEWAY.api_version, kinds.GATEWAY.plural, *GATEWAY, "status")
    await api.patch(path, {"status": {"conditions": conditions}})
