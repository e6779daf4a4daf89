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
    """One operator after another, of one site."""

    def __init__(self, site: PlayedSite) -> None:
        self.site = site
        self._started = 0

    @property
    def name(self) -> str:
        return f"operator-{self._started}"

    async def start(self) -> None:
        """Start one, and wait until it watches."""
        self._started += 1
        await self.site.start_operator(self.name, lease=LEASE)

    async def stop(self) -> None:
        await self.site.stop_operator(self.name)

    async def kill(self) -> None:
        await self.site.operators[self.name].kill()

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.site.operators[self.name].pid)

    def processor_seconds(self) -> float:
        """What it has used of the processors since its start."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory_mib(self) -> float:
        """What it has in memory now."""
        return float(self.process.memory_info().rss / MIB)

    def most_memory_mib(self) -> float:
        """The most that it has had in memory since its start; what it has now where the kernel does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return self.memory_mib()
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    async def reconciliations(self) -> Counter[str]:
        """How many it has made, by result."""
        _, text = await self.site.asked(self.name, "/metrics")
        return Counter({result: int(float(count)) for result, count in _RECONCILIATIONS.findall(text)})

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
