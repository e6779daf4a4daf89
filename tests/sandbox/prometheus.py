"""A real Prometheus on loopback, which scrapes what it is told at its start."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from tests.sandbox.process import Process, StoppedAtItsEnd, free_port
from tests.sandbox.tools import ensure


@dataclass(frozen=True)
class Target:
    """Where metrics are shown (host and port), and the labels that their series get, such as `namespace` and `pod`."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


class Prometheus(StoppedAtItsEnd):
    """A running Prometheus; make one with `await Prometheus.start(folder, targets)`, and use it as a context."""

    def __init__(self, folder: Path, program: Path, targets: Sequence[Target], scrape_every: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        configuration = folder / "prometheus.yml"
        configuration.write_text(json.dumps(_configuration(targets, scrape_every)))
        command: list[str | Path] = [
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ]
        self._process = Process("prometheus", command, folder / "prometheus.log", folder=folder)

    @classmethod
    async def start(cls, folder: Path, targets: Sequence[Target], scrape_every: str = "1s") -> Self:
        """Start one whose files lie in `folder` (absolute). Raises ToolError or ProcessError."""
        program = (await asyncio.to_thread(ensure, ["prometheus"]))["prometheus"]
        prometheus = cls(folder, program, targets, scrape_every)
        prometheus._process.start()
        try:
            await prometheus._process.wait_ready(prometheus._is_ready)
        except BaseException:
            await prometheus.stop()
            raise
        return prometheus

    async def stop(self) -> None:
        await self._process.stop()

    async def value(self, promql: str) -> float | None:
        """The first value of a query's answer, None where there is none."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/api/v1/query", data={"query": promql}) as response,
        ):
            answer = await response.json()
        assert answer["status"] == "success", answer
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    async def _is_ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


def _configuration(targets: Sequence[Target], scrape_every: str) -> dict[str, object]:
    """Its configuration file, as YAML that is JSON."""
    groups = [{"targets": [each.address], "labels": dict(each.labels)} for each in targets]
    return {
        "global": {"scrape_interval": scrape_every, "scrape_timeout": scrape_every},
        "scrape_configs": [{"job_name": "pods", "static_configs": groups}],
    }
