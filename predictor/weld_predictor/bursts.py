"""Bursts of requests to a running predictor, and what they took.

Each burst ends when the last answer is there. It is sent twice without a pause and the latter counts, which finds the
predictor at work.
"""

from __future__ import annotations

import gc
import json
import os
import re
import socket
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard

SIZES = ((1, 1), (1, 100), (1, 1000), (1, 4000), (1, 16_000), (8, 100), (32, 100), (128, 100), (128, 1), (32, 500))
"""Requests, and readings in each."""
PATIENCE_SECONDS = 60.0
_ROUNDS = 2
"""In which a burst is sent without a pause; the last one is timed."""
_MOST_READINGS = 20_000
"""In a burst."""
_PAUSES, _PAUSE_SECONDS = 5, 0.001
"""For each repetition, after which a single request finds the predictor at rest."""
_GROWING = (1, 2, 4, 8, 16, 32)
"""Requests of the bursts after which it is asked which passes are quick."""
_QUICK = re.compile(r"^weldserve_quick_readings\{[^}]*\} (\S+)", re.MULTILINE)
_PASSES = re.compile(r'^weldserve_stage_seconds_count\{[^}]*stage="score"[^}]*\} (\S+)', re.MULTILINE)


class MeasurementError(Exception):
    """The predictor does not answer as it should; the message is one sentence."""


@dataclass(frozen=True)
class Burst:
    """Bursts of one size, on average over those that count."""

    requests: int
    readings: int
    """In each request."""
    passes: float
    seconds: float
    processor_seconds: float
    factors: tuple[float, ...]
    """Of all bursts: their seconds over the median's."""


@dataclass(frozen=True)
class Bytes:
    """Of each reading, there and back, with the share that it has of heads."""

    request: float
    answer: float


@dataclass
class _Taken:
    """Bursts of one size."""

    seconds: list[float] = field(default_factory=list)
    passes: float = 0.0
    processor_seconds: float = 0.0
    rounds: int = 0

    def burst(self, requests: int, readings: int) -> Burst:
        middle = statistics.median(self.seconds)
        return Burst(
            requests,
            readings,
            self.passes / self.rounds,
            _faster_half(self.seconds),
            self.processor_seconds / self.rounds,
            tuple(sorted(each / middle for each in self.seconds)),
        )


class Measurement:
    """Sends bursts to a predictor at `address` (http://host:port), whose process is `pid`, and keeps what they took."""

    def __init__(self, address: str, pid: int, model: str, card: BundleCard, request_readings: int) -> None:
        """`request_readings`: what gateways send in each request."""
        parts = urlsplit(address)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._pid = pid
        self._path = f"/v2/models/{model}/infer"
        self._card = card
        self.request_readings = request_readings
        every = dict.fromkeys([*SIZES, (1, request_readings), (64, request_readings)])
        self._sizes = [(requests, readings) for requests, readings in every if requests * readings <= _MOST_READINGS]
        self._taken: defaultdict[tuple[int, int], _Taken] = defaultdict(_Taken)
        self._after_pause: list[float] = []
        self._quick: list[float] = []
        self._source = np.random.default_rng(0)
        self._sampled_at = time.time_ns() // 1_000_000
        self.bytes = Bytes(0, 0)

    def take(self, repeats: int) -> None:
        """Send bursts of every size so often, beside those before.

        Raises MeasurementError where a request is not answered with 200.
        """
        with _no_garbage_collected():
            for requests, readings in self._sizes:
                self._burst(requests, readings, repeats)
            self._pause(repeats)
            self._grow(repeats)

    @property
    def bursts(self) -> list[Burst]:
        """Of every size that was taken."""
        return [taken.burst(*size) for size, taken in self._taken.items()]

    @property
    def seconds_after_pause(self) -> float:
        """Of a single request that finds the predictor at rest; the faster half."""
        return _faster_half(self._after_pause)

    @property
    def quick_readings(self) -> int:
        """In the largest pass of such requests that the predictor makes in its event loop."""
        return int(statistics.median(self._quick)) // self.request_readings * self.request_readings

    def _burst(self, requests: int, readings: int, repeats: int) -> None:
        taken = self._taken[requests, readings]
        with self._connections(requests) as connections:
            self._once(connections, readings)
            passes, processor = self._metric(_PASSES), self._processor_seconds()
            taken.seconds += [self._once(connections, readings, _ROUNDS) for _ in range(repeats)]
            taken.passes += self._metric(_PASSES) - passes
            taken.processor_seconds += self._processor_seconds() - processor
            taken.rounds += repeats * _ROUNDS

    def _pause(self, repeats: int) -> None:
        """Single requests that find the predictor at rest; who sends them is awake all the time."""
        with self._connections(1) as connections:
            for _ in range(repeats * _PAUSES):
                self._after_pause.append(self._once(connections, self.request_readings, pause=_PAUSE_SECONDS))

    def _grow(self, repeats: int) -> None:
        """Bursts of more and more requests, after which it is asked which passes are quick."""
        with self._connections(max(_GROWING)) as connections:
            for _ in range(repeats):
                for requests in _GROWING:
                    self._once(connections[:requests], self.request_readings, _ROUNDS)
                self._quick.append(self._metric(_QUICK))

    def latencies(self, seconds: float) -> list[float]:
        """Seconds of single requests that follow one another for so many `seconds`."""
        with self._connections(1) as connections, _no_garbage_collected():
            self._once(connections, self.request_readings)
            found, end = [], time.perf_counter() + seconds
            while time.perf_counter() < end:
                found.append(self._once(connections, self.request_readings))
        return found

    @contextmanager
    def _connections(self, count: int) -> Iterator[list[socket.socket]]:
        with ExitStack() as stack:
            opened = [
                stack.enter_context(socket.create_connection(self._place, timeout=PATIENCE_SECONDS))
                for _ in range(count)
            ]
            for each in opened:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield opened

    def _once(self, connections: Sequence[socket.socket], readings: int, rounds: int = 1, pause: float = 0.0) -> float:
        """Seconds from the first byte sent to the last one received, in the last of `rounds` after a `pause`."""
        each = [self._requests(len(connections), readings) for _ in range(rounds)]
        _stay_awake(pause)
        for sent in each:
            started = time.perf_counter()
            for connection, request in zip(connections, sent, strict=True):
                connection.sendall(request)
            lengths = [_receive(connection) for connection in connections]
            taken = time.perf_counter() - started
        self.bytes = Bytes(len(each[0][0]) / readings, lengths[0] / readings)
        return taken

    def _requests(self, count: int, readings: int) -> list[bytes]:
        """Sampled later than those before."""
        self._sampled_at += 100
        return [self._request(readings, number * readings) for number in range(count)]

    def _request(self, readings: int, first_sensor: int) -> bytes:
        """With features within the card's ranges, each reading of another sensor."""
        lowest = np.array([column.minimum for column in self._card.inputs])
        highest = np.array([column.maximum for column in self._card.inputs])
        features = self._source.uniform(lowest, highest, (readings, len(lowest))).astype("<f4")
        tensors: list[tuple[str, str, NDArray[np.generic]]] = [
            ("features", "FP32", features),
            ("sensor_id", "INT64", np.arange(first_sensor, first_sensor + readings, dtype="<i8")),
            ("sampled_at", "INT64", np.full(readings, self._sampled_at, "<i8")),
        ]
        inputs = [
            {
                "name": name,
                "datatype": datatype,
                "shape": values.shape,
                "parameters": {"binary_data_size": values.nbytes},
            }
            for name, datatype, values in tensors
        ]
        head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        body = head + b"".join(values.tobytes() for _, _, values in tensors)
        lines = (
            f"POST {self._path} HTTP/1.1",
            f"Host: {self._place[0]}",
            f"Content-Length: {len(body)}",
            "Content-Type: application/octet-stream",
            f"Inference-Header-Content-Length: {len(head)}",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def _metric(self, expression: re.Pattern[str]) -> float:
        """Of the predictor's, now. Raises MeasurementError where it has none that matches."""
        with socket.create_connection(self._place, timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: {self._place[0]}\r\nConnection: close\r\n\r\n".encode())
            text = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
        found = expression.search(text)
        if found is None:
            raise MeasurementError(f"the predictor's metrics have nothing like {expression.pattern!r}")
        return float(found[1])

    def _processor_seconds(self) -> float:
        """That the process has used."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        """Of the process's resident memory, so far."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self._pid}/status").read_text())
        assert found is not None
        return int(found.group(1)) * 1024


def _faster_half(seconds: Sequence[float]) -> float:
    """Its mean: what else the machine does makes some slower, and none faster."""
    return statistics.mean(sorted(seconds)[: max(len(seconds) // 2, 1)])


def _stay_awake(seconds: float) -> None:
    """So long, and never let go of the processor."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """Within the block in this process, whose own stalls are none of the predictor's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _receive(connection: socket.socket) -> int:
    """Read one answer; gives its bytes."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _more(connection)
    head = received[:end].decode()
    if not head.startswith("HTTP/1.1 200"):
        raise MeasurementError(f"the predictor answered {head.splitlines()[0][:80]!r}, expected 200")
    length = re.search(r"^content-length: *(\d+)", head, re.IGNORECASE | re.MULTILINE)
    if length is None:
        raise MeasurementError("the predictor's answer does not state its length")
    whole = end + 4 + int(length.group(1))
    count = len(received)
    while count < whole:
        count += len(_more(connection))
    return whole


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(262_144)
    if not received:
        raise MeasurementError("the predictor ended a connection in the middle of an answer")
    return received
