"""Sensors' gateways that stream readings at an inference endpoint, and count what became of each reading."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import numpy as np
from numpy.typing import NDArray

from tests.sandbox.open_inference import Answer, decode, encode

RETRIED_STATUSES = {429, 502, 503, 504}
"""A refusal for load, and a gateway's words for "no connection to the predictor"."""

RETRY_PAUSE_SECONDS = 0.1
RETRY_LIMIT = 300
REQUEST_SECONDS = 20
PACE_SECONDS = 0.5
FIRST_INTERVAL_TICKS = 5
SLOWEST_INTERVAL_TICKS = 20
LATENCIES_KEPT = 2_000


@dataclass(frozen=True)
class Readings:
    """Readings made beforehand, to be sent tick after tick, again from the first when they are used up.

    `features` float32 [ticks, sensors, columns]; `at_risk` bool [ticks, sensors], the truth;
    `sensor_ids` int64 [sensors]; `context` float32 [ticks, sensors] by name, what the plant measured.
    """

    features: NDArray[np.float32]
    at_risk: NDArray[np.bool_]
    sensor_ids: NDArray[np.int64]
    context: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass
class Tally:
    """What became of the readings so far, in readings unless it says otherwise."""

    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)  # answers that were no answer, in words
    retried_connections: int = 0  # requests
    retried_refusals: Counter[int] = field(default_factory=Counter)  # requests by HTTP status
    by_version: Counter[str] = field(default_factory=Counter)
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))  # seconds, of requests
    recent: list[float] = field(default_factory=list)  # the same, since the pace was last looked at

    @property
    def precision(self) -> float:
        alarms = self.true_positives + self.false_positives
        return self.true_positives / alarms if alarms else float("nan")

    @property
    def recall(self) -> float:
        flawed = self.true_positives + self.false_negatives
        return self.true_positives / flawed if flawed else float("nan")

    def assert_complete(self) -> None:
        """Every reading that was sent has got a right answer. Raises AssertionError."""
        assert not self.wrong, self.wrong
        assert not self.unanswered, f"{self.unanswered} readings have no answer"
        assert self.answered == self.sent > 0, f"{self.answered} answered of {self.sent}"

    def latency(self, quantile: float) -> float:
        """Seconds; not a number before the first answer."""
        return float(np.quantile(list(self.latencies), quantile)) if self.latencies else float("nan")

    def count(self, answer: Answer, at_risk: NDArray[np.bool_], seconds: float) -> None:
        self.latencies.append(seconds)
        self.recent.append(seconds)
        decision = answer.outputs["decision"].astype(bool)
        self.answered += len(at_risk)
        self.by_version[answer.model_version] += len(at_risk)
        self.true_positives += int(np.sum(decision & at_risk))
        self.false_positives += int(np.sum(decision & ~at_risk))
        self.false_negatives += int(np.sum(~decision & at_risk))


class Pace:
    """The interval between two batches of a gateway: the tick, or as much more as keeps answers within the tick.

    It begins slowly, so that a cold endpoint is not flooded.
    """

    def __init__(self, tick_seconds: float) -> None:
        self._tick = tick_seconds
        self.interval = tick_seconds * FIRST_INTERVAL_TICKS

    def adapt(self, latencies: list[float]) -> None:
        """Slow down when one in ten of these latencies (seconds) is above the tick, otherwise quicken a little."""
        if not latencies:
            return
        if float(np.quantile(latencies, 0.9)) > self._tick:
            self.interval = min(self.interval * 1.25, self._tick * SLOWEST_INTERVAL_TICKS)
        else:
            self.interval = max(self.interval * 0.9, self._tick)


@dataclass(frozen=True)
class Endpoint:
    """Where a model is reached: the data plane's address, and the host name that the route is for."""

    address: str
    host: str
    model: str

    @property
    def url(self) -> str:
        return f"{self.address}/v2/models/{self.model}/infer"


class SensorStream:
    """`gateways` clients that share the sensors evenly; each sends its sensors' readings once a tick, when it can.

    The pace is what the machine holds: while answers take longer than the tick, the interval between two batches of a
    gateway grows, and it shrinks again down to the tick. Connection errors, and refusals that a retry may cure, are
    retried and counted.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        readings: Readings,
        *,
        gateways: int = 100,
        tick_seconds: float = 0.1,
        jitter_seconds: float = 0.02,
        seed: int = 1,
    ) -> None:
        self.tally = Tally()
        self._endpoint = endpoint
        self._readings = readings
        self._pace = Pace(tick_seconds)
        self._jitter = jitter_seconds
        self._random = np.random.default_rng(seed)
        self._shares = np.array_split(np.arange(len(readings.sensor_ids)), gateways)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Ask the gateways to stop after the request that each is at."""
        self._ending.set()

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[Tally]:
        """Stream until the end of the block, when each request that began has come to its end."""
        task = asyncio.create_task(self.run())
        try:
            yield self.tally
        finally:
            self.end()
            await task

    async def run(self, *, requests_each: int | None = None) -> Tally:
        """Stream until `end`, or for so many requests of each gateway; each request that began comes to its end."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            pacing = asyncio.create_task(self._keep_pace())
            try:
                await asyncio.gather(*(self._gateway(session, share, requests_each) for share in self._shares))
            finally:
                pacing.cancel()
        return self.tally

    async def _keep_pace(self) -> None:
        while True:
            self.tally.recent.clear()
            await asyncio.sleep(PACE_SECONDS)
            self._pace.adapt(self.tally.recent)

    async def _gateway(
        self, session: aiohttp.ClientSession, share: NDArray[np.int_], requests_each: int | None
    ) -> None:
        await asyncio.sleep(self._random.uniform(0, self._pace.interval))
        number, due = 0, time.monotonic()
        while not self._ending.is_set() and (requests_each is None or number < requests_each):
            await self._send(session, share, number)
            number += 1
            now = time.monotonic()
            # Gateways that have come to send together drift apart again.
            due = max(due + self._pace.interval * self._random.uniform(0.5, 1.5), now)
            await asyncio.sleep(max(0.0, due - now + self._random.normal(0, self._jitter)))

    async def _send(self, session: aiohttp.ClientSession, share: NDArray[np.int_], number: int) -> None:
        tick = number % len(self._readings.features)
        at_risk = self._readings.at_risk[tick, share]
        request = encode(
            {
                "features": self._readings.features[tick, share],
                **{name: values[tick, share] for name, values in self._readings.context.items()},
                "sensor_id": self._readings.sensor_ids[share],
                "sampled_at": np.full(len(share), time.time_ns() // 1_000_000, dtype=np.int64),
            },
            request_id=f"{share[0]}-{number}",
        )
        self.tally.sent += len(share)
        began = time.monotonic()
        answer = await self._answer(session, request.body, request.headers)
        if answer is None or len(answer.outputs["decision"]) != len(share):
            self.tally.unanswered += len(share)
            return
        self.tally.count(answer, at_risk, time.monotonic() - began)

    async def _answer(self, session: aiohttp.ClientSession, body: bytes, headers: dict[str, str]) -> Answer | None:
        for _ in range(RETRY_LIMIT):
            try:
                async with session.post(
                    self._endpoint.url, data=body, headers={**headers, "Host": self._endpoint.host}
                ) as response:
                    content = await response.read()
                    if response.status == 200:
                        return decode(content, response.headers)
                    if response.status not in RETRIED_STATUSES:
                        self.tally.wrong.append(f"{response.status}: {content[:200]!r}")
                        return None
                    self.tally.retried_refusals[response.status] += 1
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
                self.tally.retried_connections += 1
            await asyncio.sleep(RETRY_PAUSE_SECONDS)
        return None
