"""`python -m tests.bench.planning`: whether a plan's simulation does what the real predictor does, at several loads.

The predictor is measured as `weldserve bundle measure` does, and sensors measure, by the load generator, at shares of
what it can do. Measurements, loads and looks for stalls take turns, round by round, since a machine is faster in one
minute than in another; of each the calmest fifth counts, as the faster half does of bursts: what else the machine does
makes some slower, and none faster. The predictor has one core for itself, as a container has that asks for it, and what
measures it and loads it has the others. Writes build/planning.json and prints a table; the exit code is 1 if they are
more than 15 % apart at a load that is judged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from tests.bench.load import LoadGenerator
from tests.bench.readings import Requests, feature_bundle, feature_requests
from tests.bench.report import machine
from tests.bench.servers import Server, on_cores, weldserve
from tests.integration.predictor_process import PackedBundle
from tests.simulation.pipeline import simulate
from weld_api.card import Throughput
from weld_bundle.verification import verify
from weld_operator.domain.capacity.latency import Latency
from weld_operator.domain.capacity.passes import Load, latency_of
from weld_operator.domain.capacity.service import Replica, ServiceTime
from weld_predictor.bursts import Measurement
from weld_predictor.measuring import stalls_of, throughput

T = TypeVar("T")
FOLDER = Path("build/bench/planning")
RESULTS = Path("build/planning.json")
SHARES = (0.1, 0.2, 0.3, 0.45)
"""Of what a replica can do. A tick's busiest moment brings 2 times its average."""
JUDGED = 0.3
"""The greatest share that is. At 0.45 a tick's busiest moment asks for nine tenths of what a replica can do, where a
tenth more or less of the time of a pass is half or twice the latency: that load is only told of."""
READINGS = 100
"""In each request."""
TICK, JITTER, DELAY, DEADLINE = 0.1, 0.02, 0.08, 0.1
MOST_READINGS, MAX_DELAY, QUEUE = 16_384, 0.002, 40_000
TOLERANCE = 0.15
SIMULATED_TICKS = 400
STALL_SECONDS = 1.0
"""For which stalls are looked for after each load."""
CALMEST = 5
"""Of so many rounds one counts."""


@dataclass
class Comparison:
    """One load: what the predictor did, and what was simulated and reckoned; seconds and shares."""

    share: float
    requests_per_tick: int
    real: dict[str, float]
    simulated: Latency
    reckoned: Latency

    def deviations(self) -> dict[str, float]:
        """Of the simulation from the real predictor, relative."""
        return {name: getattr(self.simulated, name) / value - 1 for name, value in self.real.items()}

    @property
    def is_judged(self) -> bool:
        return self.share <= JUDGED

    @property
    def holds(self) -> bool:
        return all(abs(each) <= TOLERANCE for each in self.deviations().values())


def _empty(name: str) -> Path:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@asynccontextmanager
async def _predictors(bundle: PackedBundle) -> AsyncIterator[tuple[Measurement, Server]]:
    """One to measure and one to load, on the first core, within a block that has the others; of one core all share."""
    cores = sorted(os.sched_getaffinity(0))
    async with AsyncExitStack() as stack:
        with on_cores(cores[:1]):
            measured, _ = await stack.enter_async_context(weldserve(_empty("measured"), bundle, max_delay="0s"))
            loaded, _ = await stack.enter_async_context(weldserve(_empty("served"), bundle))
        card = verify(bundle.folder, bundle.digest).card
        measurement = Measurement(f"http://127.0.0.1:{measured.port}", measured.process.pid, "bench", card, READINGS)
        with on_cores(cores[1:] or cores):
            yield measurement, loaded


async def _real(load: LoadGenerator, server: Server, plan: Path, gateways: int, seconds: float) -> dict[str, float]:
    """One round of one load, as its clients saw it; seconds and shares."""
    outcome = await load.run(
        plan,
        server.port,
        seconds,
        warmup=0.5,
        connections=gateways,
        sensors=gateways * READINGS,
        tick_ms=TICK * 1000,
        gateways=gateways,
        delay_ms=DELAY * 1000,
        jitter_ms=JITTER * 1000,
        late_ms=DEADLINE * 1000,
    )
    return {
        "mean": outcome.latency.mean / 1000,
        "p50": outcome.latency.p50 / 1000,
        "p99": outcome.latency.p99 / 1000,
        "on_time": (outcome.right - outcome.late) / outcome.sent,
    }


async def compare(rounds: int, seconds: float, repeats: int) -> tuple[Throughput, list[Comparison]]:
    """Measure and run each load in turn, then simulate it."""
    bundle = feature_bundle(_empty("bundle"))
    requests: Requests = feature_requests(bundle, 100, READINGS)
    load = LoadGenerator(FOLDER)
    outcomes: list[list[dict[str, float]]] = [[] for _ in SHARES]
    singles: list[list[float]] = []
    async with _predictors(bundle) as (measurement, server):
        await asyncio.to_thread(measurement.take, repeats)
        most = _replica(_found(measurement, bundle, singles)).most_requests_per_second
        gateways = [max(round(share * most * TICK), 1) for share in SHARES]
        plan = load.write("planning", server.wire.plan(server.port, requests))
        for _ in range(rounds):
            for place, count in enumerate(gateways):
                outcomes[place].append(await _real(load, server, plan, count, seconds))
                singles.append(await asyncio.to_thread(measurement.latencies, STALL_SECONDS))
            await asyncio.to_thread(measurement.take, repeats)
        plan.unlink()
        found = _found(measurement, bundle, singles)
    replica = _replica(found)
    return found, [
        _comparison(share, count, replica, each) for share, count, each in zip(SHARES, gateways, outcomes, strict=True)
    ]


def _found(measurement: Measurement, bundle: PackedBundle, singles: list[list[float]]) -> Throughput:
    calm = [seconds for single in _calmest(singles, _stalled) for seconds in single]
    stalls = stalls_of(calm) if calm else None
    return throughput(measurement, bundle.folder, stalls, MOST_READINGS, datetime.now(UTC))


def _stalled(single: list[float]) -> float:
    """Share of the time."""
    stalls = stalls_of(single)
    return 0.0 if stalls is None else stalls.share_of_time


def _calmest(rounds: list[T], slowness: Callable[[T], float]) -> list[T]:
    return sorted(rounds, key=slowness)[: -(-len(rounds) // CALMEST)]


def _replica(found: Throughput) -> Replica:
    return Replica(ServiceTime.of(found), READINGS, MOST_READINGS, MAX_DELAY, QUEUE, found.quick_readings)


def _comparison(share: float, gateways: int, replica: Replica, rounds: list[dict[str, float]]) -> Comparison:
    load = Load(gateways, TICK, JITTER, DEADLINE)
    calm = _calmest(rounds, lambda each: each["mean"])
    real = {name: statistics.median(each[name] for each in calm) for name in rounds[0]}
    simulated = simulate(replica, load, 1, SIMULATED_TICKS).latency
    return Comparison(share, gateways, real, simulated, latency_of(replica, load, 1))


def _print(console: Console, comparisons: list[Comparison]) -> None:
    table = Table("load", "readings/s", "", "real", "simulated", "reckoned", "simulated / real", "")
    for each in comparisons:
        for name, real in each.real.items():
            scale = 1 if name == "on_time" else 1000
            deviation = each.deviations()[name]
            table.add_row(
                f"{each.share:.0%}",
                f"{each.requests_per_tick * READINGS / TICK:,.0f}",
                "on time" if name == "on_time" else f"{name}, ms",
                *(
                    f"{value * scale:.3f}"
                    for value in (real, getattr(each.simulated, name), getattr(each.reckoned, name))
                ),
                f"{deviation:+.1%}",
                _verdict(each, deviation),
            )
    console.print(table)


def _verdict(comparison: Comparison, deviation: float) -> str:
    if abs(deviation) <= TOLERANCE:
        return "holds"
    return "DOES NOT HOLD" if comparison.is_judged else "does not hold (not judged)"


def _as_json(found: Throughput, comparisons: list[Comparison]) -> dict[str, Any]:
    return {
        "machine": machine(),
        "throughput": found.model_dump(mode="json"),
        "tolerance": TOLERANCE,
        "loads": [
            {**asdict(each), "deviations": each.deviations(), "holds": each.holds, "is_judged": each.is_judged}
            for each in comparisons
        ],
    }


def _stalls(found: Throughput) -> str:
    if found.stalls is None:
        return "no stalls"
    milliseconds = [seconds * 1000 for seconds in found.stalls.seconds]
    return (
        f"{found.stalls.per_second:.1f} stalls in a second, of {milliseconds[0]:.2f} to {milliseconds[-1]:.2f} ms, "
        f"{found.stalls.share_of_time:.1%} of the time"
    )


def main() -> int:
    """Run it, write it, say it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.planning", description="Plan against predictor.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=1, help="of each load in each round")
    parser.add_argument("--repeats", type=int, default=3, help="bursts of each size in each round")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console = Console(width=130)
    if len(os.sched_getaffinity(0)) == 1:
        console.print(
            "there is one core, which the predictor shares with what loads it: it will be slower than simulated"
        )
    found, comparisons = asyncio.run(compare(arguments.rounds, arguments.seconds, arguments.repeats))
    RESULTS.write_text(json.dumps(_as_json(found, comparisons), indent=1) + "\n")
    console.print(
        f"a pass {found.seconds_per_pass * 1e6:.0f} us, a request {found.seconds_per_request * 1e6:.1f} us, a reading "
        f"{found.seconds_per_reading * 1e6:.2f} us: {found.readings_per_second:,.0f} readings/s; {_stalls(found)}"
    )
    _print(console, comparisons)
    console.print(f"written: {RESULTS}")
    return 0 if all(each.holds for each in comparisons if each.is_judged) else 1


if __name__ == "__main__":
    sys.exit(main())
