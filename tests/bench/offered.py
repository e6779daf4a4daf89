"""Latency against the rate that is offered: requests of 100 readings that come by chance, whatever became of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.bench.load import LoadGenerator, as_json
from tests.bench.readings import Requests
from tests.bench.servers import Server

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of what the server answers in a closed loop."""
CONNECTIONS = 200


async def offered_rates(
    load: LoadGenerator, server: Server, requests: Requests, capacity: float, seconds: float, sensors: int
) -> Sequence[dict[str, Any]]:
    """`capacity`: requests/s. One record for each share of it."""
    plan = load.write("offered", server.wire.plan(server.port, requests))
    records = []
    for share in SHARES:
        outcome = await load.run(
            plan, server.port, seconds, warmup=0.5, connections=CONNECTIONS, sensors=sensors, rate=share * capacity
        )
        records.append(
            {
                "offered_readings_per_s": round(share * capacity * outcome.readings),
                "readings_per_s": round(outcome.readings_per_s),
                **as_json(outcome.latency),
                "errors": outcome.errors,
            }
        )
    plan.unlink()
    return records
