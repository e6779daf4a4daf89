"""The load generator: C, so that one thread of it is no limit to the servers that it measures."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.plan import Plan

SOURCES = Path(__file__).parent / "load"
END_SECONDS = 60
"""Beyond what it was told to run."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds."""

    mean: float
    p50: float
    p99: float
    p999: float
    most: float

    @classmethod
    def of(cls, histogram: dict[str, float]) -> Latency:
        return cls(*(histogram[f"{name}_ms"] for name in ("mean", "p50", "p99", "p999", "max")))


@dataclass(frozen=True)
class Outcome:
    """What a run of the load generator found; all counts are of requests."""

    seconds: float
    readings: int
    """In each request."""
    sent: int
    right: int
    """Answered 200 with the right risks."""
    wrong: int
    """Answered 200 with other risks."""
    broken: int
    """Connections ended in the middle of them."""
    lost: int
    """Never answered."""
    late: int
    """Right, but later than the limit that was set."""
    statuses: dict[str, int]
    latency: Latency
    """From when a request was due, which in a closed loop is when it was sent."""
    latency_from_sending: Latency
    refusals: Latency
    """Of answers that are not 200, from when they were sent."""
    began_at: float
    """Of the measurement; seconds of the monotonic clock."""
    slot_ms: float
    slots: list[int] = field(repr=False)
    """Right answers in each `slot_ms` from the start."""
    processor_s: float = 0.0
    """That the load generator itself took."""

    @property
    def requests_per_s(self) -> float:
        return self.right / self.seconds

    @property
    def readings_per_s(self) -> float:
        return self.requests_per_s * self.readings

    @property
    def refused(self) -> int:
        return sum(count for status, count in self.statuses.items() if status != "200")

    @property
    def errors(self) -> int:
        """Requests without a right answer."""
        return self.wrong + self.broken + self.lost + self.refused

    @classmethod
    def parse(cls, text: bytes) -> Outcome:
        """Read what the load generator printed."""
        found = json.loads(text)
        for name in ("latency", "latency_from_sending", "refusals"):
            found[name] = Latency.of(found[name])
        return cls(**{name: found[name] for name in cls.__dataclass_fields__})


def build_load_generator(folder: Path) -> Path:
    """Compile it into `folder`, if it is not there as its sources are. Raises CalledProcessError where that fails."""
    program = folder / "load"
    sources = sorted(SOURCES.glob("*.[ch]"))
    if not program.exists() or program.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        folder.mkdir(parents=True, exist_ok=True)
        files = [str(source) for source in sources if source.suffix == ".c"]
        command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), *files, "-lm"]
        subprocess.run(command, check=True)
    return program


class LoadGenerator:
    """Runs the compiled load generator on plans."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for the program and its plans."""
        self._program = build_load_generator(folder)
        self._folder = folder

    async def run(self, plan: Path, port: int, seconds: float, **options: float) -> Outcome:
        """Send what `plan` says to 127.0.0.1:`port`; of `options`, `tick_ms=100` becomes `--tick-ms=100`.

        Raises RuntimeError if it ends otherwise than in time and well.
        """
        arguments = {"port": port, "seconds": seconds, **options}
        command = [f"--{name.replace('_', '-')}={value:g}" for name, value in arguments.items()]
        process = await asyncio.create_subprocess_exec(
            self._program, *command, plan, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(seconds + options.get("warmup", 0) + options.get("drain", 5) + END_SECONDS):
                printed, complaint = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"the load generator ended with {process.returncode}: {complaint.decode().strip()}")
        return Outcome.parse(printed)

    def write(self, name: str, plan: Plan) -> Path:
        """The file of a plan."""
        path = self._folder / f"{name}.plan"
        plan.write(path)
        return path


def as_json(latency: Latency) -> dict[str, Any]:
    """As a part of a record."""
    return {
        "mean_ms": latency.mean,
        "p50_ms": latency.p50,
        "p99_ms": latency.p99,
        "p999_ms": latency.p999,
        "max_ms": latency.most,
    }
