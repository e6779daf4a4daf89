"""A real Kubernetes control plane as four processes on loopback: etcd, API server, controllers and scheduler."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp

from tests.sandbox.audit import AUDIT_POLICY
from tests.sandbox.credentials import (
    FRONT_PROXY_CLIENT,
    SERVED_NAMES,
    Authority,
    Login,
    Pair,
    service_account_keys,
    write_kubeconfig,
    write_token_file,
)
from tests.sandbox.kube_api import ApiError, KubeApi, path_of
from tests.sandbox.process import Process, StoppedAtItsEnd, free_port
from tests.sandbox.tools import ensure

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")

ADDRESS = "127.0.0.1"
# Nobody connects to it; stated because a loopback address is refused, and the default looks for a network interface.
ADVERTISED_ADDRESS = "192.0.2.1"
SERVICE_RANGE = "10.96.0.0/16"
KUBERNETES_SERVICE_ADDRESS = "10.96.0.1"
ISSUER = "https://kubernetes.default.svc"

# EndpointSlices refuse loopback addresses, which is what the rig's Pods have.
CONTROLLERS = "*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller"

READY_SECONDS = 90


@dataclass(frozen=True)
class Timing:
    """How fast the control plane reacts, in seconds: far shorter than the defaults of minutes that a cluster has."""

    toleration: int = 5  # how long Pods tolerate a node that is not ready or unreachable
    node_monitor_period: int = 1
    node_monitor_grace: int = 4  # without a heartbeat for so long, a node is unreachable
    autoscaler_period: int = 2
    autoscaler_readiness_delay: int = 1
    autoscaler_cpu_initialization: int = 300  # so long what a Pod took to become ready does not count as load
    autoscaler_downscale_stabilization: int = 15


class ControlPlane(StoppedAtItsEnd):
    """A running control plane; make one with `await ControlPlane.start(folder)`, and use it as a context or stop it.

    Ports, certificates and data stay the same when a part is restarted.

    Attributes: `kubeconfig`, the administrator's; `server`, its URL; `audit_log`, a file of JSON lines (see
    tests.sandbox.audit); `folder`, where everything is; `tools`, the programs' paths by name; `processes` and `ports`,
    all that it runs and listens on; `front_proxy`, the authority whose clients an aggregated API may believe.
    """

    def __init__(
        self,
        folder: Path,
        tools: dict[str, Path],
        timing: Timing,
        admission_plugins: Sequence[str],
        controllers: str = CONTROLLERS,
    ) -> None:
        self.folder = folder.absolute()
        self._controllers_that_run = controllers
        self.tools = tools
        self.timing = timing
        self._admission_plugins = admission_plugins
        self.ports: list[int] = []
        self.server = f"https://{ADDRESS}:{self._port()}"
        self.audit_log = self.folder / "logs" / "audit.log"
        self._etcd_url = f"http://{ADDRESS}:{self._port()}"
        self._etcd_peer_url = f"http://{ADDRESS}:{self._port()}"
        self._certificates = self.folder / "certificates"
        self._authority = Authority(self._certificates, "kubernetes-ca")
        self._serving = self._authority.issue(
            "kubernetes", names=SERVED_NAMES, addresses=(ADDRESS, KUBERNETES_SERVICE_ADDRESS)
        )
        self.front_proxy = Authority(self._certificates, "front-proxy-ca")
        self._front_proxy_client = self.front_proxy.issue(FRONT_PROXY_CLIENT, client=True)
        self._account_keys = service_account_keys(self._certificates)
        self._write_logins()
        self._api_server = self._process("kube-apiserver", self._api_server_flags())
        self._etcd = self._process("etcd", self._etcd_flags())
        self._controllers = self._process("kube-controller-manager", self._controller_flags())
        self._scheduler = self._process("kube-scheduler", self._component_flags(self._scheduler_kubeconfig))
        self.processes = (self._etcd, self._api_server, self._controllers, self._scheduler)

    @classmethod
    async def start(
        cls,
        folder: Path,
        *,
        timing: Timing | None = None,
        admission_plugins: Sequence[str] = (),
        controllers: str = CONTROLLERS,
    ) -> Self:
        """Start a control plane whose files lie in `folder`, and wait until a Pod could be made in `default`.

        `admission_plugins` are switched on beside those that the API server switches on by itself. `controllers`: those
        that run, as kube-controller-manager's --controllers has them.
        The programs are built first where they are missing (minutes). Raises ToolError or ProcessError.
        """
        tools = await asyncio.to_thread(ensure, PROGRAMS)
        plane = cls(folder, tools, timing or Timing(), admission_plugins, controllers)
        try:
            await plane._start_all()
        except BaseException:
            await plane.stop()
            raise
        return plane

    def api(self) -> KubeApi:
        """A session as administrator; the caller closes it."""
        return KubeApi.from_kubeconfig(self.kubeconfig)

    async def stop(self) -> None:
        """End every process, first those that depend on others; none is left when it returns."""
        await asyncio.gather(self._controllers.stop(), self._scheduler.stop())
        await self._api_server.stop()
        await self._etcd.stop()

    def check(self) -> None:
        """Raise ProcessError when a part has ended by itself."""
        for process in self.processes:
            process.check()

    async def start_api_server(self) -> None:
        """Start the API server, after it was stopped or killed, and wait until it serves."""
        self._api_server.start()
        async with self.api() as api:
            await self._api_server.wait_ready(lambda: _answers(api, "/readyz"), READY_SECONDS)

    async def stop_controllers(self) -> None:
        """End the controllers for good: what they would write, such as the status of Deployments, a test may play."""
        await self._controllers.stop()

    async def stop_api_server(self) -> None:
        """End the API server as an orderly shutdown does; it takes seconds."""
        await self._api_server.stop()

    async def kill_api_server(self) -> None:
        """End the API server at once, as a crash does; `start_api_server` brings it back."""
        await self._api_server.kill()

    async def restart_api_server(self) -> None:
        """Stop the API server and start it again, at the same address and with the same credentials."""
        await self.stop_api_server()
        await self.start_api_server()

    async def _start_all(self) -> None:
        self._etcd.start()
        # The API server waits for etcd by itself.
        await self.start_api_server()
        self._controllers.start()
        self._scheduler.start()
        async with self.api() as api:
            account = path_of("v1", "serviceaccounts", "default", "default")
            await self._controllers.wait_ready(lambda: _answers(api, account), READY_SECONDS)
        self.check()

    def _port(self) -> int:
        self.ports.append(free_port(ADDRESS))
        return self.ports[-1]

    def _process(self, name: str, flags: dict[str, object]) -> Process:
        command: list[str | Path] = [self.tools[name]]
        command += [f"--{flag}={_text(value)}" for flag, value in flags.items()]
        return Process(name, command, self.folder / "logs" / f"{name}.log", folder=self.folder)

    def _write_logins(self) -> None:
        admin = Login.make("sandbox-admin", "system:masters")
        controllers = Login.make("system:kube-controller-manager")
        scheduler = Login.make("system:kube-scheduler")
        self._token_file = write_token_file(self._certificates / "tokens.csv", [admin, controllers, scheduler])
        self.kubeconfig = self._kubeconfig_of("admin", admin)
        self._controllers_kubeconfig = self._kubeconfig_of("controllers", controllers)
        self._scheduler_kubeconfig = self._kubeconfig_of("scheduler", scheduler)

    def _kubeconfig_of(self, name: str, login: Login) -> Path:
        return write_kubeconfig(
            self.folder / f"{name}.kubeconfig",
            server=self.server,
            authority=self._authority.certificate.read_text(),
            user=login.user,
            token=login.token,
        )

    def _etcd_flags(self) -> dict[str, object]:
        return {
            "data-dir": self.folder / "etcd",
            "listen-client-urls": self._etcd_url,
            "advertise-client-urls": self._etcd_url,
            "listen-peer-urls": self._etcd_peer_url,
            "initial-advertise-peer-urls": self._etcd_peer_url,
            "initial-cluster": f"default={self._etcd_peer_url}",
            "unsafe-no-fsync": True,
            "log-level": "warn",
        }

    def _api_server_flags(self) -> dict[str, object]:
        policy = self.folder / "audit-policy.json"
        policy.write_text(json.dumps(AUDIT_POLICY))
        return {
            "etcd-servers": self._etcd_url,
            "bind-address": ADDRESS,
            "secure-port": self.server.rpartition(":")[2],
            "advertise-address": ADVERTISED_ADDRESS,
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": SERVICE_RANGE,
            "allow-privileged": True,
            "authorization-mode": "RBAC",
            "enable-admission-plugins": ",".join(self._admission_plugins),
            "token-auth-file": self._token_file,
            "client-ca-file": self._authority.certificate,
            **_serving_flags(self._serving),
            "cert-dir": self._certificates,
            # Without it a shutdown waits for watches, up to a minute.
            "shutdown-watch-termination-grace-period": "2s",
            "service-account-issuer": ISSUER,
            "service-account-signing-key-file": self._account_keys.key,
            "service-account-key-file": self._account_keys.certificate,
            "default-not-ready-toleration-seconds": self.timing.toleration,
            "default-unreachable-toleration-seconds": self.timing.toleration,
            # What an aggregated API needs: the API server forwards with this client certificate.
            "proxy-client-cert-file": self._front_proxy_client.certificate,
            "proxy-client-key-file": self._front_proxy_client.key,
            "requestheader-client-ca-file": self.front_proxy.certificate,
            "requestheader-allowed-names": FRONT_PROXY_CLIENT,
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "audit-policy-file": policy,
            "audit-log-path": self.audit_log,
            "audit-log-maxsize": 1000,
        }

    def _component_flags(self, kubeconfig: Path) -> dict[str, object]:
        """What the controllers and the scheduler have in common."""
        return {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": ADDRESS,
            "secure-port": self._port(),
            **_serving_flags(self._serving),
            "leader-elect": False,
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        }

    def _controller_flags(self) -> dict[str, object]:
        timing = self.timing
        autoscaler = "horizontal-pod-autoscaler"
        return {
            **self._component_flags(self._controllers_kubeconfig),
            "controllers": self._controllers_that_run,
            "use-service-account-credentials": True,
            "service-account-private-key-file": self._account_keys.key,
            "root-ca-file": self._authority.certificate,
            "node-monitor-period": f"{timing.node_monitor_period}s",
            "node-monitor-grace-period": f"{timing.node_monitor_grace}s",
            "flex-volume-plugin-dir": self.folder / "flexvolume",
            # Nodes that may be emptied per second, one in ten seconds by default.
            "node-eviction-rate": 10,
            "pvclaimbinder-sync-period": "2s",
            f"{autoscaler}-sync-period": f"{timing.autoscaler_period}s",
            f"{autoscaler}-initial-readiness-delay": f"{timing.autoscaler_readiness_delay}s",
            f"{autoscaler}-cpu-initialization-period": f"{timing.autoscaler_cpu_initialization}s",
            f"{autoscaler}-downscale-stabilization": f"{timing.autoscaler_downscale_stabilization}s",
        }


def _serving_flags(serving: Pair) -> dict[str, object]:
    return {"tls-cert-file": serving.certificate, "tls-private-key-file": serving.key}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _answers(api: KubeApi, path: str) -> bool:
    """Whether a GET of `path` answers with success."""
    try:
        await api.get(path)
    except (ApiError, aiohttp.ClientError, TimeoutError):
        return False
    return True
