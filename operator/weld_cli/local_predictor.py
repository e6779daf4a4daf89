"""A predictor on this machine alone, for as long as a command needs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from weld_api.card import BundleCard
from weld_cli.failures import CommandError

READY_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class LocalPredictor:
    """Where it is reached (http://127.0.0.1:port), and its process."""

    address: str
    pid: int


@contextmanager
def local_predictor(
    bundle: Path, card: BundleCard, digest: str, model: str, **more: object
) -> Iterator[LocalPredictor]:
    """A predictor's process, ready; ends it by its pid. Raises CommandError if it does not start.

    `more`: further settings, of which `max_delay="0s"` becomes `--max-delay=0s`.
    """
    settings = {
        "model_name": model,
        "bundle": bundle,
        "digest": digest,
        "version": card.version,
        "asset_kind": card.asset_kind,
        "site": model,
        "listen_address": "127.0.0.1",
        "http_port": 0,
        "drain": "0s",
        **more,
    }
    arguments = (f"--{name.replace('_', '-')}={value}" for name, value in settings.items())
    command = [sys.executable, "-m", "weld_predictor", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    too_slow = Timer(READY_SECONDS, process.kill)
    too_slow.start()
    try:
        address = _address(process)
        too_slow.cancel()
        yield LocalPredictor(address, process.pid)
    finally:
        too_slow.cancel()
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)


def _address(process: subprocess.Popen[str]) -> str:
    """Where it listens, once its log says that it is ready."""
    assert process.stderr is not None
    port, said = 0, ""
    for line in process.stderr:
        said = line.strip() or said
        entry = _entry(line)
        port = entry.get("port", port)
        if entry.get("message") == "ready":
            return f"http://127.0.0.1:{port}"
    raise CommandError(f"the predictor ended with exit code {process.wait()}: {said}")


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
