"""The Kubernetes API as the rig's own parts use it: paths and JSON over one HTTP session.

The rig does not use the product's client, so that a fault in one does not hide in the other.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

RETRIES = 10
RETRY_SECONDS = 1.0


class ApiError(Exception):
    """The API server's refusal: `status` is the HTTP code, `reason` Kubernetes' own word, the text its message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


def path_of(
    api_version: str,
    plural: str,
    namespace: str | None = None,
    name: str | None = None,
    subresource: str | None = None,
) -> str:
    """The URL path of a collection, an object or a subresource (`v1` is the core group)."""
    parts = ["/api/v1" if api_version == "v1" else f"/apis/{api_version}"]
    if namespace is not None:
        parts += ["namespaces", namespace]
    parts += [part for part in (plural, name, subresource) if part is not None]
    return "/".join(parts)


class KubeApi:
    """An asynchronous session with one API server; close it, or use it as a context."""

    def __init__(
        self, server: str, token: str | None, context: ssl.SSLContext | bool, *, authority: str | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.server = server.rstrip("/")
        self.authority = authority  # the certificate authority as PEM text, for kubeconfigs made from this session
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=30),
        )

    @classmethod
    def from_kubeconfig(cls, kubeconfig: Path) -> KubeApi:
        """Open the current context of a kubeconfig that uses a bearer token and a certificate authority."""
        config = yaml.safe_load(kubeconfig.read_text())
        current = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
        cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == current["cluster"])
        user = next(u["user"] for u in config["users"] if u["name"] == current["user"])
        if "certificate-authority-data" in cluster:
            authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        else:
            authority = Path(cluster["certificate-authority"]).read_text()
        context = ssl.create_default_context(cadata=authority)
        return cls(cluster["server"], user.get("token"), context, authority=authority)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> Object:
        """One call; raises ApiError for any status from 400 on.

        A server that asks to try again later (429 with Retry-After, as it does while it starts) is asked again, some
        times.
        """
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": content_type}
        for attempt in range(RETRIES + 1):
            async with self._session.request(
                method, self.server + path, data=data, headers=headers, params=dict(params or {})
            ) as response:
                text = await response.text()
            if response.status != 429 or "Retry-After" not in response.headers or attempt == RETRIES:
                break
            await asyncio.sleep(RETRY_SECONDS)
        if response.status >= 400:
            raise _api_error(response.status, text)
        answer: Object = json.loads(text) if text.startswith("{") else {"text": text}
        return answer

    async def get(self, path: str) -> Object:
        return await self.request("GET", path)

    async def get_or_none(self, path: str) -> Object | None:
        try:
            return await self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, path: str, *, label_selector: str | None = None) -> list[Object]:
        params = {"labelSelector": label_selector} if label_selector else {}
        items: list[Object] = (await self.request("GET", path, params=params))["items"]
        return items

    async def create(self, path: str, body: Object) -> Object:
        return await self.request("POST", path, body=body)

    async def replace(self, path: str, body: Object) -> Object:
        return await self.request("PUT", path, body=body)

    async def apply(self, path: str, body: Object, *, manager: str, force: bool = True) -> Object:
        """Server-side apply."""
        params = {"fieldManager": manager, "force": "true" if force else "false"}
        return await self.request("PATCH", path, body=body, content_type=APPLY, params=params)

    async def patch(self, path: str, body: object, *, content_type: str = MERGE) -> Object:
        return await self.request("PATCH", path, body=body, content_type=content_type)

    async def delete(self, path: str, *, grace_seconds: int | None = None, propagation: str = "Background") -> Object:
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        return await self.request("DELETE", path, body=options)

    async def watch(
        self,
        path: str,
        *,
        resource_version: str,
        label_selector: str | None = None,
        field_selector: str | None = None,
        seconds: int = 300,
    ) -> AsyncIterator[tuple[str, Object]]:
        """Yield (type, object) of one watch until the server ends it; ERROR events raise ApiError."""
        params = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": str(seconds)}
        params["allowWatchBookmarks"] = "true"
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        timeout = aiohttp.ClientTimeout(total=None, sock_read=seconds + 30)
        async with self._session.get(self.server + path, params=params, timeout=timeout) as response:
            if response.status >= 400:
                raise _api_error(response.status, await response.text())
            pending = b""
            async for chunk in response.content.iter_any():
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _api_error(int(event["object"].get("code", 500)), json.dumps(event["object"]))
                    yield event["type"], event["object"]


def _api_error(status: int, text: str) -> ApiError:
    try:
        body = json.loads(text)
    except ValueError:
        return ApiError(status, "Unknown", text[:500])
    return ApiError(status, str(body.get("reason", "Unknown")), str(body.get("message", text[:500])))
