"""The operator as a process, and what it costs: time of the processor, memory, requests."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.integration.operator_rights import USER
from tests.integration.played_site import PlayedSite
from tests.sandbox.audit import WRITE_VERBS, audit_events
from tests.sandbox.kube_api import Object

MIB = 2**20
LEASE = ("--lease-duration=15s", "--lease-renew-deadline=10s", "--lease-retry=2s")
QUIET_SECONDS = 3.0
"""Without a reconciliation for so long, there is nothing left to do."""

PAUSE_SECONDS = 0.2
_RECONCILIATIONS = re.compile(r'^weldserve_operator_reconciliations_total\{result="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Calls:
    """Requests of the operator to the API server, but for those about its Lease, which it renews all the time.

    By verb and resource, such as `patch inferenceservices`.
    """

    reads: Counter[str]
    writes: Counter[str]
    lease: int


class MeasuredOperator:
    """One operator after another, of one site; each is a process for each shard."""

    def __init__(self, site: PlayedSite, shards: int = 1) -> None:
        self.site = site
        self._shards = shards
        self._started = 0

    @property
    def names(self) -> list[str]:
        """Of the processes."""
        return [f"operator-{self._started}-{number}" for number in range(self._shards)]

    async def start(self) -> None:
        """Start one, and wait until it watches."""
        self._started += 1
        starting = (self.site.start_operator(name, lease=LEASE, shards=self._shards) for name in self.names)
        await asyncio.gather(*starting)

    async def stop(self) -> None:
        await asyncio.gather(*(self.site.stop_operator(name) for name in self.names))

    async def kill(self) -> None:
        await asyncio.gather(*(self.site.operators[name].kill() for name in self.names))

    def processor_seconds(self) -> float:
        """What all processes have used of the processors since their start."""
        times = [process.cpu_times() for process in self._processes()]
        return float(sum(each.user + each.system for each in times))

    def memory_mib(self) -> float:
        """What the largest process has in memory now."""
        return max(float(process.memory_info().rss / MIB) for process in self._processes())

    def most_memory_mib(self) -> float:
        """The most that a process has had in memory since its start; what it has now where the kernel does not tell."""
        found = [Path(f"/proc/{process.pid}/status") for process in self._processes()]
        if not all(status.exists() for status in found):
            return self.memory_mib()
        lines = [line for status in found for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return max(int(line.split()[1]) / 1024 for line in lines)

    async def reconciliations(self) -> Counter[str]:
        """How many all processes have made, by result."""
        texts = await asyncio.gather(*(self.site.asked(name, "/metrics") for name in self.names))
        counted: Counter[str] = Counter()
        for _, text in texts:
            counted.update({result: int(float(count)) for result, count in _RECONCILIATIONS.findall(text)})
        return counted

    def _processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.site.operators[name].pid) for name in self.names]

    async def until_quiet(self, seconds: float) -> None:
        """Wait until it has nothing left to do. Raises AssertionError after so many seconds."""
        deadline = time.monotonic() + seconds
        before, since = await self.reconciliations(), time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            assert time.monotonic() < deadline, f"the operator was not at rest after {seconds:g} s"
            await asyncio.sleep(PAUSE_SECONDS)
            now = await self.reconciliations()
            if now != before:
                before, since = now, time.monotonic()

    def log_end(self) -> int:
        """Where the API server's log of requests ends now."""
        return self.site.plane.audit_log.stat().st_size

    def calls(self, since: int) -> Calls:
        """What it has asked of the API server since that end of the log."""
        reads: Counter[str] = Counter()
        writes: Counter[str] = Counter()
        lease = 0
        for event in self._events(since):
            resource = event["objectRef"]["resource"]
            if resource == "leases":
                lease += 1
                continue
            (writes if event["verb"] in WRITE_VERBS else reads)[f"{event['verb']} {resource}"] += 1
        return Calls(reads, writes, lease)

    def _events(self, since: int) -> Iterator[Object]:
        return audit_events(self.site.plane.audit_log, user=USER, offset=since)
