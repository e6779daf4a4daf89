"""Helm as a user calls it: the program, with a kubeconfig and values."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.kube_api import Object

CHARTS = Path(__file__).parents[2] / "charts"
WAIT = ("--wait", "--timeout=180s")

_OWN_FOLDERS = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")


class HelmError(Exception):
    """Helm refuses or fails; the text is what it says."""


class Helm:
    """The helm command with one kubeconfig, or with none for what needs no cluster; `folder` keeps its own files."""

    def __init__(self, program: Path, folder: Path, kubeconfig: Path | None = None) -> None:
        self._program = program
        self._environment = {**os.environ, **{name: str(folder / name.lower()) for name in _OWN_FOLDERS}}
        self._environment.pop("KUBECONFIG", None)
        if kubeconfig is not None:
            self._environment["KUBECONFIG"] = str(kubeconfig)

    async def run(self, *arguments: str, values: Object | None = None) -> str:
        """What helm prints; `values` become `--values`. Raises HelmError."""
        given = None if values is None else json.dumps(values).encode()
        process = await asyncio.create_subprocess_exec(
            self._program, *arguments, *([] if given is None else ["--values=-"]),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate(given)
        if process.returncode != 0:
            raise HelmError(f"helm {' '.join(arguments)}: {errors.decode().strip() or output.decode().strip()}")
        return output.decode()

    async def template(self, release: str, chart: str, namespace: str, values: Object) -> list[Object]:
        """The objects that a release would have."""
        output = await self.run("template", release, str(CHARTS / chart), f"--namespace={namespace}", values=values)
        return [document for document in yaml.safe_load_all(output) if document]


@dataclass(frozen=True)
class Release:
    """A release of one of our charts, by its name and namespace."""

    helm: Helm
    name: str
    namespace: str
    chart: str = "weldserve"

    async def install(self, values: Object) -> str:
        """Install it, its namespace too, and wait until what it starts is ready."""
        return await self._act("install", str(CHARTS / self.chart), "--create-namespace", *WAIT, values=values)

    async def upgrade(self, values: Object) -> str:
        """Replace its values, and wait until what it starts is ready."""
        return await self._act("upgrade", str(CHARTS / self.chart), *WAIT, values=values)

    async def rollback(self, revision: int) -> str:
        """Return to an earlier revision, and wait until what it starts is ready."""
        return await self._act("rollback", str(revision), *WAIT)

    async def uninstall(self) -> str:
        """Remove it but for what its chart keeps, and wait until the rest is gone."""
        return await self._act("uninstall", *WAIT)

    async def test(self) -> str:
        """Run its tests; HelmError when one fails."""
        return await self._act("test", "--timeout=180s")

    async def revision(self) -> int:
        """The number of its present revision."""
        status: dict[str, Any] = json.loads(await self._act("status", "--output=json"))
        return int(status["version"])

    async def _act(self, verb: str, *arguments: str, values: Object | None = None) -> str:
        return await self.helm.run(verb, self.name, *arguments, f"--namespace={self.namespace}", values=values)
