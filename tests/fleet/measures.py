"""What is measured of a fleet of one size. Times are in seconds, memory in MiB."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from statistics import median

import psutil

from tests.fleet.fleet import Fleet
from tests.fleet.measured_operator import MeasuredOperator
from tests.sandbox.waiting import wait_for

PAUSE_SECONDS = (0.05, 0.35)
"""Between two changes, by chance."""

AFTER_CHANGES_SECONDS = 60.0
START_SECONDS = 300.0


@dataclass(frozen=True)
class Reactions:
    """`all`: from each change to the last of its InferenceServices, sorted. The rest is of one change, on average."""

    all: list[float]
    processor_ms: float
    requests: float
    requests_by_kind: dict[str, float]
    reconciliations: float

    def quantile(self, share: float) -> float:
        return self.all[min(int(share * len(self.all)), len(self.all) - 1)]

    @property
    def median(self) -> float:
        return median(self.all)


@dataclass(frozen=True)
class Rest:
    """Without the Lease, whose reads and writes are `lease_per_s`; `processor`: of one processor, as a share."""

    seconds: float
    writes: int
    writes_by_kind: dict[str, int]
    reads_per_s: float
    lease_per_s: float
    processor: float
    memory_mib: float


@dataclass(frozen=True)
class Start:
    """`seconds`: from the start of the process until it has looked at every WeldModel. `memory_mib`: at the most."""

    seconds: float
    watching_after: float
    processor_s: float
    reads: int
    writes: int
    writes_by_kind: dict[str, int]
    memory_mib: float


@dataclass
class Size:
    """Everything that was measured of one number of WeldModels."""

    models: int
    fill_seconds: float
    reactions: Reactions
    rest: Rest
    start: Start
    load: float = field(default_factory=lambda: psutil.getloadavg()[0])
    """Processes that wanted a processor, on average over a minute, at the end."""


async def react(fleet: Fleet, operator: MeasuredOperator, changes: int, rest: Rest | None = None) -> Reactions:
    """Change so many WeldModels, one after the other. `rest`: what the operator does anyway, which does not count."""
    chance = random.Random(changes)
    since, used, began = operator.log_end(), operator.processor_seconds(), time.monotonic()
    counted = (await operator.reconciliations()).total()
    taken = []
    for _ in range(changes):
        taken.append(await fleet.change(chance.choice(fleet.names)))
        await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
    await operator.until_quiet(AFTER_CHANGES_SECONDS)
    idle = 0.0 if rest is None else rest.processor * (time.monotonic() - began)
    calls = operator.calls(since)
    kinds = calls.reads + calls.writes
    return Reactions(
        all=sorted(taken),
        processor_ms=(operator.processor_seconds() - used - idle) / changes * 1000,
        requests=kinds.total() / changes,
        requests_by_kind={kind: count / changes for kind, count in sorted(kinds.items())},
        reconciliations=((await operator.reconciliations()).total() - counted) / changes,
    )


async def rest(operator: MeasuredOperator, seconds: float) -> Rest:
    """Let so much time pass, and see what the operator does."""
    since, used, began = operator.log_end(), operator.processor_seconds(), time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    calls = operator.calls(since)
    return Rest(
        seconds=took,
        writes=calls.writes.total(),
        writes_by_kind=dict(calls.writes),
        reads_per_s=calls.reads.total() / took,
        lease_per_s=calls.lease / took,
        processor=(operator.processor_seconds() - used) / took,
        memory_mib=operator.memory_mib(),
    )


async def restart(fleet: Fleet, operator: MeasuredOperator, *, kill: bool = False) -> Start:
    """End the operator, in good order or with SIGKILL, and start another; it looks at every WeldModel."""
    await (operator.kill() if kill else operator.stop())
    since, began = operator.log_end(), time.monotonic()
    await operator.start()
    watching = time.monotonic() - began
    await wait_for(
        operator.reconciliations,
        lambda counted: counted["success"] >= len(fleet.names),
        seconds=START_SECONDS,
        what="look at every WeldModel",
    )
    took = time.monotonic() - began
    used = operator.processor_seconds()
    await operator.until_quiet(START_SECONDS)
    calls = operator.calls(since)
    return Start(
        seconds=took,
        watching_after=watching,
        processor_s=used,
        reads=calls.reads.total(),
        writes=calls.writes.total(),
        writes_by_kind=dict(calls.writes),
        memory_mib=operator.most_memory_mib(),
    )
