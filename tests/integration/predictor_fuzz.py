"""Thousands of requests that nobody would send, over REST, protocol V1 and gRPC, against one predictor.

`python -m tests.integration.predictor_fuzz --requests=10000 --seed=1` says what came back and how the memory grew. The
requests follow from the seed. An answer is a fault of the predictor's if it is a 5xx, has no sentence, or never comes.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import random
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import orjson
from grpc import aio

from tests.integration.predictor_process import PredictorProcess, pack_weld_bundle, predictor
from tests.unit.predictor.ascans import ascans
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import readings, text_bytes, with_binary
from weld_simulator.features import extract

MOST = 64
SECONDS = 60
AT_ONCE = 4
GRPC_SHARE = 0.2
INFER = "/v2/models/north-line/infer"
PREDICT = "/v1/models/north-line:predict"
METHODS = ("ModelInfer", "ModelInfer", "ModelInfer", "ModelMetadata", "ModelReady", "ServerMetadata")
GRPC_ANSWERS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
LENGTH, ENCODING = "inference-header-content-length", "content-encoding"

_WAVES = ascans(4)
_FEATURES = extract(_WAVES)
_ODD_TEXTS = ("", "-1", "0", "1", "99999999999999999999", "1e3", "0x10", " 12", "12, 12", "é", "NaN", "true", "\x7f")
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 0.5, 2**31, 2**63, -(2**63), 1e308, -1e308, "", "x", "\ud7ff", "x" * 5000),
    *([], [[]], {}, [None], [[1], [1, 2]], {"a": [1]}, [2**40, 2**40], [-1, 26], [0, 26], [1] * 60),
)
_ODD_JSON = (
    b"",
    b"null",
    b"[]",
    b"NaN",
    b'{"inputs": [',
    b"[" * 50_000,
    b'{"a":' * 5000,
    b"\xff\xfe\x00",
    b"1e999999",
    b'"' * 99,
)


@dataclass(frozen=True)
class Request:
    """One request over REST."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path[:99]} {str(self.headers)[:200]} {self.body[:200]!r}"


@dataclass
class Report:
    """What came back."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    """KiB of the predictor's memory, from time to time."""

    @property
    def growth(self) -> int:
        """KiB from the largest of the first half to the largest of the second."""
        middle = len(self.resident) // 2
        return max(self.resident[middle:]) - max(self.resident[:middle])


def requests(seed: int, count: int) -> Iterator[Request]:
    """Requests over REST, each broken in one to three ways, but such that HTTP can carry them."""
    return islice(filter(_can_be_sent, _broken_requests(random.Random(seed))), count)


def _broken_requests(source: random.Random) -> Iterator[Request]:
    while True:
        request = source.choice((_binary, _binary, _json, _instances))(source)
        for _ in range(source.choice((1, 1, 2, 3))):
            request = source.choice(_BREAKS)(source, request)
        yield request


# RFC 9110, section 5.5: the client refuses to send any other.
_FIELD_VALUE = re.compile(rb"([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")


def _can_be_sent(request: Request) -> bool:
    return all(_FIELD_VALUE.fullmatch(value.encode()) for value in request.headers.values())


def messages(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Methods of gRPC with their serialized messages, most of them broken."""
    source = random.Random(seed)
    for _ in range(count):
        request = message(readings(source.randint(1, 5), _FEATURES.shape[1]), raw=source.random() < 0.5)
        tensor = source.choice(request.inputs)
        match source.randrange(8):
            case 0:
                tensor.shape[:] = [source.choice((-1, 0, 2**62, 26)) for _ in range(source.randrange(4))]
            case 1:
                tensor.datatype = source.choice(("FP64", "", "INT16", "BYTES", "x" * 2000))
            case 2:
                tensor.name = source.choice(("ascans", "pressure", "", "x" * 2000))
            case 3 if request.raw_input_contents:
                request.raw_input_contents[0] = source.randbytes(source.choice((0, 1, 104, 5000)))
            case 4:
                request.raw_input_contents.append(bytes(source.choice((0, 10, 10**6))))
            case 5:
                request.model_name = source.choice(("", "north-line", "x" * 5000))
        serialized = request.SerializeToString()
        if source.random() < 0.4:
            serialized = _broken_bytes(source, serialized)
        yield source.choice(METHODS), serialized


async def run(process: PredictorProcess, seed: int, count: int) -> Report:
    """Send `count` requests and look at every answer."""
    report = Report()
    over_grpc = int(count * GRPC_SHARE)
    rest = requests(seed, count - over_grpc)
    grpcs = messages(seed, over_grpc)
    watch = max(count // 40, 1)
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with (
        httpx.AsyncClient(base_url=await process.address(), timeout=SECONDS, limits=limits) as client,
        aio.insecure_channel(await process.grpc_address()) as channel,
    ):

        async def send_rest() -> None:
            for request in rest:
                await _send(client, request, report)
                await _watch(process, report, watch)

        async def send_grpc() -> None:
            for method, serialized in grpcs:
                await _call(channel, method, serialized, report)

        await asyncio.gather(*(send_rest() for _ in range(AT_ONCE)), send_grpc())
    report.resident.append(resident(process.pid))
    return report


def resident(pid: int) -> int:
    """KiB of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


async def _watch(process: PredictorProcess, report: Report, every: int) -> None:
    if sum(report.answers.values()) // every > len(report.resident):
        report.resident.append(resident(process.pid))


async def _send(client: httpx.AsyncClient, request: Request, report: Report) -> None:
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    try:
        response = await client.post(request.path, content=request.body, headers=headers)
    except httpx.HTTPError as error:
        report.faults.append(f"{request}: {error!r}")
        return
    report.answers[f"REST {response.status_code}"] += 1
    if response.status_code >= 500 or (response.status_code >= 400 and not _has_sentence(response)):
        report.faults.append(
            f"{request.path[:99]} {str(request.headers)[:200]} {request.body[:200]!r}: {response.text[:500]}"
        )


def _has_sentence(response: httpx.Response) -> bool:
    if response.headers.get("content-type", "").startswith("text/plain"):
        return response.text == "Invalid HTTP request received."  # uvicorn's, before there is a request
    answer = orjson.loads(response.content)
    return list(answer) == ["error"] and is_sentence(answer["error"])


def is_sentence(text: object) -> bool:
    """Whether a client can be shown this."""
    return isinstance(text, str) and 0 < len(text) < 2000 and "\n" not in text and "Traceback" not in text


async def _call(channel: aio.Channel, method: str, serialized: bytes, report: Report) -> None:
    call = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
    try:
        await call(serialized, timeout=SECONDS)
        code, details = grpc.StatusCode.OK, "ok"
    except aio.AioRpcError as error:
        code, details = error.code(), error.details()
    report.answers[f"gRPC {code.name}"] += 1
    if code not in GRPC_ANSWERS or not is_sentence(details):
        report.faults.append(f"{method} {serialized[:200]!r}: {code} {details}")


def _binary(source: random.Random) -> Request:
    count = source.randint(1, len(_WAVES))
    measured = (
        ("features", "FP32", [count, _FEATURES.shape[1]], _FEATURES[:count].tobytes()),
        ("ascans", "INT16", [count, _WAVES.shape[1]], _WAVES[:count].tobytes()),
    )
    body, length = with_binary(
        [
            source.choice(measured),
            ("sensor_id", "BYTES", [count], text_bytes([b"weld-7"] * count)),
            ("sampled_at", "INT64", [count], np.arange(count).tobytes()),
            ("pressure", "FP32", [count], np.ones(count, np.float32).tobytes()),
        ]
    )
    return Request(INFER, body, {LENGTH: str(length)})


def _json(source: random.Random) -> Request:
    count = source.randint(1, len(_WAVES))
    inputs = [
        _tensor("features", "FP32", [count, _FEATURES.shape[1]], _FEATURES[:count].tolist()),
        _tensor("sensor_id", "BYTES", [count], ["weld-7"] * count),
        _tensor("sampled_at", "INT64", [count], list(range(count))),
        _tensor("temperature", "FP32", [count], [20] * count),
    ]
    return Request(INFER, orjson.dumps({"id": "7", "inputs": inputs, "outputs": [{"name": "risk"}]}))


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _instances(source: random.Random) -> Request:
    count = source.randint(1, len(_WAVES))
    return Request(PREDICT, orjson.dumps({"instances": _FEATURES[:count].tolist()}))


def _broken_bytes(source: random.Random, data: bytes) -> bytes:
    place = source.randint(0, len(data))
    return source.choice(
        (
            data[:place],
            data + source.randbytes(source.choice((1, 8, 1000))),
            data[:place] + source.randbytes(3) + data[place + 3 :],
            data[:place] + data[place + 1 :],
            data * 2,
        )
    )


def _break_body(source: random.Random, request: Request) -> Request:
    return replace(request, body=_broken_bytes(source, request.body))


def _break_json(source: random.Random, request: Request) -> Request:
    """Put something odd at a random place of the JSON."""
    length = int(request.headers.get(LENGTH, len(request.body))) if _is_number(request.headers.get(LENGTH)) else 0
    try:
        document = orjson.loads(request.body[:length])
    except orjson.JSONDecodeError:
        return replace(request, body=source.choice(_ODD_JSON), headers={})
    holder: Any = document
    while isinstance(holder, dict | list) and holder:
        key = source.choice(list(holder)) if isinstance(holder, dict) else source.randrange(len(holder))
        if source.random() < 0.3 or not isinstance(holder[key], dict | list) or not holder[key]:
            holder[key] = source.choice(_ODD_VALUES)
            break
        holder = holder[key]
    text = orjson.dumps(document, default=str)
    headers = {**request.headers, LENGTH: str(len(text))} if LENGTH in request.headers else request.headers
    return replace(request, body=text + request.body[length:], headers=headers)


def _is_number(text: str | None) -> bool:
    return text is None or (text.isascii() and text.isdigit() and len(text) < 10)


def _odd_json(source: random.Random, request: Request) -> Request:
    return replace(request, body=source.choice(_ODD_JSON), headers={})


def _odd_length(source: random.Random, request: Request) -> Request:
    odd = source.choice((*_ODD_TEXTS, str(len(request.body) + 1), str(len(request.body))))
    return replace(request, headers={**request.headers, LENGTH: odd})


def _odd_headers(source: random.Random, request: Request) -> Request:
    name = source.choice(("content-type", "accept-encoding", "accept", "x-request-id", "expect", "traceparent"))
    return replace(request, headers={**request.headers, name: source.choice((*_ODD_TEXTS, "x" * 8000))})


def _compressed(source: random.Random, request: Request) -> Request:
    packed = source.choice((gzip.compress, zlib.compress))(request.body)
    if source.random() < 0.5:
        packed = _broken_bytes(source, packed)
    encoding = source.choice(("gzip", "deflate", "br", "gzip, gzip", "x" * 500))
    return replace(request, body=packed, headers={**request.headers, ENCODING: encoding})


_BOMB = gzip.compress(bytes(50_000_000), 9)
_SPACES = gzip.compress(b" " * 30_000_000 + b"{}", 9)


def _bomb(source: random.Random, request: Request) -> Request:
    return replace(request, body=source.choice((_BOMB, _SPACES)), headers={**request.headers, ENCODING: "gzip"})


def _odd_path(source: random.Random, request: Request) -> Request:
    paths = (
        "/v2/models/north-line/versions/9/infer",
        "/v2/models/%00/infer",
        f"/v2/models/{'x' * 5000}/infer",
        "/v2/models/north-line/versions/1.0.0/infer",
        "/v2/models//infer",
        "/v1/models/%F0%9F/:predict",
    )
    return replace(request, path=source.choice(paths))


_BREAKS: tuple[Callable[[random.Random, Request], Request], ...] = (
    *(_break_json, _break_json, _break_json, _break_body, _break_body, _odd_json),
    *(_odd_length, _odd_headers, _compressed, _bomb, _odd_path),
)


async def _campaign(seed: int, count: int) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = pack_weld_bundle(folder / "bundle")
        settings = {"queue_readings": MOST, "max_readings": MOST, "grpc_port": 0}
        async with predictor(folder, bundle, **settings) as process:
            await process.logged("ready")
            report = await run(process, seed, count)
            logged = [line["message"] for line in process.log_lines()]
    for answer, times in sorted(report.answers.items()):
        print(f"{answer:28} {times:7}")
    print(f"memory: {report.resident[0]} KiB at first, {max(report.resident)} at most, {report.resident[-1]} at last")
    print(f"second half over first half: {report.growth:+} KiB; log: {Counter(logged)}")
    print(f"faults: {len(report.faults)}", *report.faults[:20], sep="\n")
    return not report.faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fuzz a predictor.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    raise SystemExit(0 if asyncio.run(_campaign(arguments.seed, arguments.requests)) else 1)
