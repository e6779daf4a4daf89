"""W5, the whole pipeline: an open loop, in which sensors measure whether or not the answers before have come."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from tests.bench.load import LoadGenerator, Outcome, as_json
from tests.bench.readings import Requests
from tests.bench.servers import Server

TICK_MS = 100
JITTER_MS = 20
DELAY_MS = 60
"""On the way, on average: three times the jitter, so that hardly any would come before it was sent."""
GATEWAYS = 100
READINGS_OF_A_GATEWAY = 100
DEADLINE_MS = 100
SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class PipelineResult:
    """What became of the readings, and how the server's memory went."""

    pipelines: int
    outcome: Outcome
    resident_mib: tuple[float, ...]
    """Of the server, each `SAMPLE_SECONDS`."""

    @property
    def growth_mib(self) -> float:
        """From the largest of the second quarter of the time to the largest of the last."""
        quarter = max(len(self.resident_mib) // 4, 1)
        return max(self.resident_mib[-quarter:]) - max(self.resident_mib[quarter : 2 * quarter] or (0.0,))

    def as_json(self, name: str, server: str) -> dict[str, Any]:
        outcome = self.outcome
        return {
            "workload": name,
            "server": server,
            "seconds": outcome.seconds,
            "readings_per_s": round(outcome.readings_per_s, 1),
            "requests_per_s": round(outcome.requests_per_s, 1),
            **as_json(outcome.latency),
            "readings_sent": outcome.sent * outcome.readings,
            "readings_lost": (outcome.sent - outcome.right) * outcome.readings,
            "readings_late": outcome.late * outcome.readings,
            "errors": outcome.errors,
            "rss_mib": round(max(self.resident_mib), 1),
            "rss_growth_mib": round(self.growth_mib, 1),
        }


async def run_pipelines(
    load: LoadGenerator, server: Server, requests: Requests, pipelines: int, seconds: float, warmup: float
) -> PipelineResult:
    """As many pipelines of 10,000 sensors, each through 100 gateways, for `seconds`; requests are of 100 readings."""
    plan = load.write("pipeline", server.wire.plan(server.port, requests))
    gateways = GATEWAYS * pipelines
    resident: list[float] = []

    async def watch() -> None:
        while True:
            resident.append(server.process.resident_mib())
            await asyncio.sleep(SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        outcome = await load.run(
            plan,
            server.port,
            seconds,
            warmup=warmup,
            connections=gateways,
            sensors=gateways * READINGS_OF_A_GATEWAY,
            tick_ms=TICK_MS,
            gateways=gateways,
            delay_ms=DELAY_MS,
            jitter_ms=JITTER_MS,
            late_ms=DEADLINE_MS,
        )
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        plan.unlink()
    return PipelineResult(pipelines, outcome, tuple(resident))
