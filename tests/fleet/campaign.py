"""One fleet that grows step by step, and what is measured at each step."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fleet.fleet import Fleet
from tests.fleet.measured_operator import MeasuredOperator
from tests.fleet.measures import Size, react, rest, restart
from tests.fleet.played_kserve import PlayedFleet
from tests.integration.played_site import NAMESPACE, PlayedSite

FILL_SECONDS = 1800.0
SERVING_SECONDS = 60.0


@asynccontextmanager
async def fleet_with_operator(
    folder: Path, regions: Sequence[str], shards: int = 1
) -> AsyncIterator[tuple[Fleet, MeasuredOperator]]:
    """An empty fleet on a real API server, KServe played, and the operator with the rights of its chart."""
    async with PlayedSite.start(folder, shards=shards) as site:
        played = PlayedFleet(site.api, NAMESPACE)
        fleet = Fleet(site.api, played, regions)
        operator = MeasuredOperator(site, shards)
        async with played.running(), fleet.watched():
            await operator.start()
            yield fleet, operator


async def measured(
    fleet: Fleet,
    operator: MeasuredOperator,
    models: int,
    *,
    changes: int,
    rest_seconds: float,
    say: Callable[[str], None] = lambda _: None,
) -> Size:
    """Let the fleet grow to so many WeldModels, start the operator anew, and see how it rests and reacts."""
    began = time.monotonic()
    await fleet.grow(models)
    await fleet.until_serving(FILL_SECONDS)
    await operator.until_quiet(FILL_SECONDS)
    filled = time.monotonic() - began
    say(f"{models} WeldModels serve after {filled:.0f} s")
    started = await restart(fleet, operator)
    say(f"  started anew in {started.seconds:.1f} s, {started.memory_mib:.0f} MiB, {started.writes} writes")
    resting = await rest(operator, rest_seconds)
    say(f"  at rest {resting.writes} writes in {resting.seconds:.0f} s, {resting.reads_per_s:.2f} reads/s")
    reactions = await react(fleet, operator, changes, resting)
    say(
        f"  reacts in {reactions.median * 1000:.0f} ms (p99 {reactions.quantile(0.99) * 1000:.0f} ms), a change costs "
        f"{reactions.processor_ms:.0f} ms of a processor and {reactions.requests:.1f} requests"
    )
    await fleet.until_serving(SERVING_SECONDS)
    return Size(models, filled, reactions, resting, started)
