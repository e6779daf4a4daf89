"""W1 to W4: closed loops of clients, each of which sends its next request when it has its answer."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.effort import Effort
from tests.bench.load import LoadGenerator, Outcome
from tests.bench.readings import Requests
from tests.bench.servers import Server


@dataclass(frozen=True)
class Workload:
    """Clients that ask all the time."""

    name: str
    text: str
    clients: int
    size: int
    """Readings in each request."""
    templates: int
    """Requests with different features, which are sent in turn."""
    sensors: int
    """Of which readings come in turn, each with a time of its own."""


W1 = Workload("W1", "one request of 10,000 readings at a time", 1, 10_000, 4, 40_000)
W2 = Workload("W2", "100 clients, 100 readings a request", 100, 100, 100, 10_000)
W3 = Workload("W3", "256 clients, one reading a request", 256, 1, 1024, 10_000)
W4 = Workload("W4", "100 clients, 100 waveforms a request", 100, 100, 10, 10_000)


@dataclass
class Record:
    """What one server did under one workload, in all rounds."""

    workload: str
    server: str
    rounds: list[dict[str, float]] = field(default_factory=list)
    rss_mib: float = 0.0
    errors: int = 0

    def add(self, outcome: Outcome) -> None:
        """One round."""
        latency = outcome.latency
        self.errors += outcome.errors
        self.rounds.append(
            {
                "readings_per_s": round(outcome.readings_per_s, 1),
                "requests_per_s": round(outcome.requests_per_s, 1),
                "p50_ms": latency.p50,
                "p99_ms": latency.p99,
                "p999_ms": latency.p999,
            }
        )

    def median(self, figure: str) -> float:
        """Of all rounds."""
        return statistics.median(each[figure] for each in self.rounds)

    def as_json(self) -> dict[str, Any]:
        """With the medians of the rounds, and the rounds."""
        return {
            "workload": self.workload,
            "server": self.server,
            **{figure: self.median(figure) for figure in self.rounds[0]},
            "rss_mib": round(self.rss_mib, 1),
            "errors": self.errors,
            "rounds": self.rounds,
        }


class ClosedLoops:
    """Runs workloads on servers in turn, the others standing still meanwhile."""

    def __init__(self, load: LoadGenerator, effort: Effort) -> None:
        self._load = load
        self._effort = effort

    async def run(self, workload: Workload, servers: Sequence[Server], requests: Requests) -> list[Record]:
        """Every server in every round. Raises ValueError if one answers wrongly before it is measured."""
        plans: dict[str, Path] = {}
        for server in servers:
            plans[server.name] = self.write(workload, server, requests)
        records = [Record(workload.name, server.name) for server in servers]
        for _ in range(self._effort.rounds):
            for server, record in zip(servers, records, strict=True):
                with all_stopped_but(server, servers):
                    record.add(await self.once(workload, server, plans[server.name]))
                record.rss_mib = server.process.peak_mib()
        for plan_file in plans.values():
            plan_file.unlink()
        return records

    async def rates_in_turn(
        self, workload: Workload, servers: Sequence[Server], requests: Requests, rounds: int, seconds: float
    ) -> dict[str, list[float]]:
        """Readings/s by server, in many short rounds in changing order: for small differences on an uneven machine."""
        plans = {server.name: self.write(workload, server, requests) for server in servers}
        rates: dict[str, list[float]] = {server.name: [] for server in servers}
        for number in range(rounds):
            for server in servers if number % 2 else reversed(servers):
                with all_stopped_but(server, servers):
                    outcome = await self.once(workload, server, plans[server.name], seconds)
                rates[server.name].append(outcome.readings_per_s)
        for plan_file in plans.values():
            plan_file.unlink()
        return rates

    def write(self, workload: Workload, server: Server, requests: Requests) -> Path:
        """The plan of one server, in a file. Raises ValueError if it answers wrongly."""
        plan = server.wire.plan(server.port, requests)
        return self._load.write(f"{workload.name}-{server.name}".replace(" ", "-"), plan)

    async def once(self, workload: Workload, server: Server, plan: Path, seconds: float | None = None) -> Outcome:
        """One round of one server."""
        return await self._load.run(
            plan,
            server.port,
            seconds or self._effort.seconds,
            warmup=self._effort.warmup,
            connections=workload.clients,
            sensors=workload.sensors,
        )


@contextlib.contextmanager
def all_stopped_but(server: Server | None, servers: Sequence[Server]) -> Iterator[None]:
    """Within the block no process of `servers` runs but that of `server`."""
    processes = {each.process.pid: each.process for each in servers}
    if server is not None:
        processes.pop(server.process.pid, None)
    with contextlib.ExitStack() as stack:
        for process in processes.values():
            stack.enter_context(process.stopped())
        yield
