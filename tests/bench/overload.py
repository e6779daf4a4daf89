"""Three times what the server can do, with deadlines: what it refuses, what it serves, and how it recovers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
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
AFTER_SECONDS = 3.0
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class OverloadResult:
    """During the overload, and after it."""

    outcome: Outcome
    offered: float
    """Requests/s."""
    resident_mib: float
    """The peak."""
    before: float
    """Requests/s of a closed loop before."""
    after: float
    """The same in the time that begins `RECOVERY_SECONDS` after the overload's end."""

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
            "lost": outcome.lost,
            "rss_peak_mib": round(self.resident_mib, 1),
            "requests_per_s_before": round(self.before, 1),
            "requests_per_s_after": round(self.after, 1),
            "load_generator_cores": round(outcome.processor_s / outcome.seconds, 2),
        }


async def overload(
    load: LoadGenerator, server: Server, requests: Requests, workload: Workload, seconds: float
) -> OverloadResult:
    """`workload`: the closed loop by which the server's capacity is known. REST only."""
    plan = server.wire.plan(server.port, requests)
    usual, urgent = load.write("usual", plan), load.write("urgent", _with_deadline(plan))
    closed = {"connections": workload.clients, "sensors": workload.sensors}
    before = await load.run(usual, server.port, AFTER_SECONDS, warmup=0.5, **closed)
    offered = FACTOR * before.requests_per_s
    peak = 0.0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, server.process.resident_mib())
            await asyncio.sleep(SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    outcome = await load.run(
        urgent,
        server.port,
        seconds,
        connections=CONNECTIONS,
        sensors=CONNECTIONS * workload.size,
        rate=offered,
        late_ms=DEADLINE_MS,
        drain=0,
    )
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    after = await load.run(usual, server.port, AFTER_SECONDS, warmup=RECOVERY_SECONDS, **closed)
    for file in (usual, urgent):
        file.unlink()
    return OverloadResult(outcome, offered, peak, before.requests_per_s, after.requests_per_s)


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
