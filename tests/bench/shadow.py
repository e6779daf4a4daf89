"""What shadowing costs the predictor that answers: the same load with and without a candidate, in turn.

The candidate is a second predictor, with another bundle. In a cluster it has a machine of its own; here it shares the
other cores with the load generator, and the predictor that is measured has one core to itself throughout. It is told to
shadow, and to cease, as in a cluster: by a file that comes and goes while it runs.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.readings import Requests
from tests.bench.servers import Server, ServerProcess, on_cores
from tests.bench.wire import MODEL, REMEMBERING_REST
from tests.bench.workloads import ClosedLoops, Workload
from tests.integration.predictor_process import PackedBundle, PredictorProcess, predictor
from weld_api import metric_names
from weld_api.shadow import SHADOW_FILE, ShadowOrder

HEED_SECONDS = 30
POLL_SECONDS = 0.05
_HEEDED = ("nothing is shadowed any more", "shadowed")
"""What the predictor logs once an order has gone, and once it has come."""


@dataclass
class ShadowFound:
    """Right answers a second in each round, and what became of the readings that were offered."""

    without: list[float] = field(default_factory=list)
    shadowing: list[float] = field(default_factory=list)
    errors: int = 0
    agreed: float = 0
    disagreed: float = 0
    lost: dict[str, float] = field(default_factory=dict)
    cores: int = 0

    @property
    def shares(self) -> list[float]:
        """Of the throughput without a candidate, by round; one in which nothing was answered tells nothing."""
        return [on / off for on, off in zip(self.shadowing, self.without, strict=True) if off]

    @property
    def share(self) -> float:
        """The median of the rounds; 0 where none tells anything."""
        return statistics.median(self.shares or [0.0])

    def as_json(self) -> dict[str, Any]:
        offered = self.agreed + self.disagreed + sum(self.lost.values())
        return {
            "readings_per_s_without": statistics.median(self.without),
            "readings_per_s_shadowing": statistics.median(self.shadowing),
            "share": round(self.share, 4),
            "rounds": [round(share, 4) for share in self.shares],
            "errors": self.errors,
            "compared": self.agreed + self.disagreed,
            "disagreed": self.disagreed,
            "compared_share": round((self.agreed + self.disagreed) / max(offered, 1), 4),
            "lost": self.lost,
            "cores": self.cores,
        }


async def run_shadow(
    folder: Path,
    loops: ClosedLoops,
    workload: Workload,
    bundles: tuple[PackedBundle, PackedBundle],
    requests: Requests,
    rounds: int,
) -> ShadowFound:
    """Of `bundles` the first is stable's, the second the candidate's; `requests` with the risks of the first."""
    cores = sorted(os.sched_getaffinity(0))
    found = ShadowFound(cores=len(cores))
    orders = folder / "orders"
    orders.mkdir(parents=True)
    # With one core there is nothing to divide, and the ratio is too low by all that the candidate takes.
    first, others = (cores[:1], cores[1:]) if len(cores) > 1 else (cores, cores)
    async with (
        _predictor(folder / "stable", bundles[0], first, shadow_folder=orders) as (stable, port),
        _predictor(folder / "candidate", bundles[1], others) as (_, candidate_port),
    ):
        order = ShadowOrder(digest=bundles[1].digest, version="1.0.0", addresses=(f"127.0.0.1:{candidate_port}",))
        server = Server("weldserve", REMEMBERING_REST, port, ServerProcess(stable.pid))
        with on_cores(others):
            plan = loops.write(workload, server, requests)
            for number in range(rounds):
                # First without and first with, in turn: a machine may grow slower or faster all the while.
                for is_on in (False, True) if number % 2 == 0 else (True, False):
                    await _tell(stable, orders, order if is_on else None)
                    outcome = await loops.once(workload, server, plan)
                    (found.shadowing if is_on else found.without).append(outcome.readings_per_s)
                    found.errors += outcome.errors
            plan.unlink()
        await _tell(stable, orders, None)
        await _read_metrics(port, found)
    return found


@asynccontextmanager
async def _predictor(
    folder: Path, bundle: PackedBundle, cores: list[int], **settings: object
) -> AsyncIterator[tuple[PredictorProcess, int]]:
    """One that has only these cores, with its port."""
    await asyncio.to_thread(folder.mkdir)
    async with AsyncExitStack() as stack:
        with on_cores(cores):
            process = await stack.enter_async_context(predictor(folder, bundle, model_name=MODEL, **settings))
        await process.logged("ready")
        yield process, int((await process.address()).rsplit(":", 1)[1])


async def _tell(process: PredictorProcess, folder: Path, order: ShadowOrder | None) -> None:
    """Have it shadow, or cease to; returns once it does. Raises TimeoutError."""
    path = folder / SHADOW_FILE
    if path.exists() is (order is not None):
        return
    text = _HEEDED[order is not None]
    told = _times_logged(process, text)
    if order is None:
        path.unlink()
    else:
        fresh = folder / "fresh"
        fresh.write_text(order.model_dump_json())
        fresh.replace(path)
    until = time.monotonic() + HEED_SECONDS
    while _times_logged(process, text) == told:
        if time.monotonic() > until:
            raise TimeoutError(f"the predictor did not log {text!r}")
        await asyncio.sleep(POLL_SECONDS)


def _times_logged(process: PredictorProcess, message: str) -> int:
    return sum(line["message"] == message for line in process.log_lines())


async def _read_metrics(port: int, found: ShadowFound) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == metric_names.SHADOW_READINGS:
                setattr(found, sample.labels["result"], sample.value)
            elif sample.name == metric_names.SHADOW_LOST:
                found.lost[sample.labels["reason"]] = sample.value
