"""`python -m tests.bench [--quick] [--no-peers]`: how fast the predictor is, beside what else there is.

Writes results.json and two plots into build/bench, and prints a table, with what the predictor promises and whether
this run kept it. The exit code is 1 if a promise was not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from operator import truediv
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.bounds import bounds_of
from tests.bench.effort import FULL, QUICK, Effort
from tests.bench.hostile import run_hostile
from tests.bench.in_process import in_process
from tests.bench.load import LoadGenerator
from tests.bench.offered import offered_rates
from tests.bench.overload import overload
from tests.bench.pipeline import run_pipelines
from tests.bench.plots import plot_offered, plot_stages
from tests.bench.readings import (
    feature_bundle,
    feature_requests,
    other_feature_bundle,
    waveform_bundle,
    waveform_requests,
)
from tests.bench.report import machine, print_results, versions, write_results
from tests.bench.servers import Server, peers, weldserve
from tests.bench.shadow import run_shadow
from tests.bench.stages import mean_milliseconds, scrape
from tests.bench.workloads import W1, W2, W3, W4, ClosedLoops, Workload, all_stopped_but
from tests.integration.predictor_process import PackedBundle

FOLDER = Path("build/bench")
PARTS = ("pipelines", "overload", "hostile", "intake", "shadow", "waveforms")
"""That can be run by themselves."""


class Bench:
    """One run, part by part; each adds to `results`."""

    def __init__(self, folder: Path, effort: Effort, console: Console) -> None:
        self._folder = folder
        self._effort = effort
        self._console = console
        self._load = LoadGenerator(folder)
        self._loops = ClosedLoops(self._load, effort)
        self.results: dict[str, Any] = {
            "machine": machine(),
            "versions": versions(),
            "records": [],
            "left_out": {},
            "stages_ms": {},
        }

    async def run(self, with_peers: bool) -> None:
        """All of it."""
        features, waveforms = self._bundles()
        async with weldserve(self._empty("weldserve"), features) as ours:
            async with AsyncExitStack() as stack:
                theirs: list[Server] = []
                if with_peers:
                    self._console.print("starting the peers (the first time, installing them)")
                    (self._folder / "peers").mkdir(exist_ok=True)
                    left_out = self.results["left_out"]
                    theirs = await stack.enter_async_context(peers(self._folder / "peers", features.folder, left_out))
                for workload in (W1, W2, W3):
                    await self._closed_loop(workload, features, [*ours, *theirs])
            await self._pipelines(features, ours[0])
            await self._offered(features, ours[0])
            await self._overload(features, ours[0])
            await self._hostile(features, ours[0])
            self.results["rss_mib"] = round(ours[0].process.resident_mib(), 1)
        await self._intake(features)
        await self._shadow(features)
        await self._waveforms(waveforms)

    async def run_part(self, name: str) -> None:
        """One of `PARTS`."""
        features, waveforms = self._bundles()
        beside = {"pipelines": self._pipelines, "overload": self._overload, "hostile": self._hostile}
        if name in beside:
            async with weldserve(self._empty("weldserve"), features) as ours:
                await beside[name](features, ours[0])
        elif name == "waveforms":
            await self._waveforms(waveforms)
        else:
            await {"intake": self._intake, "shadow": self._shadow}[name](features)

    def _bundles(self) -> tuple[PackedBundle, PackedBundle]:
        return feature_bundle(self._empty("bundle")), waveform_bundle(self._empty("waveform-bundle"))

    def _empty(self, name: str) -> Path:
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    async def _closed_loop(self, workload: Workload, bundle: PackedBundle, servers: list[Server]) -> None:
        self._console.print(f"{workload.name}: {workload.text}")
        requests = feature_requests(bundle, workload.templates, workload.size)
        with all_stopped_but(None, servers):
            records = [await in_process(workload, bundle, requests[0][0], self._effort)]
        records += await self._loops.run(workload, servers, requests)
        self.results["records"] += [record.as_json() for record in records]
        before = await scrape(servers[0].port)
        with all_stopped_but(servers[0], servers):
            await self._loops.run(workload, servers[:1], requests)
        self.results["stages_ms"][workload.name] = mean_milliseconds(before, await scrape(servers[0].port))

    async def _pipelines(self, bundle: PackedBundle, server: Server) -> None:
        requests = feature_requests(bundle, W2.templates, W2.size)
        effort = self._effort
        for name, pipelines, seconds in (("W5", 1, effort.pipeline), ("W5 x 4", 4, effort.pipeline_fourfold)):
            self._console.print(f"{name}: {pipelines} x 10,000 sensors each 100 ms, for {seconds:g} s")
            found = await run_pipelines(self._load, server, requests, pipelines, seconds, effort.warmup)
            self.results["records"].append(found.as_json(name, server.name))

    async def _offered(self, bundle: PackedBundle, server: Server) -> None:
        self._console.print("latency against the offered rate")
        requests = feature_requests(bundle, W2.templates, W2.size)
        capacity = next(
            record["requests_per_s"]
            for record in self.results["records"]
            if (record["workload"], record["server"]) == (W2.name, server.name)
        )
        self.results["offered"] = await offered_rates(
            self._load, server, requests, capacity, self._effort.offered, W2.sensors
        )

    async def _overload(self, bundle: PackedBundle, server: Server) -> None:
        self._console.print(f"three times what it can do, for {self._effort.overload:g} s")
        requests = feature_requests(bundle, W2.templates, W2.size)
        found = await overload(self._load, server, requests, W2, self._effort.overload)
        self.results["overload"] = found.as_json()

    async def _hostile(self, bundle: PackedBundle, server: Server) -> None:
        effort = self._effort
        self._console.print(f"{effort.hostile_requests:,} requests that nobody should send, during W2")
        requests = feature_requests(bundle, W2.templates, W2.size)
        found = await run_hostile(self._load, server, requests, W2, effort)
        self.results["hostile"] = found.as_json()

    async def _intake(self, bundle: PackedBundle) -> None:
        self._console.print("W2 with and without the memory of sensors")
        requests = feature_requests(bundle, W2.templates, W2.size)
        async with (
            weldserve(self._empty("with-intake"), bundle) as with_memory,
            weldserve(self._empty("without-intake"), bundle, "tests.bench.without_memory") as without,
        ):
            pair = [replace(with_memory[0], name="with intake"), replace(without[0], name="without intake")]
            effort = self._effort
            rates = await self._loops.rates_in_turn(W2, pair, requests, effort.intake_pairs, effort.intake)
        self.results["intake"] = {
            "readings_per_s_with": rates["with intake"],
            "readings_per_s_without": rates["without intake"],
            "share": round(statistics.median(map(truediv, *rates.values())), 4),
        }

    async def _shadow(self, bundle: PackedBundle) -> None:
        self._console.print("W2 with and without a candidate that is shadowed")
        requests = feature_requests(bundle, W2.templates, W2.size)
        bundles = bundle, other_feature_bundle(self._empty("other-bundle"))
        rounds = self._effort.rounds
        found = await run_shadow(self._empty("shadow"), self._loops, W2, bundles, requests, rounds)
        self.results["shadow"] = found.as_json()

    async def _waveforms(self, bundle: PackedBundle) -> None:
        self._console.print(f"{W4.name}: {W4.text}")
        requests = waveform_requests(bundle, W4.templates, W4.size)
        async with weldserve(self._empty("weldserve-waveforms"), bundle) as servers:
            with all_stopped_but(None, servers):
                records = [await in_process(W4, bundle, requests[0][0], self._effort)]
            records += await self._loops.run(W4, servers, requests)
        place = next(
            (number for number, record in enumerate(self.results["records"]) if record["workload"] > W4.name),
            len(self.results["records"]),
        )
        self.results["records"][place:place] = [record.as_json() for record in records]


def main() -> int:
    """Run it, write it, say it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="How fast the predictor is.")
    parser.add_argument("--quick", action="store_true", help="minutes instead of half an hour; believe it less")
    parser.add_argument("--no-peers", action="store_true", help="without other model servers")
    parser.add_argument("--only", choices=PARTS, help="one part, into a file of its own")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console = Console(width=140)
    bench = Bench(FOLDER, QUICK if arguments.quick else FULL, console)
    if arguments.only:
        asyncio.run(bench.run_part(arguments.only))
        return _told(bench.results, console, f"{arguments.only}.json")
    if arguments.no_peers:
        bench.results["left_out"]["all peers"] = "--no-peers"
    asyncio.run(bench.run(with_peers=not arguments.no_peers))
    plot_offered(bench.results["offered"], FOLDER / "latency.png")
    plot_stages(bench.results["stages_ms"], FOLDER / "stages.png")
    return _told(bench.results, console, "results.json", "latency.png", "stages.png")


def _told(results: dict[str, Any], console: Console, file: str, *pictures: str) -> int:
    """Judge, write and print the results; gives the exit code."""
    bounds = bounds_of(results)
    results["bounds"] = [bound.as_json() for bound in bounds]
    write_results(results, FOLDER / file)
    print_results(console, results, bounds)
    console.print(f"written: {FOLDER}/{', '.join((file, *pictures))}")
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
