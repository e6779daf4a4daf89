"""The proxy: plain HTTP on loopback in front, the real API server behind; one for each client, whom it so knows."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from tests.sandbox.fault_proxy.call import Answer, Call, Object, call_of
from tests.sandbox.fault_proxy.faults import CutError, Fault

ADDRESS = "127.0.0.1"
LARGEST_BODY = 16 * 1024**2
GONE_SECONDS = 1.0
"""After which a watch of a client that has gone is noticed."""

_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Write:
    """A write that the API server has answered: which of the counted ones, what, and what came of it."""

    number: int
    call: Call
    status: int
    result: Object


class FaultProxy:
    """Passes calls on and does the harm of `faults`; use it as a context.

    Attributes: `url`, where it listens; `writes`, what the API server answered to each counted write, in order;
    `faults`, which may be replaced at any time.
    """

    def __init__(self, server: str, authority: str, *, uncounted: Sequence[str] = ("leases",)) -> None:
        """`authority`: of the API server's certificate, as PEM text. `uncounted`: resources whose writes do not count.

        They are those that come by the clock.
        """
        self.url = ""
        self.writes: list[Write] = []
        self.faults: tuple[Fault, ...] = ()
        self._server = server
        self._authority = authority
        self._uncounted = frozenset(uncounted)
        self._began = 0
        self._watches: set[_Watch] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FaultProxy]:
        """Listen on a free port until the end."""
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=self._authority), limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            self._session = session
            application = web.Application(client_max_size=LARGEST_BODY)
            application.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
            await runner.setup()
            try:
                await web.TCPSite(runner, ADDRESS, 0).start()
                self.url = f"http://{ADDRESS}:{runner.addresses[0][1]}"
                yield self
            finally:
                self.end_watches()
                await runner.cleanup()

    def begin(self, *faults: Fault) -> None:
        """Count from 1 again, and do this harm from now on."""
        self.writes = []
        self._began = 0
        self.faults = faults

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    def end_watches(self, last_event: Object | None = None) -> int:
        """End every open watch, with this event as its last if there is one; gives how many there were."""
        ended = list(self._watches)
        for watch in ended:
            watch.end(last_event)
        return len(ended)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = call_of(request.method, request.path, request.query, request.content_type, body)
        number = self._number(call)
        try:
            return await self._answered(request, call, number, body)
        except CutError:
            _cut(request)
        except aiohttp.ClientError as error:
            _log.debug("%s: %s", call, error)
            _cut(request)
        return web.Response(status=502)  # nobody hears it

    def _number(self, call: Call) -> int:
        if not call.is_write or call.resource in self._uncounted:
            return 0
        self._began += 1
        return self._began

    async def _answered(self, request: web.Request, call: Call, number: int, body: bytes) -> web.StreamResponse:
        faults = self.faults
        for fault in faults:
            instead = await fault.before(call, number)
            if instead is not None:
                return _response(instead)
        if call.verb == "watch":
            return await self._watch(request)
        answer = await self._passed_on(request, body)
        if number:
            self.writes.append(Write(number, call, answer.status, answer.object))
        for fault in faults:
            await fault.after(call, number)
        return _response(answer)

    async def _passed_on(self, request: web.Request, body: bytes) -> Answer:
        async with self._session.request(
            request.method, self._server + request.raw_path, headers=_passed(request.headers), data=body or None
        ) as response:
            return Answer(response.status, _passed(response.headers), await response.read())

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        """Every chunk as it comes."""
        async with self._session.get(self._server + request.raw_path, headers=_passed(request.headers)) as response:
            stream = web.StreamResponse(status=response.status, headers=_passed(response.headers))
            await stream.prepare(request)
            watch = _Watch()
            self._watches.add(watch)
            try:
                async for chunk in watch.chunks(response, request):
                    await stream.write(chunk)
                await stream.write_eof()
            except ConnectionError:
                pass  # the client has gone
            finally:
                self._watches.discard(watch)
            return stream


class _Watch:
    """One open watch, which may be ended from outside."""

    def __init__(self) -> None:
        self._end: asyncio.Future[Object | None] = asyncio.get_running_loop().create_future()

    def end(self, last_event: Object | None) -> None:
        if not self._end.done():
            self._end.set_result(last_event)

    async def chunks(self, response: aiohttp.ClientResponse, request: web.Request) -> AsyncIterator[bytes]:
        """What the API server sends, until its end, this watch's, or the client's."""
        while True:
            chunk = asyncio.ensure_future(response.content.readany())
            try:
                await self._until_done(chunk, request)
            finally:
                if not chunk.done():
                    chunk.cancel()
            if self._end.done():
                if (event := self._end.result()) is not None:
                    yield json.dumps(event).encode() + b"\n"
                return
            if not chunk.done() or not (received := chunk.result()):
                return
            yield received

    async def _until_done(self, chunk: asyncio.Future[bytes], request: web.Request) -> None:
        """Wait for the chunk, for the end, or for a client that goes, which nothing else tells of."""
        awaited: set[asyncio.Future[Any]] = {chunk, self._end}
        while request.transport is not None and not request.transport.is_closing():
            done, _ = await asyncio.wait(awaited, timeout=GONE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return


def _passed(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Without those that are about one connection, and with bodies that can be read."""
    passed = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION)
    passed["Accept-Encoding"] = "identity"
    return passed


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
