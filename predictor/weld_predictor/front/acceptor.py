"""Takes connections, many at a time.

uvloop's own server takes one in each turn of the event loop: where a turn takes tens of milliseconds, the last of a
thousand clients that come at once would wait for half a minute, whatever deadline they have.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from socket import socket

MOST_IN_A_TURN = 128
"""Connections; so that those that are there are heard too."""
PAUSE_SECONDS = 1.0
"""After a connection could not be taken, as when no more files may be open."""

_log = logging.getLogger(__name__)


class Acceptor:
    """Takes the connections that come to a listening socket, from its making until it is closed.

    As uvicorn expects of a server, it has `close` and `wait_closed`.
    """

    def __init__(self, listener: socket, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """`listener` does not block, and stays open until after `close`."""
        self._listener = listener
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self.opening: set[asyncio.Task[object]] = set()
        """Of connections that were taken and are not open yet."""
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Take no more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        else:
            self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Until those that were taken are open, or are gone again."""
        await asyncio.gather(*self.opening, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(MOST_IN_A_TURN):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.error("connections cannot be taken for a second", extra={"reason": str(error)})
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            connection.setblocking(False)
            opening = self._loop.create_task(self._open(connection))
            self.opening.add(opening)
            opening.add_done_callback(self.opening.discard)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    async def _open(self, connection: socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:  # it is gone already
            connection.close()
