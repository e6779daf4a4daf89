"""The cluster as a person reaches it: with their kubeconfig, under their own name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from weld_api.action import ACTION_ANNOTATION, ACTION_FIELD_MANAGER, RolloutAction
from weld_api.names import API_VERSION, PLURAL
from weld_api.weld_model import InvalidWeldModelError, WeldModel, parse_weld_model
from weld_cli.failures import CommandError
from weld_operator.adapters.cluster import ClusterError, NotServedError
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.kinds import EVENT, WELD_MODEL, Kind, Object

MERGE_PATCH = "application/merge-patch+json"
SELF_REVIEW = Kind("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews")

_IN_CLUSTER_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Access:
    """What a person says of the cluster; empty and None for what kubectl would take."""

    namespace: str = ""
    kubeconfig: Path | None = None
    context: str = ""


class RolloutCluster(KubernetesCluster):
    """Reads WeldModels and their Events, and writes nothing but the one annotation."""

    def __init__(self, connection: Configuration) -> None:
        super().__init__(connection)
        self._client.user_agent = ACTION_FIELD_MANAGER

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self._client.configuration.host)

    @property
    def authority_file(self) -> str | None:
        """The file of its certificate authority, where one was given."""
        file: str | None = self._client.configuration.ssl_ca_cert
        return file

    async def model(self, namespace: str, name: str) -> WeldModel:
        """Raises CommandError where there is none, or where this version cannot read it."""
        body = await self.get(WELD_MODEL, namespace, name)
        if body is None:
            raise CommandError(f"there is no WeldModel {name} in namespace {namespace}")
        try:
            return parse_weld_model(body)
        except InvalidWeldModelError as error:
            raise CommandError(f"WeldModel {namespace}/{name} cannot be read: {error}") from error

    async def events(self, namespace: str, name: str) -> list[Object]:
        """The Events about a WeldModel that still exist, the oldest first."""
        selector = f"involvedObject.kind={WELD_MODEL.name},involvedObject.name={name}"
        path = f"/api/v1/namespaces/{namespace}/events"
        answer = await self._call(EVENT, "GET", path, query={"fieldSelector": selector})
        return sorted(answer["items"], key=lambda each: each.get("lastTimestamp") or "")

    async def user(self) -> str:
        """Who the API server says that asks."""
        body: Object = {"apiVersion": SELF_REVIEW.api_version, "kind": SELF_REVIEW.name}
        path = f"/apis/{SELF_REVIEW.api_version}/{SELF_REVIEW.plural}"
        answer = await self._call(SELF_REVIEW, "POST", path, body=body)
        return str(answer["status"]["userInfo"]["username"])

    async def act(self, namespace: str, name: str, action: RolloutAction) -> None:
        """Write the annotation, and nothing else, under a field manager of its own."""
        annotation = {ACTION_ANNOTATION: action.model_dump_json()}
        await self._call(
            WELD_MODEL,
            "PATCH",
            f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}",
            body={"metadata": {"annotations": annotation}},
            query={"fieldManager": ACTION_FIELD_MANAGER},
            content_type=MERGE_PATCH,
        )


@asynccontextmanager
async def reached(access: Access) -> AsyncIterator[tuple[RolloutCluster, str]]:
    """The cluster, and the namespace that is meant. What goes wrong with it becomes a CommandError."""
    connection, namespace = await _connection(access)
    try:
        async with RolloutCluster(connection) as cluster:
            yield cluster, access.namespace or namespace
    except NotServedError as error:
        remedy = "; the chart weldserve-crds brings it" if error.kind == WELD_MODEL else ""
        raise CommandError(f"{error}{remedy}") from error
    except ClusterError as error:
        raise CommandError(str(error)) from error


async def _connection(access: Access) -> tuple[Configuration, str]:
    """By kubectl's rules; inside a Pod without a kubeconfig as its ServiceAccount."""
    files = _kubeconfigs(access)
    connection = Configuration()
    try:
        if files is None:
            config.load_incluster_config(client_configuration=connection)
            return connection, _own_namespace()
        loader = await config.load_kube_config(
            config_file=files, context=access.context or None, client_configuration=connection
        )
    except (config.ConfigException, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise CommandError(f"{files or 'this cluster'} gives no way to an API server: {said}") from error
    context: Object = loader.current_context["context"]
    return connection, str(context.get("namespace") or "default")


def _kubeconfigs(access: Access) -> str | None:
    """The flag, KUBECONFIG or ~/.kube/config, of which the second may be several; None inside a Pod without any."""
    named = str(access.kubeconfig or os.environ.get("KUBECONFIG", ""))
    files = named or str(Path.home() / ".kube" / "config")
    if any(Path(file).exists() for file in files.split(os.pathsep)):
        return files
    if not named and _IN_CLUSTER_NAMESPACE.exists():
        return None
    raise CommandError(f"kubeconfig {files} does not exist; say --kubeconfig, or set KUBECONFIG")


def _own_namespace() -> str:
    return _IN_CLUSTER_NAMESPACE.read_text().strip()
