"""Whatever comes over the wire, and however, each reading has the answer that it would have alone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from grpc import aio
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from numpy.typing import NDArray

from tests.integration.predictor_process import PackedBundle, PredictorProcess, pack_bundle, predictor
from tests.integration.test_predictor import outputs
from tests.unit.predictor.connections import INFER, request, split_responses
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import binary_body, json_body, numbered, readings
from weld_predictor.intake.readings import Readings

FEATURES, MOST = 24, 2_000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "weld", features=FEATURES)


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[PredictorProcess]:
    folder = tmp_path_factory.mktemp("predictor")
    async with predictor(
        folder, bundle, grpc_port=0, max_readings=300, queue_readings=100_000, jitter="10m"
    ) as process:
        await process.logged("ready")
        yield process


@pytest.fixture(scope="module")
def sent() -> Readings:
    """Readings of which some are bad."""
    sent = readings(MOST, FEATURES, sampled_at=now())
    source = random.Random(5)
    for row in source.sample(range(MOST), 60):
        sent.features[row, source.randrange(FEATURES)] = source.choice([np.nan, np.inf, 7, -7])
    return sent


@pytest.fixture(scope="module")
async def alone(process: PredictorProcess, sent: Readings) -> dict[str, NDArray[Any]]:
    """The answers to the readings, all in one request."""
    async with httpx.AsyncClient(base_url=await process.address(), timeout=60) as client:
        content, length = binary_body(sent)
        headers = {"Inference-Header-Content-Length": str(length)}
        return outputs(await client.post(INFER, content=content, headers=headers))


def now() -> int:
    return time.time_ns() // 1_000_000


async def exchange(process: PredictorProcess, stream: bytes, source: random.Random | None = None) -> bytes:
    """What comes back for `stream`, of which the last request closes the connection; cut at random by `source`."""
    url = urlsplit(await process.address())
    reader, writer = await asyncio.open_connection(url.hostname, url.port)

    async def send() -> None:
        position = 0
        while position < len(stream):
            size = len(stream) if source is None else source.choice((1, 7, 100, 1500, 20_000))
            writer.write(stream[position : position + size])
            position += size
            if source is not None and source.random() < 0.2:
                await asyncio.sleep(0.001)
        await writer.drain()

    sending = asyncio.create_task(send())
    try:
        return await reader.read()
    finally:
        writer.close()
        await asyncio.gather(sending, writer.wait_closed(), return_exceptions=True)


def partitions(source: random.Random) -> list[slice]:
    bounds = sorted({0, MOST, *(source.randrange(MOST) for _ in range(40)), *range(700, 730)})
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def part(sent: Readings, rows: slice) -> Readings:
    return Readings(sent.features[rows], sent.sensor_id[rows], sent.sampled_at[rows])


class Answers:
    """The answers to readings, gathered from requests for some of them each."""

    def __init__(self, process: PredictorProcess, sent: Readings, source: random.Random) -> None:
        self._process = process
        self._sent = sent
        self._source = source
        dtypes = {"risk": np.float32, "decision": np.uint8, "flags": np.uint32}
        self.values: dict[str, NDArray[Any]] = {name: np.zeros(len(sent), dtype) for name, dtype in dtypes.items()}

    async def over_rest(self, client: httpx.AsyncClient, rows: slice) -> None:
        chosen = part(self._sent, rows)
        make = self._source.choice((binary_body, json_body))
        content, length = make(
            numbered(chosen, rows.start) if self._source.random() < 0.3 else chosen,
            id="tick" if self._source.random() < 0.3 else None,
            parameters={"binary_data_output": self._source.random() < 0.5},
        )
        headers = {} if length is None else {"Inference-Header-Content-Length": length}
        self._keep(rows, outputs(await client.post(INFER, content=content, headers=headers)))

    async def over_grpc(self, channel: aio.Channel, rows: slice) -> None:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        asked = message(part(self._sent, rows), raw=self._source.random() < 0.5)
        answer = pb.ModelInferResponse.FromString(await call(asked.SerializeToString()))
        if answer.raw_output_contents:
            raw = zip(answer.raw_output_contents, ("<f4", "<u1", "<u4"), strict=True)
            values = [np.frombuffer(each, dtype) for each, dtype in raw]
        else:
            risk, decision, flags = (output.contents for output in answer.outputs)
            values = [np.array(risk.fp32_contents), np.array(decision.uint_contents), np.array(flags.uint_contents)]
        self._keep(rows, dict(zip(self.values, values, strict=True)))

    async def over_a_pipeline(self, rows: list[slice]) -> None:
        asked = [request(binary_body(part(self._sent, each))) for each in rows]
        stream = b"".join(asked) + request(b"", "/v2/health/live", "GET", connection="close")
        *responses, last = split_responses(await exchange(self._process, stream, self._source))
        assert last == (200, b'{"live":true}')
        for each, (status, body) in zip(rows, responses, strict=True):
            self._keep(each, outputs(httpx.Response(status, content=body)))

    def _keep(self, rows: slice, answer: dict[str, NDArray[Any]]) -> None:
        for name, values in answer.items():
            self.values[name][rows] = values


@pytest.mark.parametrize("seed", range(4))
async def test_answers_are_the_same_whatever_the_batching_the_protocol_and_the_segments(
    process: PredictorProcess, sent: Readings, alone: dict[str, NDArray[Any]], seed: int
) -> None:
    source = random.Random(seed)
    # Sampled at another time, so that they are not answered from memory.
    again = replace(sent, sampled_at=sent.sampled_at + 1 + seed)
    answers = Answers(process, again, source)
    rows = partitions(source)
    source.shuffle(rows)
    third = len(rows) // 3
    async with (
        httpx.AsyncClient(base_url=await process.address(), timeout=60) as client,
        aio.insecure_channel(await process.grpc_address()) as channel,
    ):
        await asyncio.gather(
            *(answers.over_rest(client, each) for each in rows[:third]),
            *(answers.over_grpc(channel, each) for each in rows[third : 2 * third]),
            answers.over_a_pipeline(rows[2 * third :]),
        )
    for name, values in alone.items():
        np.testing.assert_array_equal(answers.values[name], values)


BROKEN = (
    b"",
    b"\r\n\r\n",
    b"\0" * 100,
    b"POST",
    b"POST \r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    f"POST {INFER} HTTP/1.1\r\nContent-Length: -1\r\n\r\n".encode(),
    f"POST {INFER} HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n".encode(),
    f"POST {INFER} HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".encode(),
    f"POST {INFER} HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}".encode(),
    f"POST {INFER} HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{{}}".encode(),
    f"POST {INFER} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n".encode(),
    f"POST {INFER} HTTP/9.9\r\n\r\n".encode(),
    f"POST {INFER} HTTP/1.1\r\nx-request-timeout-ms: soon\r\nContent-Length: 2\r\n\r\n{{}}".encode(),
    f"POST {INFER} HTTP/1.1\r\n: nothing\r\n\r\n".encode(),
    f"POST {INFER} HTTP/1.1\r\n".encode() + b"x: y\r\n" * 20_000,
    f"POST {INFER} HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n".encode() + b"x" * 300_000,
)


async def test_no_bytes_on_a_socket_harm_the_predictor(process: PredictorProcess) -> None:
    url = urlsplit(await process.address())
    source = random.Random(11)
    whole = request(binary_body(readings(3, FEATURES)))

    async def send(raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            writer.write(raw)
            await asyncio.wait_for(writer.drain(), 5)
            return await asyncio.wait_for(reader.read(200_000), source.choice((0.01, 0.3)))
        except (TimeoutError, ConnectionError):
            return b""
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    def broken() -> bytes:
        if source.random() < 0.5:
            return source.choice(BROKEN) + source.choice((b"", whole))
        changed = bytearray(whole)
        for _ in range(source.choice((1, 1, 5))):
            changed[source.randrange(len(changed))] = source.randrange(256)
        return bytes(changed[: source.randrange(len(changed))] if source.random() < 0.3 else changed) + whole

    answers: list[bytes] = []
    for _ in range(15):
        answers += await asyncio.gather(*(send(broken()) for _ in range(20)))
    assert not [answer for answer in answers if b"HTTP/1.1 5" in answer]
    assert any(b"HTTP/1.1 200" in answer for answer in answers)
    assert any(b"HTTP/1.1 400" in answer for answer in answers)
    async with httpx.AsyncClient(base_url=await process.address()) as client:
        assert (await client.get("/v2/health/ready")).status_code == 200
    assert {line["level"] for line in process.log_lines()} == {"INFO"}


async def test_a_deadline_that_cannot_be_met_is_refused_at_once(process: PredictorProcess) -> None:
    content, length = binary_body(readings(3, FEATURES, sampled_at=now()))
    async with httpx.AsyncClient(base_url=await process.address(), timeout=60) as client:

        async def ask(allowed: str, content: Any = content) -> httpx.Response:
            headers = {"Inference-Header-Content-Length": str(length), "x-request-timeout-ms": allowed}
            return await client.post(INFER, content=content, headers=headers)

        async def in_pieces() -> AsyncIterator[bytes]:
            yield content

        assert (await ask("60000")).status_code == 200
        for late in (await ask("0"), await ask("0", in_pieces())):
            assert late.status_code == 504
            assert "0 ms are left of the request's time, but an answer takes" in late.json()["error"]
            assert "retry-after" not in late.headers
        metrics = (await client.get("/metrics")).text
    assert 'status="504",version="1.0.0"} 2.0' in metrics


async def test_a_deadline_that_is_no_number_is_the_clients_fault(process: PredictorProcess) -> None:
    async with httpx.AsyncClient(base_url=await process.address()) as client:
        response = await client.post(INFER, content=b"{}", headers={"x-request-timeout-ms": "soon"})
    assert (response.status_code, response.json()) == (
        400,
        {"error": "header x-request-timeout-ms: 'soon' came, expected whole milliseconds"},
    )
