"""The port at which sensors' gateways learn their endpoints, and other installations what serves here.

`GET /endpoints/NAMESPACE/NAME` and `GET /status/NAMESPACE/NAME`; nothing else, and nothing is changed by any request.
Over TLS where there is a certificate, which is read anew when its file changes; signed where there is a key.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from weld_operator.adapters.cluster import ClusterError
from weld_operator.adapters.published_documents import Document, PublishedDocuments, UnknownError
from weld_operator.adapters.signature import HEADER, Signer
from weld_operator.kinds import Key

ENDPOINTS_CACHE = "public, max-age=5, stale-if-error=3600"
STATUS_CACHE = "no-cache"
LONGEST_NAME = 253


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate, with its chain, and of its key (PEM)."""

    chain: Path
    key: Path

    @property
    def state(self) -> tuple[int, int]:
        """Changes when one of the files does."""
        return self.chain.stat().st_mtime_ns, self.key.stat().st_mtime_ns


class PublishedServer:
    """Serves HTTP or HTTPS on one address; `port` is the real one after `start`."""

    def __init__(
        self,
        address: str,
        port: int,
        documents: PublishedDocuments,
        *,
        namespaces: Collection[str] = (),
        signer: Signer | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """`namespaces`: those that are told of; all where it is empty."""
        self.port = port
        self._address = address
        self._documents = documents
        self._namespaces = namespaces
        self._signer = signer
        self._certificate = certificate
        self._context: ssl.SSLContext | None = None
        self._loaded: tuple[int, int] | None = None
        application = web.Application(client_max_size=1024)
        application.router.add_get("/endpoints/{namespace}/{name}", self._answer_endpoints)
        application.router.add_get("/status/{namespace}/{name}", self._answer_status)
        self._runner = web.AppRunner(application, access_log=None, keepalive_timeout=30)

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken or the certificate cannot be read."""
        if self._certificate is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._load_certificate(self._certificate, self._context)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._address, self.port, ssl_context=self._context).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer_endpoints(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._documents.endpoints, ENDPOINTS_CACHE)

    async def _answer_status(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._documents.status, STATUS_CACHE)

    async def _answer(
        self, request: web.Request, make: Callable[[Key], Awaitable[Document]], cache: str
    ) -> web.Response:
        self._follow_certificate()
        key = Key(request.match_info["namespace"], request.match_info["name"])
        if max(map(len, key)) > LONGEST_NAME or (self._namespaces and key.namespace not in self._namespaces):
            return _fault(404, f"there is no WeldModel {key.namespace[:LONGEST_NAME]}/{key.name[:LONGEST_NAME]}")
        try:
            document = await make(key)
        except UnknownError as error:
            return _fault(404, str(error))
        except ClusterError:
            return _fault(503, "the API server does not answer")
        headers = {"ETag": document.tag, "Cache-Control": cache, "X-Content-Type-Options": "nosniff"}
        if self._signer is not None:
            headers[HEADER] = self._signer.header(document.body)
        if document.tag in _tags(request):
            return web.Response(status=304, headers=headers)
        return web.Response(body=document.body, headers=headers, content_type="application/json")

    def _follow_certificate(self) -> None:
        """A certificate that was renewed is shown from the next connection on; one that is being written, later."""
        if self._certificate is None or self._context is None:
            return
        try:
            self._load_certificate(self._certificate, self._context)
        except (OSError, ssl.SSLError):
            return

    def _load_certificate(self, certificate: Certificate, context: ssl.SSLContext) -> None:
        state = certificate.state
        if state != self._loaded:
            context.load_cert_chain(certificate.chain, certificate.key)
            self._loaded = state


def _tags(request: web.Request) -> set[str]:
    """Those that a client has already, weak or not."""
    return {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}


def _fault(status: int, sentence: str) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps({"error": sentence}).encode() + b"\n",
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
