"""How fast a running predictor is: what a pass takes, for itself, for each request and for each reading.

Bursts of requests are sent to it, in several sizes; each burst ends when the last answer is there. Its own metrics tell
how many passes it made, so that the seconds of a burst are

    passes x seconds_per_pass + requests x seconds_per_request + readings x seconds_per_reading

which is solved by least squares of the relative errors. Of each size the faster half of the bursts counts: what else
the machine does makes some slower, and none faster. What it does to them is told by itself: single requests follow one
another for some seconds, and where an answer comes late, all stood still (`stalls_of`).
"""

from __future__ import annotations

import gc
import json
import os
import platform
import re
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard, Stalls, Throughput
from weld_bundle.loading import load
from weld_predictor.batching import MicroBatcher
from weld_predictor.cores import usable_cores
from weld_predictor.scoring.choice import choose_scorer
from weld_predictor.scoring.native import NAME as NATIVE

BURSTS = ((1, 1), (1, 100), (1, 1000), (1, 4000), (1, 16_000), (8, 100), (32, 100), (128, 100), (128, 1), (32, 500))
"""Requests, and readings in each."""
EQUALLY_LIKELY = 20
"""Factors, or durations, that stand for all that were measured."""
STALL_SECONDS = 6.0
"""For which stalls are looked for; a machine of ours has about 9 in a second."""
_MOST_STALLED = 0.95
"""Of the time, that is believed."""
_LATE = 2.0
"""Times the median, from which on an answer is late."""
PATIENCE_SECONDS = 60.0
_SCORED_AT_ONCE = 4096


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
    in_passes: float
    """Seconds, by the predictor's own metrics."""
    factors: tuple[float, ...]
    """Of all bursts: their seconds over the median's."""


@dataclass(frozen=True)
class Bytes:
    """Of each reading, there and back, with the share that it has of heads."""

    request: float
    answer: float


class Measurement:
    """Sends bursts to a predictor at `address` (http://host:port), whose process is `pid`, and keeps what they took."""

    def __init__(self, address: str, pid: int, model: str, card: BundleCard) -> None:
        parts = urlsplit(address)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._pid = pid
        self._path = f"/v2/models/{model}/infer"
        self._card = card
        self._source = np.random.default_rng(0)
        self._sampled_at = time.time_ns() // 1_000_000
        self.bytes = Bytes(0, 0)

    def bursts(self, repeats: int, request_readings: int) -> Iterator[Burst]:
        """Of every size. Raises MeasurementError where a request is not answered with 200."""
        for requests, readings in dict.fromkeys([*BURSTS, (1, request_readings), (64, request_readings)]):
            if requests * readings <= 20_000:
                yield self._burst(requests, readings, repeats)

    def _burst(self, requests: int, readings: int, repeats: int) -> Burst:
        with self._connections(requests) as connections:
            self._once(connections, readings)
            (passes, inside), processor = self._passes(), self._processor_seconds()
            taken = [self._once(connections, readings) for _ in range(repeats)]
            passes_after, inside_after = self._passes()
            made, within = (passes_after - passes) / repeats, (inside_after - inside) / repeats
            busy = (self._processor_seconds() - processor) / repeats
        faster = sorted(taken)[: max(repeats // 2, 1)]
        middle = statistics.median(taken)
        factors = tuple(sorted(each / middle for each in taken))
        return Burst(requests, readings, made, statistics.mean(faster), busy, within, factors)

    def latencies(self, seconds: float, readings: int) -> list[float]:
        """Seconds of single requests that follow one another for so many `seconds`."""
        with self._connections(1) as connections, _no_garbage_collected():
            self._once(connections, readings)
            found, end = [], time.perf_counter() + seconds
            while time.perf_counter() < end:
                found.append(self._once(connections, readings))
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

    def _once(self, connections: Sequence[socket.socket], readings: int) -> float:
        """Seconds from the first byte sent to the last one received."""
        self._sampled_at += 100
        sent = [self._request(readings, number * readings) for number in range(len(connections))]
        started = time.perf_counter()
        for connection, request in zip(connections, sent, strict=True):
            connection.sendall(request)
        lengths = [_receive(connection) for connection in connections]
        taken = time.perf_counter() - started
        self.bytes = Bytes(len(sent[0]) / readings, lengths[0] / readings)
        return taken

    def _request(self, readings: int, first_sensor: int) -> bytes:
        """With features within the card's ranges; each sensor is another, and each burst is sampled later."""
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

    def _passes(self) -> tuple[float, float]:
        """Passes since the start, and seconds in them, by the predictor's metrics."""
        with socket.create_connection(self._place, timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: {self._place[0]}\r\nConnection: close\r\n\r\n".encode())
            text = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
        found = {
            (kind, stage): float(value)
            for kind, stage, value in re.findall(
                r'^weldserve_stage_seconds_(count|sum)\{[^}]*stage="(\w+)"[^}]*\} (\S+)', text, re.MULTILINE
            )
        }
        try:
            return found["count", "score"], sum(found["sum", stage] for stage in ("decode", "score", "encode"))
        except KeyError:
            raise MeasurementError(
                "the predictor's metrics say nothing of its passes (weldserve_stage_seconds)"
            ) from None

    def _processor_seconds(self) -> float:
        """That the process has used."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        """Of the process's resident memory, so far."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self._pid}/status").read_text())
        assert found is not None
        return int(found.group(1)) * 1024


def throughput(
    measurement: Measurement, bundle: Path, repeats: int, request_readings: int, max_readings: int, now: datetime
) -> Throughput:
    """What the bundle's card may say. Raises MeasurementError, and BundleError for the bundle."""
    bursts = list(measurement.bursts(repeats, request_readings))
    per_pass, per_request, per_reading = solve(bursts)
    inside = solve([replace(each, seconds=each.in_passes) for each in bursts])
    requests = max(max_readings // request_readings, 1)
    rate = requests * request_readings / (per_pass + requests * (per_request + request_readings * per_reading))
    name, scoring = _scoring(bundle)
    full = [each for each in bursts if each.requests * each.readings >= 3000]
    cores = usable_cores()
    busy = sum(each.processor_seconds for each in full) / sum(each.seconds for each in full)
    busy = min(max(busy, 0.1), float(cores))
    usual = next(each for each in bursts if (each.requests, each.readings) == (64, request_readings))
    return Throughput(
        scorer="native" if name == NATIVE else "scikit-learn",
        cores=cores,
        busy_cores=_digits(busy),
        request_readings=request_readings,
        readings_per_second=_digits(rate),
        readings_per_second_per_core=_digits(rate / busy),
        seconds_per_pass=_digits(per_pass),
        seconds_per_request=_digits(per_request),
        seconds_per_reading=_digits(per_reading),
        quick_readings=_quick(inside, request_readings),
        scoring_seconds_per_reading=_digits(min(scoring, per_reading)),
        spread=_alike(usual.factors),
        stalls=stalls_of(measurement.latencies(STALL_SECONDS, request_readings)),
        memory_bytes=measurement.peak_bytes(),
        request_bytes_per_reading=_digits(measurement.bytes.request),
        answer_bytes_per_reading=_digits(measurement.bytes.answer),
        machine=_machine(),
        measured_at=now,
    )


def solve(bursts: Sequence[Burst]) -> tuple[float, float, float]:
    """Seconds for a pass, a request and a reading, none below 0, of which the burst's times are made up best.

    Least squares of the relative errors; what would be negative is 0, and the others are found again.
    """
    seconds = np.array([each.seconds for each in bursts])
    amounts = np.array([[each.passes, each.requests, each.requests * each.readings] for each in bursts], float)
    relative = amounts / seconds[:, None]
    used = [0, 1, 2]
    while True:
        found, *_ = np.linalg.lstsq(relative[:, used], np.ones(len(seconds)), rcond=None)
        if (found > 0).all() or len(used) == 1:
            break
        used.remove(used[int(np.argmin(found))])
    solved = [0.0, 0.0, 0.0]
    for place, value in zip(used, found, strict=True):
        solved[place] = float(value)
    return solved[0], solved[1], max(solved[2], 1e-9)


def _quick(inside: tuple[float, float, float], request_readings: int) -> int:
    """Readings in the largest pass of such requests that the predictor makes in its event loop."""
    per_pass, per_request, per_reading = inside
    requests = (MicroBatcher.QUICK_SECONDS - per_pass) / (per_request + request_readings * per_reading)
    return max(int(requests), 0) * request_readings


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """Within the block in this process, whose own stalls are none of the predictor's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def stalls_of(latencies: Sequence[float]) -> Stalls | None:
    """Of requests that followed one another without a pause: what an answer took above the median, if that is long."""
    middle = statistics.median(latencies)
    late = [each - middle for each in latencies if each > _LATE * middle]
    if not late:
        return None
    seconds = _alike(late)
    share = min(sum(late) / sum(latencies), _MOST_STALLED)
    return Stalls(per_second=_digits(share / statistics.mean(seconds)), seconds=seconds)


def _alike(values: Sequence[float]) -> tuple[float, ...]:
    """Fewer that are equally likely, and spread as the values are."""
    places = (np.arange(EQUALLY_LIKELY) + 0.5) / EQUALLY_LIKELY
    return tuple(_digits(float(each)) for each in np.quantile(np.array(values), places))


def _scoring(bundle: Path) -> tuple[str, float]:
    """The scorer's name, and its seconds for a reading when many are scored at once."""
    loaded = load(bundle)
    scorer = choose_scorer(loaded.estimator, loaded.card, usable_cores())
    lowest = np.array([column.minimum for column in loaded.card.inputs])
    highest = np.array([column.maximum for column in loaded.card.inputs])
    source = np.random.default_rng(0)
    rows = source.uniform(lowest, highest, (_SCORED_AT_ONCE, len(lowest))).astype(np.float32)
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        scorer.risk(rows)
        taken.append(time.perf_counter() - started)
    return scorer.name, statistics.median(taken) / _SCORED_AT_ONCE


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


def _machine() -> str:
    """The processor's name and the cores that may be used."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    name = found.group(1).strip() if found else platform.machine()
    return f"{name}, {usable_cores()} cores"


def _digits(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")
