"""Requests that nobody should send, while others are served: what they are answered, and what they cost the others."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.effort import Effort
from tests.bench.load import LoadGenerator
from tests.bench.readings import Requests
from tests.bench.servers import Server
from tests.bench.wire import INFER_PATH, http_request
from tests.bench.workloads import Workload
from tests.integration.predictor_fuzz import requests as broken_requests

SLOW_SECONDS = 1.0
"""Between two bytes of a request that comes slowly."""
OVERSIZED = 10**12


@dataclass
class HostileResult:
    """What was answered, and the throughput of the others."""

    answers: Counter[str] = field(default_factory=Counter)
    """By kind and status; `closed` where the connection ended without an answer."""
    without: list[float] = field(default_factory=list)
    """Readings/s of the others, in each measurement."""
    among: list[float] = field(default_factory=list)
    others_errors: int = 0

    @property
    def sent(self) -> int:
        return sum(self.answers.values())

    @property
    def server_errors(self) -> int:
        return sum(count for answer, count in self.answers.items() if answer.split()[-1].startswith("5"))

    @property
    def share(self) -> float:
        """Of the throughput that is left: the median of the pairs."""
        return statistics.median(with_ / alone for with_, alone in zip(self.among, self.without, strict=True))

    def as_json(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "answers": dict(sorted(self.answers.items())),
            "server_errors": self.server_errors,
            "readings_per_s_without": [round(rate) for rate in self.without],
            "readings_per_s_among": [round(rate) for rate in self.among],
            "share": round(self.share, 4),
            "others_errors": self.others_errors,
        }


async def run_hostile(
    load: LoadGenerator, server: Server, requests: Requests, workload: Workload, effort: Effort
) -> HostileResult:
    """Pairs of measurements with and without them, in turn."""
    plan = load.write("among", server.wire.plan(server.port, requests))
    result = HostileResult()
    hostile = _hostile_requests(seed=1)
    pairs, all_of_them = effort.hostile_pairs, effort.hostile_requests
    for number in range(pairs):
        count = all_of_them * (number + 1) // pairs - all_of_them * number // pairs
        # In turn, so that a machine that grows slower or faster is no argument.
        for is_among in (False, True) if number % 2 else (True, False):
            sent = count if is_among else 0
            rate = await _measure(load, server, plan, workload, effort, result, hostile, sent)
            (result.among if is_among else result.without).append(rate)
    plan.unlink()
    return result


async def _measure(
    load: LoadGenerator,
    server: Server,
    plan: Path,
    workload: Workload,
    effort: Effort,
    result: HostileResult,
    hostile: Iterator[tuple[str, bytes]],
    count: int,
) -> float:
    running = asyncio.create_task(
        load.run(plan, server.port, effort.hostile, warmup=0.5, connections=workload.clients, sensors=workload.sensors)
    )
    await asyncio.sleep(0.5)
    sending = []
    for _ in range(count):
        sending.append(asyncio.create_task(_send(server.port, *next(hostile), effort.hostile_patience, result.answers)))
        await asyncio.sleep(effort.hostile / count)
    outcome = await running
    await asyncio.gather(*sending)
    result.others_errors += outcome.errors
    return outcome.readings_per_s


def _hostile_requests(seed: int) -> Iterator[tuple[str, bytes]]:
    """Kind and bytes, without end, a quarter of each kind."""
    source = random.Random(seed)
    malformed = broken_requests(seed, 10**9)
    while True:
        for kind in ("malformed", "truncated", "oversized", "slow"):
            request = next(malformed)
            headers = {name: value for name, value in request.headers.items() if name.isascii() and value.isascii()}
            path = request.path.replace("north-line", "bench")
            raw = http_request(path, request.body, **headers)
            if kind == "truncated":
                whole = http_request(INFER_PATH, request.body or b"{}")
                raw = whole[: source.randrange(1, len(whole))]
            elif kind == "oversized":
                raw = http_request(INFER_PATH, b"").replace(b"Content-Length: 0", b"Content-Length: %d" % OVERSIZED)
            elif kind == "slow":
                raw = http_request(INFER_PATH, request.body or b"{}")
            yield kind, raw


async def _send(port: int, kind: str, raw: bytes, patience: float, answers: Counter[str]) -> None:
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if kind == "slow":
                    await _dribble(reader, writer, raw)
                else:
                    writer.write(raw)
                    if kind == "truncated":
                        writer.write_eof()
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        answers[f"{kind} {next((word for word in status.decode().split() if word.isdigit()), 'closed')}"] += 1
    except TimeoutError:
        answers[f"{kind} no answer"] += 1
    except OSError:
        answers[f"{kind} closed"] += 1


async def _dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> None:
    """A byte a second, until the server has had enough of it."""
    for byte in raw[:-1]:
        writer.write(bytes([byte]))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SLOW_SECONDS):
                await reader.readuntil(b"HTTP/1.1 ")
                return
