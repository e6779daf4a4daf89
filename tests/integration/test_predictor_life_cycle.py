"""A real predictor process starts, says why it cannot, and leaves without losing a request."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.predictor_process import (
    PackedBundle,
    pack_bundle,
    predictor,
)
from tests.integration.predictor_requests import INFER, infer, now
from tests.unit.predictor.malformed_requests import FEATURES
from tests.unit.predictor.requests import Body, binary_body, readings
from weld_bundle.manifest import CARD, ESTIMATOR, MANIFEST, Manifest, sha256


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "weld", features=24)


@pytest.fixture(scope="module")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    """A bundle of the model that the malformed requests are for."""
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "small", features=FEATURES)


async def test_a_predictor_is_live_while_it_loads_and_ready_when_it_is_warm(
    tmp_path: Path, bundle: PackedBundle
) -> None:
    # So many readings take a second or more to warm up with.
    most = 300_000
    async with (
        predictor(tmp_path, bundle, max_readings=most, queue_readings=most) as process,
        httpx.AsyncClient(base_url=await process.address(), timeout=60) as client,
    ):
        assert (await client.get("/v2/health/live")).status_code == 200
        assert (await client.get("/v2/health/ready")).status_code == 503
        assert (await client.get("/v2/models/north-line/ready")).status_code == 503
        assert (await client.get("/v2/models/north-line")).status_code == 200
        refused = await infer(client, binary_body(readings(1, bundle.features)))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        await process.logged("ready")
        assert (await client.get("/v2/health/ready")).status_code == 200
        assert (await client.get("/v2/models/north-line/ready")).status_code == 200


def check_logs(lines: list[dict[str, Any]], messages: list[str]) -> None:
    """Every line says who speaks, and when in UTC."""
    assert [line["message"] for line in lines] == messages
    for line in lines:
        assert (line["model"], line["version"], line["site"]) == ("north-line", "1.0.0", "north")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


@pytest.mark.parametrize(
    ("settings", "code", "sentence"),
    [
        ({"digest": "0" * 64}, 3, "wrong digest"),
        ({"version": "1.0.1"}, 3, "the bundle's card states version 1.0.0, but 1.0.1 was asked for"),
        ({"asset_kind": "Silo"}, 3, "the bundle's card states asset kind PipelineWeld, but Silo was asked for"),
        ({"jitter": "soon"}, 2, "--jitter=soon: 'soon' is not a duration"),
        ({"listen_address": "192.0.2.1"}, 1, "cannot listen on 192.0.2.1 port 0: "),
    ],
)
async def test_a_predictor_that_cannot_serve_ends_with_a_sentence_where_kubernetes_reads_it(
    tmp_path: Path, small_bundle: PackedBundle, settings: dict[str, str], code: int, sentence: str
) -> None:
    async with predictor(tmp_path, small_bundle, **settings) as process:
        assert await process.exit_code() == code
        assert process.termination_log.read_text().startswith(sentence)
        assert [line["message"] for line in process.log_lines()] == [process.termination_log.read_text()]


async def test_an_altered_bundle_is_refused(tmp_path: Path) -> None:
    bundle = pack_bundle(tmp_path / "bundle", features=FEATURES)
    estimator = bytearray((bundle.folder / ESTIMATOR).read_bytes())
    estimator[len(estimator) // 2] ^= 1
    (bundle.folder / ESTIMATOR).write_bytes(estimator)
    async with predictor(tmp_path, bundle) as process:
        assert await process.exit_code() == 3
        assert process.termination_log.read_text().startswith(f"{ESTIMATOR} was altered")


async def test_an_estimator_that_cannot_be_loaded_is_refused_before_the_predictor_is_ready(tmp_path: Path) -> None:
    bundle = pack_bundle(tmp_path / "bundle", features=FEATURES)
    contents = {CARD: (bundle.folder / CARD).read_bytes(), ESTIMATOR: b"cos\nsystem\n(S'true'\ntR."}
    manifest = Manifest.of(contents).to_bytes()
    for name, content in {**contents, MANIFEST: manifest}.items():
        (bundle.folder / name).write_bytes(content)
    async with predictor(tmp_path, bundle, digest=sha256(manifest)) as process:
        assert await process.exit_code() == 3
        sentence = process.termination_log.read_text()
        assert ESTIMATOR in sentence
        assert [line["message"] for line in process.log_lines()] == ["listening", sentence]


async def test_an_interruption_under_load_loses_no_request(tmp_path: Path, bundle: PackedBundle) -> None:
    """Clients go on until they see that readiness is false, as gateways do."""
    body = binary_body(readings(100, bundle.features, sampled_at=now()))
    async with predictor(tmp_path, bundle, drain="2s") as process:
        await process.logged("ready")
        under_load, unready = asyncio.Event(), asyncio.Event()
        answered: list[int] = []

        async def send_until_unready() -> None:
            async with httpx.AsyncClient(base_url=await process.address(), timeout=60) as client:
                while not unready.is_set():
                    answered.append((await infer(client, body)).status_code)
                    if len(answered) == 50:
                        under_load.set()

        async def interrupt_and_watch_readiness() -> None:
            await under_load.wait()
            process.interrupt()
            async with httpx.AsyncClient(base_url=await process.address(), timeout=60) as client:
                for _ in range(1000):
                    if (await client.get("/v2/health/ready")).status_code == 503:
                        break
            unready.set()

        await asyncio.gather(*(send_until_unready() for _ in range(8)), interrupt_and_watch_readiness())
        assert await process.exit_code() == 0
        assert len(answered) > 50
        assert set(answered) == {200}


class HalfSentRequest:
    """A request of which the last bytes are still to come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = rest

    @classmethod
    async def send(cls, address: str, body: Body) -> HalfSentRequest:
        content, json_length = body
        head = (
            f"POST {INFER} HTTP/1.1\r\nHost: predictor\r\nContent-Length: {len(content)}\r\n"
            f"Inference-Header-Content-Length: {json_length}\r\n\r\n"
        )
        url = urlsplit(address)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(head.encode() + content[:-10])
        await writer.drain()
        return cls(reader, writer, content[-10:])

    async def finish(self) -> bytes:
        """The whole response, to the end of the connection."""
        self._writer.write(self._rest)
        response = await self._reader.read()
        await self.abandon()
        return response

    async def abandon(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()


async def refuses_connections(address: str) -> bool:
    url = urlsplit(address)
    try:
        _, writer = await asyncio.open_connection(url.hostname, url.port)
    except OSError:
        return True
    writer.close()
    await writer.wait_closed()
    return False


async def test_a_request_that_arrived_before_the_interruption_is_answered_even_after_the_doors_are_closed(
    tmp_path: Path, bundle: PackedBundle
) -> None:
    async with predictor(tmp_path, bundle, drain="200ms", finish_within="30s") as process:
        await process.logged("ready")
        address = await process.address()
        request = await HalfSentRequest.send(address, binary_body(readings(3, bundle.features)))
        process.interrupt()
        for _ in range(500):
            if await refuses_connections(address):
                break
            await asyncio.sleep(0.02)
        assert await refuses_connections(address)
        response = await request.finish()
        assert response.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in response
        assert await process.exit_code() == 0


async def test_a_request_that_never_ends_holds_the_predictor_no_longer_than_allowed(
    tmp_path: Path, bundle: PackedBundle
) -> None:
    async with predictor(tmp_path, bundle, drain="0s", finish_within="500ms") as process:
        await process.logged("ready")
        request = await HalfSentRequest.send(await process.address(), binary_body(readings(3, bundle.features)))
        process.interrupt()
        assert await process.exit_code() == 0
        await request.abandon()


async def test_a_second_interruption_ends_the_drain(tmp_path: Path, small_bundle: PackedBundle) -> None:
    async with predictor(tmp_path, small_bundle, drain="10m") as process:
        await process.logged("ready")
        process.interrupt()
        await process.logged("interrupted")
        async with httpx.AsyncClient(base_url=await process.address()) as client:
            response = await client.get("/v2/health/ready")
            assert (response.status_code, response.headers["connection"]) == (503, "close")
            assert (await client.get("/v2/health/live")).status_code == 200
        process.interrupt()
        assert await process.exit_code() == 0
        check_logs(process.log_lines(), ["listening", "ready", "interrupted", "interrupted", "ended"])


async def test_an_interruption_while_loading_ends_without_a_drain(tmp_path: Path, bundle: PackedBundle) -> None:
    async with predictor(tmp_path, bundle, drain="10m") as process:
        await process.logged("listening")
        process.interrupt()
        assert await process.exit_code() == 0
        assert "ready" not in [line["message"] for line in process.log_lines()]
