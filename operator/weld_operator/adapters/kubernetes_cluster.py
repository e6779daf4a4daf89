"""A cluster, reached with the Kubernetes client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, Configuration

from weld_api.names import FIELD_MANAGER
from weld_operator.adapters.cluster import (
    Cluster,
    ClusterError,
    ConflictError,
    NotServedError,
    RefusedError,
    UnreachableError,
)
from weld_operator.adapters.schema_fields import lacking
from weld_operator.kinds import Kind, Object

APPLY_PATCH = "application/apply-patch+yaml"
REQUEST_SECONDS = 10.0

_JSON = "application/json"
_REFUSALS = frozenset({400, 403, 405, 413, 415, 422})


class KubernetesCluster(Cluster):
    """Talks JSON to one API server; close it, or use it as a context.

    The generated methods of the client are passed by: they choose the content type of a patch by the type of its body,
    and know no custom resources.
    """

    def __init__(self, connection: Configuration) -> None:
        self._client = ApiClient(connection)
        self._client.user_agent = f"{FIELD_MANAGER}-operator"
        self._missing_fields: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.close()

    async def serves(self, kind: Kind) -> bool:
        try:
            answer = await self._call(kind, "GET", _group_path(kind))
        except NotServedError:
            return False
        return any(resource["name"] == kind.plural for resource in answer["resources"])

    async def versions(self, group: str) -> tuple[str, ...]:
        try:
            answer = await self._call(Kind(group, group, ""), "GET", f"/apis/{group}")
        except NotServedError:
            return ()
        return tuple(version["version"] for version in answer["versions"])

    async def missing_fields(self, kind: Kind, fields: Sequence[str]) -> tuple[str, ...]:
        index = await self._call(kind, "GET", "/openapi/v3")
        document = index["paths"].get(_group_path(kind).removeprefix("/"))
        if document is None:
            raise NotServedError(kind)
        # The address has a hash of the content: a schema of megabytes is read again only when it has changed.
        asked = (document["serverRelativeURL"], tuple(fields))
        if asked not in self._missing_fields:
            path, _, query = document["serverRelativeURL"].partition("?")
            schemas = (await self._call(kind, "GET", path, query=dict(parse_qsl(query))))["components"]["schemas"]
            self._missing_fields = {asked: lacking(schemas, kind, fields)}
        return self._missing_fields[asked]

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        try:
            return await self._call(kind, "GET", _path(kind, namespace, name))
        except _NotFoundError:
            return None

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        query = {"labelSelector": selector} if selector else {}
        answer = await self._call(kind, "GET", _path(kind, namespace), query=query)
        items: list[Object] = answer["items"]
        return items

    async def apply(self, kind: Kind, body: Object) -> Object:
        return await self._apply(kind, body)

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        return await self._apply(kind, body, "status")

    async def create(self, kind: Kind, body: Object) -> Object:
        path = _path(kind, body["metadata"]["namespace"])
        return await self._call(kind, "POST", path, body=body, query={"fieldManager": FIELD_MANAGER})

    async def replace(self, kind: Kind, body: Object) -> Object:
        path = _path(kind, body["metadata"]["namespace"], body["metadata"]["name"])
        return await self._call(kind, "PUT", path, body=body, query={"fieldManager": FIELD_MANAGER})

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        options: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._call(kind, "DELETE", _path(kind, namespace, name), body=options)
        except (_NotFoundError, ConflictError):
            return

    async def _apply(self, kind: Kind, body: Object, subresource: str = "") -> Object:
        path = _path(kind, body["metadata"]["namespace"], body["metadata"]["name"], subresource)
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._call(kind, "PATCH", path, body=body, query=query, content_type=APPLY_PATCH)

    async def _call(
        self,
        kind: Kind,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = _JSON,
    ) -> Object:
        """One request; any answer but a success becomes a ClusterError."""
        try:
            answer: Any = await self._client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Accept": _JSON, "Content-Type": content_type},
                body=body,
                response_types_map=dict.fromkeys((200, 201, 202), "object"),
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _request_timeout=REQUEST_SECONDS,
            )
        except ApiException as error:
            raise _explained(kind, method, path, error) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UnreachableError(f"{method} {path}: {error or type(error).__name__}") from error
        result: Object = answer
        return result


class _NotFoundError(ClusterError):
    """There is no object of that name."""


def _group_path(kind: Kind) -> str:
    return f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"


def _path(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    where = f"/namespaces/{namespace}" if namespace is not None else ""
    return "/".join(filter(None, (f"{_group_path(kind)}{where}/{kind.plural}", name, subresource)))


def _explained(kind: Kind, method: str, path: str, error: ApiException) -> ClusterError:
    """The client's exception as one of ours, told apart by the Status that the API server answers with."""
    status = _status(error.body)
    message = status.get("message") or f"{method} {path} was answered with {error.status} {error.reason}"
    if error.status == 404:
        # An object that is missing is named in the details; an unknown kind is not.
        if not status.get("details", {}).get("name"):
            return NotServedError(kind)
        return _NotFoundError(message) if method in ("GET", "DELETE") else ConflictError(message)
    if error.status == 409:
        return ConflictError(message)
    if error.status in _REFUSALS:
        return RefusedError(message)
    return UnreachableError(message)


def _status(body: str | None) -> Object:
    try:
        status = json.loads(body or "")
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}
