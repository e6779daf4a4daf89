"""The peers' own environments, made when they are first wanted."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.wire import GRPC, PLAIN_JSON, REST_BINARY, REST_JSON, Wire

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Peer:
    """A model server from PyPI."""

    name: str
    label: str
    wires: dict[str, Wire]
    """By the name of the wire."""

    def command(self, python: Path, bundle: Path, port: int, grpc_port: int) -> list[str]:
        """That serves `bundle` until it is ended."""
        module = f"tests.bench.peers.{self.name}_server"
        if self.name == "bentoml":
            where = ["--host", "127.0.0.1", "--port", str(port)]
            return [str(python), "-m", "bentoml", "serve", f"{module}:Bench", *where]
        return [str(python), "-m", module, str(bundle), str(port), str(grpc_port)]


PEERS = (
    Peer("kserve", "KServe", {"REST binary": REST_BINARY, "gRPC": GRPC}),
    Peer("mlserver", "MLServer", {"REST JSON": REST_JSON, "gRPC": GRPC}),
    Peer("pytriton", "PyTriton", {"REST binary": REST_BINARY, "gRPC": GRPC}),
    Peer("bentoml", "BentoML", {"REST JSON": PLAIN_JSON}),
)


class NotInstalledError(Exception):
    """A peer cannot be had here; says why."""


async def install(peer: Peer, folder: Path) -> Path:
    """Its environment's Python, under `folder`. Raises NotInstalledError."""
    environment, wanted = folder / peer.name, (HERE / f"{peer.name}.txt").read_text()
    python, installed = environment / "bin" / "python", environment / "installed.txt"
    if installed.exists() and installed.read_text() == wanted:
        return python
    shutil.rmtree(environment, ignore_errors=True)
    await _run(str(_interpreter(peer)), "-m", "venv", str(environment))
    requirements = str(HERE / f"{peer.name}.txt")
    await _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
    installed.write_text(wanted)
    return python


def _interpreter(peer: Peer) -> Path:
    """Triton brings an interpreter of its own, of an early 3.11, which cannot take the library of a later one."""
    own = Path("/usr/bin/python3.11")
    return own if peer.name == "pytriton" and own.exists() else Path(sys.executable)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(INSTALL_SECONDS):
            _, complaint = await process.communicate()
    except TimeoutError:
        process.kill()
        raise NotInstalledError(f"its installation took longer than {INSTALL_SECONDS} s") from None
    if process.returncode:
        lines = complaint.decode(errors="replace").strip().splitlines()
        raise NotInstalledError(next((line for line in lines if "ERROR" in line.upper()), lines[-1] if lines else "?"))


def environment_of(bundle: Path) -> dict[str, str]:
    """Variables that a peer's process has."""
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
        "PYTHONPATH": str(ROOT),
        "BENCH_BUNDLE": str(bundle),
        "BENTOML_DO_NOT_TRACK": "true",
    }
