"""Servers that are measured, as processes: the predictor, and the peers that can be had."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.bench.peers.environment import PEERS, NotInstalledError, Peer, environment_of, install
from tests.bench.wire import MODEL, REMEMBERING_GRPC, REMEMBERING_REST, Wire
from tests.integration.predictor_process import PackedBundle, predictor

START_SECONDS = 90
END_SECONDS = 10
POLL_SECONDS = 0.1


@dataclass
class ServerProcess:
    """A process and its children."""

    pid: int

    def resident_mib(self) -> float:
        """At present, all of them together; 0 if it has ended."""
        return self._sum("VmRSS")

    def peak_mib(self) -> float:
        """The sum of the peaks of all of them."""
        return self._sum("VmHWM")

    def _sum(self, figure: str) -> float:
        return sum(_memory(process.pid, figure) for process in self._tree())

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Not on the processor within the block, so that it takes nothing from those that are measured."""
        for process in self._tree():
            process.suspend()
        try:
            yield
        finally:
            for process in self._tree():
                process.resume()

    def kill(self) -> None:
        for process in reversed(self._tree()):
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _tree(self) -> list[psutil.Process]:
        try:
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@dataclass
class Server:
    """One way to reach one process."""

    name: str
    wire: Wire
    port: int
    process: ServerProcess = field(repr=False)


@contextlib.contextmanager
def on_cores(cores: list[int]) -> Iterator[None]:
    """Processes that are started within the block have only these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@asynccontextmanager
async def weldserve(
    folder: Path, bundle: PackedBundle, module: str = "weld_predictor", **settings: object
) -> AsyncIterator[list[Server]]:
    """A predictor that serves `bundle` with all its checks, by REST and by gRPC; its log is in `folder`."""
    async with predictor(folder, bundle, module, model_name=MODEL, grpc_port=0, **settings) as process:
        await process.logged("ready")
        http_port = int((await process.address()).rsplit(":", 1)[1])
        grpc_port = int((await process.grpc_address()).rsplit(":", 1)[1])
        watched = ServerProcess(process.pid)
        yield [
            Server("weldserve", REMEMBERING_REST, http_port, watched),
            Server("weldserve gRPC", REMEMBERING_GRPC, grpc_port, watched),
        ]


@asynccontextmanager
async def peers(folder: Path, bundle: Path, left_out: dict[str, str]) -> AsyncIterator[list[Server]]:
    """Those that can be had; `left_out` gets the others, with the reason why."""
    async with AsyncExitStack() as stack:
        servers: list[Server] = []
        for peer in PEERS:
            try:
                servers += await stack.enter_async_context(_peer(folder, bundle, peer))
            except (NotInstalledError, OSError) as error:
                left_out[peer.label] = str(error)
        yield servers


@asynccontextmanager
async def _peer(folder: Path, bundle: Path, peer: Peer) -> AsyncIterator[list[Server]]:
    python = await install(peer, folder)
    port, grpc_port = _free_ports(2)
    log = folder / f"{peer.name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *peer.command(python, bundle, port, grpc_port), stdout=output, stderr=output, env=environment_of(bundle)
        )
    watched = ServerProcess(process.pid)
    try:
        ports = {name: grpc_port if name == "gRPC" else port for name in peer.wires}
        for each in set(ports.values()):
            await _listens(process, each, log)
        servers = [Server(f"{peer.label} {name}", wire, ports[name], watched) for name, wire in peer.wires.items()]
        yield servers
    finally:
        watched.kill()
        await process.wait()


async def _listens(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """Wait until it does. Raises NotInstalledError if it ends, or takes too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.returncode is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise NotInstalledError(f"it did not start: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _free_ports(count: int) -> list[int]:
    """That nobody listens on at present."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _memory(pid: int, figure: str) -> float:
    """MiB; 0 if the process has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{figure}:"):
                return int(line.split()[1]) / 1024
    return 0.0
