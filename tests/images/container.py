"""A container as a cluster that distrusts it would run it: no root, nothing writable but /tmp, no capabilities.

Its system calls are those that Kubernetes' RuntimeDefault allows, by the profile that comes with buildah.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

USER = 65532
DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POLL_SECONDS = 0.05
PROFILE = Path("/usr/share/containers/seccomp.json")
"""Which system calls a container may make, as engines read it; installed with buildah."""
_NAMESPACES = ("pid", "ipc", "uts", "mount")
"""Not the network: servers in it listen on this machine's loopback, so that tests reach them."""
_MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=64k"],
    },
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
]


@dataclass
class Container:
    """One run of an image; use it as a context, which ends it by its own pid.

    image_config: `config` of the image, as the builder tells it
    root: where the image's files are mounted
    arguments: after the entry point, or instead of it when they begin with a program
    mounts: paths of this machine by their place in the container; read-only but for files that may be written to
    """

    folder: Path
    root: Path
    image_config: Mapping[str, Any]
    arguments: Sequence[str]
    mounts: Mapping[str, Path] = field(default_factory=dict)
    entry_point: Sequence[str] | None = None
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        (self.folder / "config.json").write_text(json.dumps(self._specification()))
        command = ["runc", "--root", str(self.folder / "state"), "run", "--bundle", str(self.folder), self._name]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self._process.wait(30)

    @property
    def said(self) -> str:
        """All that it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its first process."""
        state = str(self.folder / "state")
        subprocess.run(["runc", "--root", state, "kill", self._name, str(number.value)], check=False)

    def wait(self, seconds: float) -> int:
        """Its exit code; TimeoutExpired when it still runs after so long."""
        assert self._process is not None
        return self._process.wait(seconds)

    def wait_until_said(self, words: str, seconds: float) -> None:
        """Wait until it has printed these words; AssertionError when it ends before, or has not after so long."""
        deadline = time.monotonic() + seconds
        while words not in self.said:
            assert self.is_running, f"ended: {self.said[-2000:]}"
            assert time.monotonic() < deadline, f"no {words!r} within {seconds:g} s: {self.said[-2000:]}"
            time.sleep(POLL_SECONDS)

    @property
    def _name(self) -> str:
        return f"{self.folder.name}-{os.getpid()}"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _specification(self) -> dict[str, Any]:
        """The runtime's configuration (Open Container Initiative)."""
        entry = self.image_config["Entrypoint"] if self.entry_point is None else self.entry_point
        return {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.root), "readonly": True},
            "hostname": "container",
            "process": {
                "terminal": False,
                "user": {"uid": USER, "gid": USER},
                "args": [*entry, *self.arguments],
                "env": list(self.image_config.get("Env") or [DEFAULT_PATH]),
                "cwd": self.image_config.get("WorkingDir") or "/",
                "noNewPrivileges": True,
                "capabilities": {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")},
            },
            "mounts": [*_MOUNTS, *(_bound(path, source) for path, source in self.mounts.items())],
            "linux": {"namespaces": [{"type": kind} for kind in _NAMESPACES], "seccomp": _seccomp()},
        }


def _bound(path: str, source: Path) -> dict[str, Any]:
    options = ["rbind", "rw" if os.access(source, os.W_OK) and source.suffix == ".log" else "ro"]
    return {"destination": path, "type": "bind", "source": str(source), "options": options}


def _seccomp() -> dict[str, Any]:
    """PROFILE for a container without capabilities on amd64, as a runtime reads it."""
    profile = json.loads(PROFILE.read_text())
    rules = [
        {key: value for key, value in rule.items() if key in ("names", "action", "errnoRet", "args") and value}
        for rule in profile["syscalls"]
        if not rule["includes"].get("caps") and "amd64" in rule["includes"].get("arches", ["amd64"])
    ]
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": rules,
    }
