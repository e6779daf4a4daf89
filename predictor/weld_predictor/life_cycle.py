"""When the predictor is ready, when it takes requests, and how it takes its leave.

Kubernetes sends SIGTERM and removes the Pod from the endpoints at the same time, and gateways learn of it later: so
readiness turns false at once, requests are still answered for the drain time, and only then the doors close.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Phase(Enum):
    """What the predictor is at; it only goes forward."""

    STARTING = auto()
    SERVING = auto()
    DRAINING = auto()
    CLOSING = auto()


class LifeCycle:
    """The phase of one predictor."""

    def __init__(self, drain: float) -> None:
        """`drain`: seconds from the first interruption to the close."""
        self._drain = drain
        self._phase = Phase.STARTING
        self._served = False
        self._interrupted = asyncio.Event()
        self._hastened = asyncio.Event()

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def is_ready(self) -> bool:
        """Whether new requests should come here."""
        return self._phase is Phase.SERVING

    @property
    def takes_requests(self) -> bool:
        """Whether those that come are answered: from readiness on, until the end."""
        return self._served

    @property
    def is_leaving(self) -> bool:
        """Whether clients that keep connections open should go elsewhere."""
        return self._phase in (Phase.DRAINING, Phase.CLOSING)

    def serve(self) -> None:
        """The model can score. Has no effect once interrupted."""
        if self._phase is Phase.STARTING:
            self._served = True
            self._phase = Phase.SERVING

    def interrupt(self) -> None:
        """The first time: drain. The second time: drain no longer."""
        if self._interrupted.is_set():
            self._hastened.set()
        self._interrupted.set()
        if self._phase is not Phase.CLOSING:
            self._phase = Phase.DRAINING

    def end(self) -> None:
        """Close now: there is nobody left to answer."""
        self.interrupt()
        self._hastened.set()

    async def until_drained(self) -> None:
        """Returns when the predictor should close its doors; at once if it was interrupted before it was ready."""
        await self._interrupted.wait()
        try:
            async with asyncio.timeout(self._drain if self._served else 0):
                await self._hastened.wait()
        except TimeoutError:
            pass
        self._phase = Phase.CLOSING


class CloseConnectionsOnLeave:
    """ASGI middleware: from the first interruption on, every response closes its connection.

    Clients that keep connections open thus go elsewhere after their next answer, and none is cut off in the middle.
    """

    def __init__(self, app: ASGIApp, life_cycle: LifeCycle) -> None:
        self._app = app
        self._life_cycle = life_cycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: Message) -> None:
            if self._life_cycle.is_leaving and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, send_and_close)
