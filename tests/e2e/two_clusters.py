"""Two real control planes, of which one has the operator, with KServe played in both.

Both clusters are prepared as their charts prepare them: the operator has the rights of a release that names a remote
cluster, and comes to the other one by the account that a release there makes for it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.integration.played_kserve import PlayedKServe
from tests.integration.played_predictors import Behaviour
from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.helm import Helm
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.rig import DOMAIN, country_values
from tests.sandbox.schemas import install_schemas
from tests.sandbox.tools import ensure
from tests.sandbox.waiting import wait_for
from weld_operator.kinds import GATEWAY, HTTP_ROUTE, INFERENCE_SERVICE, SECRET, WELD_MODEL, Kind

ROOT = Path(__file__).parents[2]
NAMESPACE = "plant-a"
HOME = "weldserve-system"
RELEASE = "weldserve"
REMOTE_ACCOUNT = f"{RELEASE}-remote"
NORTH = "north-cluster"
SECONDS = 45
CONTROLLERS = (
    "garbage-collector-controller,namespace-controller,serviceaccount-controller,serviceaccount-token-controller"
)
"""What a cluster does by itself that matters here; Deployments are played."""

_RIGHTS = ("ServiceAccount", "Secret", "Role", "RoleBinding")


class Cluster:
    """One of the two: its control plane, and a session with it as administrator."""

    def __init__(self, plane: ControlPlane, api: KubeApi) -> None:
        self.plane = plane
        self.api = api

    async def get(self, kind: Kind, name: str, namespace: str = NAMESPACE) -> Object | None:
        return await self.api.get_or_none(path_of(kind.api_version, kind.plural, namespace, name))

    async def names(self, *kinds: Kind) -> set[str]:
        """Of all objects of these kinds in the namespace."""
        listed = [await self.api.list(path_of(kind.api_version, kind.plural, NAMESPACE)) for kind in kinds]
        return {str(body["metadata"]["name"]) for bodies in listed for body in bodies}

    async def until_names(self, expected: set[str], *kinds: Kind) -> None:
        """Wait until there are exactly these."""
        await wait_for(
            lambda: self.names(*kinds), lambda found: found == expected, seconds=SECONDS, what=f"only {expected}"
        )


class TwoClusters:
    """`home` has the operator; `north` is reached by the Secret `north-cluster`."""

    def __init__(self, home: Cluster, north: Cluster, folder: Path, helm: Helm) -> None:
        self.home = home
        self.north = north
        self._folder = folder
        self._helm = helm

    @classmethod
    @asynccontextmanager
    async def start(cls, folder: Path) -> AsyncIterator[TwoClusters]:
        program = (await asyncio.to_thread(ensure, ["helm"]))["helm"]
        async with _cluster(folder / "home") as home, _cluster(folder / "north") as north:
            await install_manifests(home.api, ROOT / "manifests" / "crd")
            both = cls(home, north, folder, Helm(program, folder / "helm"))
            await both._install_rights()
            await both.bring_credentials()
            played = [PlayedKServe(cluster.api, lambda _: Behaviour()) for cluster in (home, north)]
            async with played[0].running(), played[1].running(), both._operator():
                yield both

    async def _install_rights(self) -> None:
        here = {**country_values("br", NAMESPACE), "remoteClusters": [NORTH]}
        there = {
            **country_values("no", NAMESPACE),
            "operator": {"enabled": False},
            "remoteAccess": {"enabled": True},
        }
        for cluster, values in ((self.home, here), (self.north, there)):
            documents = await self._helm.template(RELEASE, "weldserve", HOME, values)
            rights = [document for document in documents if document["kind"] in _RIGHTS]
            await apply_documents(cluster.api, rights)

    async def bring_credentials(self) -> None:
        """What the command makes of the account in the north is applied at home."""
        secret = await self.credentials()
        path = path_of(SECRET.api_version, SECRET.plural, NAMESPACE, NORTH)
        await self.home.api.apply(path, secret, manager="a-user")

    async def credentials(self) -> Object:
        """The Secret that `weldserve region credentials` prints, once there is a token."""

        async def token() -> Object:
            found = await self.north.get(SECRET, REMOTE_ACCOUNT, HOME)
            return {} if found is None else found.get("data", {})

        await wait_for(token, lambda data: "token" in data, seconds=SECONDS, what="a token of the account")
        command = [
            *(sys.executable, "-m", "weld_cli", "region", "credentials", NORTH),
            *(f"--namespace={NAMESPACE}", f"--kubeconfig={self.north.plane.kubeconfig}"),
        ]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        secret: Object = json.loads(output)
        return secret

    async def replace_token(self) -> str:
        """Revoke the token of the account in the north, and have another one made; gives the one before."""
        before = json.loads((await self.credentials())["stringData"]["kubeconfig"])["users"][0]["user"]["token"]
        path = path_of(SECRET.api_version, SECRET.plural, HOME, REMOTE_ACCOUNT)
        old = await self.north.get(SECRET, REMOTE_ACCOUNT, HOME)
        assert old is not None
        await self.north.api.delete(path)
        about = {key: old["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
        about["annotations"] = {
            key: value for key, value in about["annotations"].items() if not key.endswith("service-account.uid")
        }
        made = {"apiVersion": "v1", "kind": "Secret", "type": old["type"], "metadata": about}
        await self.north.api.create(path_of(SECRET.api_version, SECRET.plural, HOME), made)
        return str(before)

    async def until_refused(self, token: str) -> None:
        """Wait until the north knows this token no more; it remembers one that was good for some seconds."""
        url = f"{self.north.plane.server}{path_of('v1', 'configmaps', NAMESPACE)}"
        headers = {"Authorization": f"Bearer {token}"}

        async def answer() -> int:
            async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=False) as response:
                return response.status

        await wait_for(answer, lambda status: status == 401, seconds=SECONDS, what="the end of the old token")

    async def apply(self, name: str, spec: Object) -> None:
        body = {
            "apiVersion": WELD_MODEL.api_version,
            "kind": WELD_MODEL.name,
            "metadata": {"name": name},
            "spec": spec,
        }
        await self.home.api.apply(_model(name), body, manager="a-user")

    async def delete(self, name: str) -> None:
        await self.home.api.delete(_model(name))

    async def until(
        self, name: str, holds: Callable[[Object], bool], what: str, *, seen: Callable[[Object], None] | None = None
    ) -> Object:
        """Wait until this holds for the status; `seen` is called with each one on the way."""

        async def status() -> Object:
            found = await self.home.get(WELD_MODEL, name)
            told: Object = {} if found is None else found.get("status", {})
            if seen is not None:
                seen(told)
            return told

        return await wait_for(status, lambda told: bool(told) and holds(told), seconds=SECONDS, what=what)

    async def until_gone(self, name: str) -> None:
        await wait_for(
            lambda: self.home.get(WELD_MODEL, name), lambda body: body is None, seconds=SECONDS, what=f"end of {name}"
        )

    async def messages(self) -> list[str]:
        """Of all Events at home."""
        return [str(event["message"]) for event in await self.home.api.list(path_of("v1", "events", NAMESPACE))]

    @asynccontextmanager
    async def _operator(self) -> AsyncIterator[None]:
        kubeconfig = self._folder / "operator.kubeconfig"
        await service_account_kubeconfig(self.home.api, HOME, f"{RELEASE}-operator", kubeconfig)
        port = free_port()
        ready = f"http://127.0.0.1:{port}/readyz"
        command = [
            *(sys.executable, "-m", "weld_operator", f"--kubeconfig={kubeconfig}", f"--namespaces={NAMESPACE}"),
            *(f"--domain={DOMAIN}", "--listen-address=127.0.0.1", f"--http-port={port}", "--remote-cleanup=4s"),
        ]
        process = Process("operator", command, self._folder / "operator.log", folder=ROOT)
        process.start()

        async def is_ready() -> bool:
            try:
                async with aiohttp.ClientSession() as session, session.get(ready) as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        try:
            await process.wait_ready(is_ready)
            yield
        finally:
            await process.stop()


@asynccontextmanager
async def _cluster(folder: Path) -> AsyncIterator[Cluster]:
    async with await ControlPlane.start(folder, controllers=CONTROLLERS) as plane, plane.api() as api:
        await install_schemas(api, kinds=[INFERENCE_SERVICE.name, HTTP_ROUTE.name, GATEWAY.name])
        names = (NAMESPACE, HOME, country_values("br")["gateway"]["namespace"])
        await apply_documents(
            api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
        )
        yield Cluster(plane, api)


def _model(name: str) -> str:
    return path_of(WELD_MODEL.api_version, WELD_MODEL.plural, NAMESPACE, name)
