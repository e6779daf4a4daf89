"""Connections that come at once are taken at once."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import cast

import pytest
import uvloop

from weld_predictor.front.acceptor import MOST_IN_A_TURN, Acceptor
from weld_predictor.front.arrival import ArrivalClock

OPEN: set[asyncio.Transport] = set()


class Echo(asyncio.Protocol):
    """Answers a byte by what the connection's clock told when it was read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.arrivals = ArrivalClock(transport)
        OPEN.add(self.transport)

    def data_received(self, data: bytes) -> None:
        if data == b"?":
            self.transport.write(b"%f\n" % self.arrivals.seconds_unread())

    def connection_lost(self, _: Exception | None) -> None:
        self.arrivals.close()
        OPEN.discard(self.transport)


async def close(acceptor: Acceptor) -> None:
    """And all connections."""
    acceptor.close()
    await acceptor.wait_closed()
    async with asyncio.timeout(10):
        while OPEN:
            for transport in tuple(OPEN):
                transport.close()
            await asyncio.sleep(0.001)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as found:
        found.setblocking(False)
        yield found


def test_hundreds_that_wait_are_taken_in_a_few_turns(listener: socket.socket) -> None:
    async def take_all() -> int:
        acceptor = Acceptor(listener, Echo)
        turns = 0
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(300)]
            while len(OPEN) < len(clients) and turns < 100:
                turns += 1
                await asyncio.sleep(0)
            await close(acceptor)
        return turns

    turns = uvloop.run(take_all())
    assert turns <= 3 * (300 // MOST_IN_A_TURN + 2)


def test_when_no_connection_can_be_taken_it_goes_on_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weld_predictor.front.acceptor.PAUSE_SECONDS", 0.01)

    class Exhausted:
        """A listening socket of a process that may open no more files, for a while."""

        def __init__(self, real: socket.socket) -> None:
            self._real = real
            self.refusals = 0

        def fileno(self) -> int:
            return self._real.fileno()

        def accept(self) -> object:
            if self.refusals < 3:
                self.refusals += 1
                raise OSError(errno.EMFILE, "Too many open files")
            return self._real.accept()

    async def ask() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as real:
            real.setblocking(False)
            acceptor = Acceptor(Exhausted(real), Echo)  # type: ignore[arg-type]
            reader, writer = await asyncio.open_connection(*real.getsockname())
            writer.write(b"?")
            async with asyncio.timeout(10):
                answer = await reader.readline()
            writer.close()
            await close(acceptor)
        return answer

    assert uvloop.run(ask()).endswith(b"\n")


def test_the_clock_tells_how_long_bytes_lay_unread(listener: socket.socket) -> None:
    async def ask() -> float:
        loop = asyncio.get_running_loop()
        acceptor = Acceptor(listener, Echo)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b".")
        await asyncio.sleep(0.05)
        with closing(socket.socket(fileno=socket.dup(writer.get_extra_info("socket").fileno()))) as own:
            own.send(b"?")
        busy_until = loop.time() + 0.1
        while loop.time() < busy_until:
            pass
        answer = await reader.readline()
        writer.close()
        await close(acceptor)
        return float(answer)

    assert 0.08 <= uvloop.run(ask()) <= 5
