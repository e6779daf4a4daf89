"""Child processes of the rig: started with a log file, waited for, and ended by their own process id."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

READY_PAUSE_SECONDS = 0.1
KILL_LIMIT_SECONDS = 10
TAIL_LINES = 15

_PR_SET_PDEATHSIG = 1
# Looked up here: between fork and exec as little as possible should run.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class ProcessError(Exception):
    """A child process did not become ready, or ended by itself; the text ends with its log's last lines."""


class StoppedAtItsEnd(ABC):
    """What runs already, and is stopped at the end of an `async with` block."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @abstractmethod
    async def stop(self) -> None:
        """End every process that belongs to it."""


class Process:
    """One child process in a process group of its own; on Linux it is killed when the thread that started it ends.

    It may be started again after it has ended; its log file is appended to.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self._environment = None if environment is None else dict(environment)
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; ProcessError when it was never started."""
        return self._started().pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it; ProcessError when it is running already or its program cannot be run."""
        if self.running:
            raise ProcessError(f"{self.name} is running already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            try:
                self._child = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    cwd=self._folder,
                    start_new_session=True,
                    preexec_fn=die_with(os.getpid()),
                )
            except OSError as error:
                raise ProcessError(f"{self.name} cannot be run: {error}") from error

    async def wait_ready(self, probe: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
        """Ask `probe` until it says yes; ProcessError when the process ends first or the time runs out."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            if await probe():
                return
            await asyncio.sleep(READY_PAUSE_SECONDS)
        raise ProcessError(f"{self.name} was not ready after {seconds:g} s; its log ends:\n{self.last_lines()}")

    def check(self) -> None:
        """Raise ProcessError when the process has ended."""
        code = self._started().poll()
        if code is not None:
            raise ProcessError(f"{self.name} ended with code {code}; its log ends:\n{self.last_lines()}")

    def last_lines(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    async def stop(self, grace_seconds: float = 20) -> int | None:
        """SIGTERM, wait, and SIGKILL when the grace is over; the exit code, or None when it was never started."""
        if self._child is None:
            return None
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self._child.wait, grace_seconds)
            except subprocess.TimeoutExpired:
                await self.kill()
        return self._child.returncode

    async def kill(self) -> None:
        """SIGKILL to its process group, as a power cut would, and wait until it is gone."""
        child = self._started()
        if child.poll() is None:
            # The child is not reaped yet, so the group's number is still its own.
            os.killpg(child.pid, signal.SIGKILL)
            await asyncio.to_thread(child.wait, KILL_LIMIT_SECONDS)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise ProcessError(f"{self.name} was not started")
        return self._child


def die_with(parent: int) -> Callable[[], None]:
    """What a child of the process `parent` does before its program runs (a `preexec_fn`), where the kernel is Linux.

    It asks for SIGKILL at the end of the thread that started it, which ends when the parent dies, however it dies.
    """

    def ask() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it died in between
                os._exit(1)

    return ask


_given_out: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on and that no earlier call has given out.

    It lies below the range from which the kernel takes ports for outgoing connections, so that a server that is
    restarted finds its port still free.
    """
    top = _first_outgoing_port()
    for _ in range(1000):
        port = random.randrange(10_000, top)
        if port not in _given_out and _is_free(host, port):
            _given_out.add(port)
            return port
    raise ProcessError(f"no free port on {host} between 10000 and {top}")


def _first_outgoing_port() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    except OSError:
        return 32_768
    first = int(text.split()[0])
    return first if first > 11_000 else 65_536


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind((host, port))
        except OSError:
            return False
    return True
