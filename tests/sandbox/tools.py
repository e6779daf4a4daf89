"""The rig's programs: found, or built from Go modules that are pinned by version and checksum.

`python -m tests.sandbox.tools [NAME...]` brings them and prints where they are.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).resolve().parents[1] / "tools"

BUILD_LIMIT_SECONDS = 3600
ANSWER_LIMIT_SECONDS = 30
PROGRESS_SECONDS = 15


class ToolError(Exception):
    """A program that the rig needs could be neither found nor built; the text says why, in one sentence."""


@dataclass(frozen=True)
class Tool:
    """One program: the folder of its go.mod, the Go package and module it comes from, and how it tells its version."""

    name: str
    folder: str
    package: str
    module: str
    version_arguments: tuple[str, ...]
    usual_minutes: float
    version_variable: str | None = None  # the Go variable that the linker sets, where the program needs to be told
    tags: str = ""  # of the Go build: they leave out what the rig does not need

    def version(self) -> str:
        """The version without a leading v, read from the tool's go.mod."""
        return required_version((MODULES / self.folder / "go.mod").read_text(), self.module)

    def linker_flags(self) -> str:
        if self.version_variable is None:
            return "-s -w"
        return f"-s -w -X {self.version_variable}=v{self.version()}"


_KUBERNETES = "k8s.io/kubernetes"


def _kubernetes(name: str, minutes: float, version_arguments: tuple[str, ...] = ("--version",)) -> Tool:
    variable = "k8s.io/component-base/version.gitVersion"
    return Tool(name, "kubernetes", f"{_KUBERNETES}/cmd/{name}", _KUBERNETES, version_arguments, minutes, variable)


_ETCD = "go.etcd.io/etcd/server/v3"
_CADDY = "github.com/caddyserver/caddy/v2"
_HELM = "helm.sh/helm/v4"
_KUBE_SCORE = "github.com/zegl/kube-score"
_PROMETHEUS = "github.com/prometheus/prometheus"
_PROMETHEUS_VERSION = "github.com/prometheus/common/version.Version"
_VERSITYGW = "github.com/versity/versitygw"

TOOLS = {
    tool.name: tool
    for tool in (
        Tool("etcd", "etcd", _ETCD, _ETCD, ("--version",), 0.5),
        _kubernetes("kube-apiserver", 7),
        _kubernetes("kube-controller-manager", 1),
        _kubernetes("kube-scheduler", 0.5),
        _kubernetes("kubectl", 0.5, ("version", "--client")),
        Tool("caddy", "caddy", f"{_CADDY}/cmd/caddy", _CADDY, ("version",), 1.5, f"{_CADDY}.CustomVersion"),
        Tool("helm", "helm", f"{_HELM}/cmd/helm", _HELM, ("version",), 2, f"{_HELM}/internal/version.version"),
        Tool("kube-score", "kube-score", f"{_KUBE_SCORE}/cmd/kube-score", _KUBE_SCORE, ("version",), 1, "main.version"),
        Tool(
            "prometheus",
            "prometheus",
            f"{_PROMETHEUS}/cmd/prometheus",
            _PROMETHEUS,
            ("--version",),
            4,
            _PROMETHEUS_VERSION,
            "remove_all_sd",  # without the clouds' service discovery
        ),
        Tool("versitygw", "versitygw", f"{_VERSITYGW}/cmd/versitygw", _VERSITYGW, ("--version",), 1.5, "main.Version"),
    )
}


def required_version(go_mod: str, module: str) -> str:
    """The version, without its v, at which a go.mod's text requires a module; ValueError when it does not."""
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)}\s+v(\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise ValueError(f"go.mod does not require {module}")
    return found.group(1)


def required_go(go_mod: str) -> str:
    """The Go version that a go.mod's text asks for, such as 1.26.0."""
    found = re.search(r"^go\s+(\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise ValueError("go.mod has no go line")
    return found.group(1)


def stated_version(answer: str) -> str | None:
    """The first version that a program's answer states (`Kubernetes v1.37.2`, `etcd Version: 3.6.6`), without a v."""
    found = re.search(r"\bv?(\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?)", answer)
    return found.group(1) if found else None


def go_is_older(go_version: str, wanted: str) -> bool:
    """Whether `go1.25.3` is older than `1.26.0`; a release candidate counts as its release."""
    return _numbers(go_version) < _numbers(wanted)


def _numbers(version: str) -> tuple[int, int, int]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if found is None:
        raise ValueError(f"no version in {version!r}")
    return int(found.group(1)), int(found.group(2)), int(found.group(3) or 0)


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "weldserve" / "tools"


def ensure(names: Iterable[str] = tuple(TOOLS)) -> dict[str, Path]:
    """Find or build each named program; raises ToolError when one can be neither found nor built.

    Looked at in this order: the folder that KUBEBUILDER_ASSETS names, PATH (each only when the program states exactly
    the pinned version), the user's cache, and last a build with Go, which is kept in the cache.
    """
    return {name: _find(TOOLS[name]) or _build(TOOLS[name]) for name in names}


def _find(tool: Tool) -> Path | None:
    for path in _installed(tool):
        if _states(path, tool):
            return path
    # What is in the cache is named by version and was asked when it was built.
    return _cached(tool) if _cached(tool).exists() else None


def _cached(tool: Tool) -> Path:
    return cache_folder() / f"{tool.folder}-{tool.version()}" / tool.name


def _installed(tool: Tool) -> Iterator[Path]:
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        yield Path(assets) / tool.name
    if on_path := shutil.which(tool.name):
        yield Path(on_path)


def _states(path: Path, tool: Tool) -> bool:
    """Whether the program at `path` runs and states the pinned version."""
    try:
        answer = subprocess.run(
            [path, *tool.version_arguments], capture_output=True, text=True, timeout=ANSWER_LIMIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return stated_version(answer.stdout) == tool.version()


def _build(tool: Tool) -> Path:
    target = _cached(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.parent / ".lock", tool.name):
        if target.exists():  # another run has just built it
            return target
        _check_go(tool)
        _say(f"building {tool.name} {tool.version()} with Go: usually {tool.usual_minutes:g} min on two cores, once")
        partial = target.with_name(f".{tool.name}.{os.getpid()}")
        try:
            _go_build(tool, partial)
            if not _states(partial, tool):
                raise ToolError(f"{tool.name} was built but does not state version {tool.version()}")
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)
    return target


@contextmanager
def _lock(path: Path, name: str) -> Iterator[None]:
    """Hold a lock file, so that two runs do not build the same thing; it ends with the process."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another run that builds {name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_go(tool: Tool) -> None:
    wanted = required_go((MODULES / tool.folder / "go.mod").read_text())
    need = f"{tool.name} {tool.version()} is not installed and building it needs Go {wanted} or newer"
    if shutil.which("go") is None:
        raise ToolError(f"{need}, but there is no go on PATH")
    # Asked in the module's folder, where Go's own toolchain selection applies.
    answer = subprocess.run(
        ["go", "env", "GOVERSION"],
        cwd=MODULES / tool.folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if answer.returncode != 0:
        raise ToolError(f"{need}, but go says: {answer.stderr.strip().splitlines()[-1]}")
    if go_is_older(answer.stdout, wanted):
        raise ToolError(f"{need}, but the go on PATH is {answer.stdout.strip()}")


def _go_build(tool: Tool, output: Path) -> None:
    command = [
        "go",
        "build",
        "-mod=readonly",
        "-trimpath",
        "-tags",
        tool.tags,
        "-ldflags",
        tool.linker_flags(),
        "-o",
        str(output),
        tool.package,
    ]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    with tempfile.TemporaryFile("w+") as messages:
        build = subprocess.Popen(command, cwd=MODULES / tool.folder, env=environment, stdout=messages, stderr=messages)
        try:
            _wait_for_build(build, tool)
        finally:
            if build.poll() is None:
                build.kill()
                build.wait()
        if build.returncode != 0:
            messages.seek(0)
            raise ToolError(f"building {tool.name} {tool.version()} failed: {messages.read().strip()[-2000:]}")


def _wait_for_build(build: subprocess.Popen[bytes], tool: Tool) -> None:
    begun = time.monotonic()
    for _ in range(BUILD_LIMIT_SECONDS // PROGRESS_SECONDS):
        try:
            build.wait(timeout=PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            _say(f"  {tool.name}: {time.monotonic() - begun:.0f} s")
        else:
            _say(f"  {tool.name}: done after {time.monotonic() - begun:.0f} s")
            return
    raise ToolError(f"building {tool.name} {tool.version()} took longer than {BUILD_LIMIT_SECONDS} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """The command: bring the named programs (all by default) and print `name path` for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.tools", description="Bring the rig's programs.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TOOLS)}; all by default")
    names: list[str] = parser.parse_args().names
    if unknown := [name for name in names if name not in TOOLS]:
        parser.error(f"{unknown[0]} is not one of {', '.join(TOOLS)}")
    try:
        found = ensure(names or TOOLS)
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, path in found.items():
        print(name, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
