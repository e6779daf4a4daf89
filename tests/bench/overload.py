"""Three times what the server can do, with deadlines: what it refuses, what it serves, and how it recovers."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.bench.load import LoadGenerator, Outcome, as_json
from tests.bench.plan import Plan
from tests.bench.readings import Requests
from tests.bench.servers import Server
from tests.bench.workloads import Workload
from weld_predictor.front.deadline import TIMEOUT_HEADER

FACTOR = 3
DEADLINE_MS = 100
CONNECTIONS = 1000
RECOVERY_SECONDS = 1.0
USUAL_SECONDS = 3.0
RECOVERIES = 9
SHORTER_SECONDS = 5.0
"""Of the overloads after the first, which only the recovery is measured from."""
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Recovery:
    """Requests/s of a closed loop, around one overload."""

    before: float
    after: float
    """In the time that begins `RECOVERY_SECONDS` after the overload's end."""
    long_after: float
    """And once more: the machine's own speed changes within a minute."""

    @property
    def share(self) -> float:
        """Of the usual rate, which is that of before and long after."""
        return 2 * self.after / (self.before + self.long_after)


@dataclass(frozen=True)
class OverloadResult:
    """During the overload, and after it."""

    outcome: Outcome
    offered: float
    """Requests/s."""
    resident_mib: float
    """The peak."""
    recoveries: tuple[Recovery, ...]
    """After it, and after shorter ones."""

    @property
    def share_in_time(self) -> float:
        """Of what was served, within the deadline."""
        return 1 - self.outcome.late / max(self.outcome.right, 1)

    def as_json(self) -> dict[str, Any]:
        outcome = self.outcome
        return {
            "seconds": outcome.seconds,
            "offered_requests_per_s": round(self.offered, 1),
            "served_requests_per_s": round(outcome.requests_per_s, 1),
            "served": as_json(outcome.latency_from_sending),
            "served_beyond_deadline": outcome.late,
            "refused": outcome.refused,
            "statuses": outcome.statuses,
            "refusals": as_json(outcome.refusals),
            "wrong": outcome.wrong,
            "broken": outcome.broken,
            "never_sent": outcome.lost,
            "rss_peak_mib": round(self.resident_mib, 1),
            "recoveries": [asdict(recovery) for recovery in self.recoveries],
            "share_after": round(statistics.median(recovery.share for recovery in self.recoveries), 4),
            "share_in_time": round(self.share_in_time, 5),
            "load_generator_cores": round(outcome.processor_s / outcome.seconds, 2),
        }


async def overload(
    load: LoadGenerator, server: Server, requests: Requests, workload: Workload, seconds: float
) -> OverloadResult:
    """`workload`: the closed loop by which the server's capacity is known. REST only."""
    plan = server.wire.plan(server.port, requests)
    usual, urgent = load.write("usual", plan), load.write("urgent", _with_deadline(plan))

    async def rate(warmup: float = RECOVERY_SECONDS) -> float:
        clients = {"connections": workload.clients, "sensors": workload.sensors}
        return (
            await load.run(usual, server.port, min(USUAL_SECONDS, seconds), warmup=warmup, **clients)
        ).requests_per_s

    found: list[tuple[Outcome, float, Recovery]] = []
    async with _peak_of(server) as peak:
        others = RECOVERIES - 1 if seconds > SHORTER_SECONDS else 1
        for lasting in (seconds, *[min(seconds, SHORTER_SECONDS)] * others):
            before = await rate()
            outcome = await load.run(
                urgent,
                server.port,
                lasting,
                connections=CONNECTIONS,
                sensors=CONNECTIONS * workload.size,
                rate=FACTOR * before,
                late_ms=DEADLINE_MS,
                drain=0,
                by_end=1,
            )
            found.append((outcome, FACTOR * before, Recovery(before, await rate(), await rate())))
    for file in (usual, urgent):
        file.unlink()
    outcome, offered, _ = found[0]
    return OverloadResult(outcome, offered, peak[0], tuple(recovery for _, _, recovery in found))


@asynccontextmanager
async def _peak_of(server: Server) -> AsyncIterator[list[float]]:
    """The most MiB that the server's process held while the block ran, in a list that is kept up to date."""
    peak = [0.0]

    async def watch() -> None:
        while True:
            peak[0] = max(peak[0], server.process.resident_mib())
            await asyncio.sleep(SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield peak
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def _with_deadline(plan: Plan) -> Plan:
    line = f"\r\n{TIMEOUT_HEADER}: {DEADLINE_MS}\r\n\r\n".encode()
    templates = []
    for template in plan.templates:
        head, body = template.request.split(b"\r\n\r\n", 1)
        longer = len(line) - 4
        templates.append(
            replace(
                template,
                request=head + line + body,
                sensors_at=template.sensors_at + longer,
                times_at=template.times_at + longer,
            )
        )
    return replace(plan, templates=tuple(templates))
