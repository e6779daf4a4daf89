"""A cluster, reached with the Kubernetes client."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, Configuration

from weld_api.names import FIELD_MANAGER, FINALIZER_MANAGER
from weld_operator.adapters.cluster import (
    BusyError,
    Cluster,
    ClusterError,
    ConflictError,
    NotServedError,
    RefusedError,
    UnreachableError,
)
from weld_operator.adapters.collection import Page, WatchedObject
from weld_operator.adapters.schema_fields import lacking
from weld_operator.kinds import Kind, Object

APPLY_PATCH = "application/apply-patch+yaml"
REQUEST_SECONDS = 10.0
WATCH_SILENCE_SECONDS = 90.0
"""An API server says something in every watch about once a minute; one that does not is gone."""

PAGE_OBJECTS = 200

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

    async def pages(self, kind: Kind, namespace: str | None, selector: str) -> AsyncGenerator[Page, None]:
        query = {"labelSelector": selector, "limit": str(PAGE_OBJECTS)}
        while True:
            answer = await self._call(kind, "GET", _path(kind, namespace), query=query)
            yield Page(answer["items"], answer["metadata"]["resourceVersion"])
            if not answer["metadata"].get("continue"):
                return
            query["continue"] = answer["metadata"]["continue"]

    async def changes(
        self, kind: Kind, namespace: str | None, selector: str, version: str, seconds: int
    ) -> AsyncGenerator[WatchedObject, None]:
        query = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        path = _path(kind, namespace)
        within = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=WATCH_SILENCE_SECONDS)
        try:
            async with await self._request(path, "GET", query=query, within=within, is_stream=True) as response:
                if response.status != 200:
                    raise _explained(kind, "GET", path, await _exception(response))
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise UnreachableError(f"watch of {path}: {event['object'].get('message', '')}")
                    yield WatchedObject(event["type"], event["object"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _unanswered("watch of", path, error) from error

    async def apply(self, kind: Kind, body: Object) -> Object:
        return await self._apply(kind, body)

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        return await self._apply(kind, body, "status")

    async def apply_finalizers(self, kind: Kind, body: Object) -> Object:
        return await self._apply(kind, body, manager=FINALIZER_MANAGER)

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
        except _NotFoundError:
            return
        except ConflictError:
            # Made anew by somebody else; or it is still the one, and was being changed just then.
            there = await self.get(kind, namespace, name)
            if there is not None and there["metadata"]["uid"] == uid:
                raise

    async def _apply(self, kind: Kind, body: Object, subresource: str = "", manager: str = FIELD_MANAGER) -> Object:
        path = _path(kind, body["metadata"]["namespace"], body["metadata"]["name"], subresource)
        query = {"fieldManager": manager, "force": "true"}
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
            result: Object = await self._request(path, method, body=body, query=query or {}, content_type=content_type)
        except ApiException as error:
            raise _explained(kind, method, path, error) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _unanswered(method, path, error) from error
        return result

    async def _request(
        self,
        path: str,
        method: str,
        *,
        query: Mapping[str, str],
        body: Object | None = None,
        content_type: str = _JSON,
        within: float | aiohttp.ClientTimeout = REQUEST_SECONDS,
        is_stream: bool = False,
    ) -> Any:
        """What the client makes of one request: parsed JSON, or with `is_stream` the open response, whatever it is."""
        return await self._client.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params={"Accept": _JSON, "Content-Type": content_type},
            body=body,
            response_types_map=dict.fromkeys((200, 201, 202), "object"),
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _preload_content=not is_stream,
            _request_timeout=within,
        )


class _NotFoundError(ClusterError):
    """There is no object of that name."""


def _group_path(kind: Kind) -> str:
    return f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"


def _path(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    where = f"/namespaces/{namespace}" if namespace is not None else ""
    return "/".join(filter(None, (f"{_group_path(kind)}{where}/{kind.plural}", name, subresource)))


def _unanswered(method: str, path: str, error: Exception) -> UnreachableError:
    return UnreachableError(f"{method} {path}: {error or type(error).__name__}")


async def _exception(response: aiohttp.ClientResponse) -> ApiException:
    """A refusal as the client raises it."""
    error = ApiException(status=response.status, reason=response.reason)
    error.body = await response.text()
    return error


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
    # Who is not known any more is as good as cut off; all else was an answer.
    return UnreachableError(message) if error.status == 401 else BusyError(message)


def _status(body: str | None) -> Object:
    try:
        status = json.loads(body or "")
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}
