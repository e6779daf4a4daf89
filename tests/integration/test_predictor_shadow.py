"""Real predictors: one answers, the other is its candidate; and candidates that do what they should not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.predictor_process import PackedBundle, PredictorProcess, one_thread, pack_weld_bundle, predictor
from tests.sandbox.waiting import wait_for
from tests.unit.predictor.ascans import ascans
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import text_bytes, with_binary
from tests.unit.predictor.shadow.peer import Peer, Say, peer, response
from weld_api import metric_names
from weld_api.shadow import SHADOW_FILE, ShadowOrder
from weld_predictor.intake.readings import Readings
from weld_simulator.features import extract

INFER = "/v2/models/north-line/infer"
PATIENCE = 30
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Bundles:
    """1.0.0 hears only; 2.0.0 is told pressure and temperature besides."""

    stable: PackedBundle
    candidate: PackedBundle


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    folder = tmp_path_factory.mktemp("bundles")
    return Bundles(
        pack_weld_bundle(folder / "stable", context=False),
        pack_weld_bundle(folder / "candidate", version="2.0.0"),
    )


class Trial:
    """A predictor that answers, and the file that tells it whom to shadow."""

    def __init__(self, folder: Path, bundles: Bundles, process: PredictorProcess, client: httpx.AsyncClient) -> None:
        self._file = folder / SHADOW_FILE
        self._fresh = folder / "fresh"
        self.bundles = bundles
        self.process = process
        self.client = client

    def order(self, *addresses: str, digest: str = "", share: int = 100) -> None:
        """As the operator does, by way of a kubelet."""
        digest = digest or self.bundles.candidate.digest
        given = ShadowOrder(digest=digest, version="2.0.0", share=share, addresses=addresses)
        self._fresh.write_text(given.model_dump_json())
        self._fresh.replace(self._file)

    async def ordered(self, *addresses: str, **settings: Any) -> None:
        """And wait until it is heeded."""
        self.order(*addresses, **settings)
        await self.process.logged("shadowed")

    def end_order(self) -> None:
        self._file.unlink()

    async def metrics(self, client: httpx.AsyncClient | None = None) -> dict[tuple[str, str], float]:
        """Values by name and by the label that tells them apart; of the predictor that answers, or of another."""
        text = (await (client or self.client).get("/metrics")).text
        found: dict[tuple[str, str], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = sample.labels
                label = next((labels[each] for each in ("result", "reason", "input", "protocol") if each in labels), "")
                found[sample.name, label] = sample.value
        return found

    async def wait_until(self, holds: Callable[[dict[tuple[str, str], float]], bool], what: str) -> Any:
        return await wait_for(self.metrics, holds, seconds=PATIENCE, what=what)

    async def compared(self, readings: int) -> dict[tuple[str, str], float]:
        """Once so many are."""
        found: dict[tuple[str, str], float] = await self.wait_until(
            lambda metrics: compared_of(metrics) >= readings, f"{readings} compared readings"
        )
        assert compared_of(found) == readings
        return found

    async def lost(self, reason: str, at_least: int = 1) -> None:
        await self.wait_until(
            lambda metrics: metrics.get((metric_names.SHADOW_LOST, reason), 0) >= at_least, f"readings lost as {reason}"
        )

    async def ask(self, content: bytes, length: str | None = None, path: str = INFER) -> Any:
        headers = {} if length is None else {"Inference-Header-Content-Length": length}
        answer = await self.client.post(path, content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def compared_of(metrics: dict[tuple[str, str], float]) -> float:
    return sum(metrics.get((metric_names.SHADOW_READINGS, result), 0) for result in ("agreed", "disagreed"))


@pytest.fixture
async def trial(tmp_path: Path, bundles: Bundles) -> AsyncIterator[Trial]:
    orders, folder = tmp_path / "orders", tmp_path / "stable"
    for each in (orders, folder):
        each.mkdir()
    async with predictor(folder, bundles.stable, shadow_folder=orders, grpc_port=0, jitter="10m") as process:
        await process.logged("ready")
        async with httpx.AsyncClient(base_url=await process.address(), timeout=PATIENCE) as client:
            yield Trial(orders, bundles, process, client)


@asynccontextmanager
async def candidate_of(trial: Trial, folder: Path) -> AsyncIterator[tuple[PredictorProcess, httpx.AsyncClient, str]]:
    """A second predictor, a client of it, and its address as an order has it."""
    await asyncio.to_thread(folder.mkdir)
    async with predictor(folder, trial.bundles.candidate, version="2.0.0", jitter="1ms") as process:
        await process.logged("ready")
        url = await process.address()
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            yield process, client, url.removeprefix("http://")


class Given:
    """Readings of distinct sensors, with the risks that each model gives them."""

    def __init__(self, bundles: Bundles, count: int, seed: int = 0) -> None:
        source = np.random.default_rng(seed)
        self.waves = ascans(count, seed=seed)
        self.features = extract(self.waves)
        self.context = source.uniform(0, 10, (2, count)).astype(np.float32)
        self.context[0, ::3] = np.nan
        self.names = [f"sensor-{seed}-{number}".encode() for number in range(count)]
        self.sampled_at = np.full(count, time.time_ns() // 1_000_000)
        self.stable = risk_of(bundles.stable, self.features)
        self.candidate = risk_of(bundles.candidate, np.hstack([self.features, self.context.T]))
        self.without_context = risk_of(
            bundles.candidate, np.hstack([self.features, np.full((count, 2), np.nan, np.float32)])
        )

    def __len__(self) -> int:
        return len(self.names)

    def body(self, *, waves: bool = False, context: bool = True) -> tuple[bytes, str | None]:
        count = len(self)
        measured = self.waves if waves else self.features
        name, datatype = ("ascans", "INT16") if waves else ("features", "FP32")
        plant = zip(("pressure", "temperature"), self.context, strict=True) if context else ()
        return with_binary(
            [
                (name, datatype, measured.shape, measured.tobytes()),
                ("sensor_id", "BYTES", [count], text_bytes(self.names)),
                ("sampled_at", "INT64", [count], self.sampled_at.tobytes()),
                *((each, "FP32", [count], values.tobytes()) for each, values in plant),
            ]
        )


def risk_of(bundle: PackedBundle, rows: Floats) -> Floats:
    with one_thread():
        risk: Floats = bundle.estimator.predict_proba(rows)[:, 1].astype(np.float32)
    return risk


def check_found(metrics: dict[tuple[str, str], float], stable: Floats, candidate: Floats) -> None:
    shift = candidate.astype(np.float64) - stable
    alike = (stable >= 0.5) == (candidate >= 0.5)
    assert metrics[metric_names.SHADOW_READINGS, "agreed"] == np.count_nonzero(alike)
    assert metrics[metric_names.SHADOW_READINGS, "disagreed"] == np.count_nonzero(~alike)
    assert metrics[metric_names.SHADOW_RISK_RISE, ""] == pytest.approx(shift[shift > 0].sum(), abs=1e-4)
    assert metrics[metric_names.SHADOW_RISK_FALL, ""] == pytest.approx(-shift[shift < 0].sum(), abs=1e-4)
    assert metrics[metric_names.SHADOW_RISK_SQUARES, ""] == pytest.approx((shift**2).sum(), abs=1e-4)


async def test_two_models_are_compared_reading_by_reading(trial: Trial, tmp_path: Path) -> None:
    given = Given(trial.bundles, 200)
    async with candidate_of(trial, tmp_path / "candidate") as (_, other, address):
        await trial.ordered(address)
        answer = await trial.ask(*given.body())
        assert np.array(answer["outputs"][0]["data"], np.float32).tolist() == given.stable.tolist()
        metrics = await trial.compared(200)
        check_found(metrics, given.stable, given.candidate)
        assert 0 < metrics[metric_names.SHADOW_READINGS, "disagreed"] < 200
        came = {name: metrics[metric_names.SHADOW_INPUTS, name] for name in ("wall_level", "pressure", "temperature")}
        assert came == {
            "wall_level": 200,
            "pressure": np.count_nonzero(~np.isnan(given.context[0])),
            "temperature": 200,
        }
        assert metrics[f"{metric_names.SHADOW_SECONDS}_count", ""] > 0
        theirs = await trial.metrics(other)
        assert theirs["weldserve_readings_total", ""] == 200
        assert theirs[metric_names.REQUESTS, "shadow"] > 0, "gates read them while it is in the shadow"
        assert (metric_names.REQUESTS, "rest") not in theirs, "and no more once sensors ask it"
        assert theirs["weldserve_request_seconds_count", "shadow"] > 0
        assert theirs["weldserve_request_seconds_count", "rest"] == 0
        assert theirs["weldserve_remembered_sensors", ""] == 0
        assert theirs["weldserve_delivery_delay_seconds_count", ""] == 0


async def test_in_whatever_form_readings_come_they_are_compared(trial: Trial, tmp_path: Path) -> None:
    given = [Given(trial.bundles, 20, seed) for seed in range(4)]
    async with candidate_of(trial, tmp_path / "candidate") as (_, __, address):
        await trial.ordered(address)
        await trial.ask(*given[0].body(waves=True))
        tensors = [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": given[1].features.shape,
                "data": given[1].features.ravel(),
            },
            {
                "name": "sensor_id",
                "datatype": "BYTES",
                "shape": [20],
                "data": [name.decode() for name in given[1].names],
            },
            {"name": "sampled_at", "datatype": "INT64", "shape": [20], "data": given[1].sampled_at},
            {"name": "pressure", "datatype": "FP32", "shape": [20], "data": given[1].context[0]},
            {"name": "temperature", "datatype": "FP32", "shape": [20], "data": given[1].context[1]},
        ]
        await trial.ask(orjson.dumps({"inputs": tensors}, option=orjson.OPT_SERIALIZE_NUMPY))
        async with grpc.aio.insecure_channel(await trial.process.grpc_address()) as channel:
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            names = np.array(given[2].names, np.bytes_)
            readings = Readings(given[2].features, names, given[2].sampled_at)
            await infer(message(readings).SerializeToString())
        await trial.ask(orjson.dumps({"instances": given[3].features.tolist()}), path="/v1/models/north-line:predict")
        metrics = await trial.compared(80)
    candidates = [given[0].candidate, given[1].candidate, given[2].without_context, given[3].without_context]
    check_found(metrics, np.concatenate([each.stable for each in given]), np.concatenate(candidates))


async def test_only_what_was_scored_afresh_is_compared(trial: Trial, tmp_path: Path) -> None:
    given, other = Given(trial.bundles, 20), Given(trial.bundles, 10, seed=1)
    async with candidate_of(trial, tmp_path / "candidate") as (_, client, address):
        await trial.ordered(address)
        await trial.ask(*given.body())
        await trial.compared(20)
        await trial.ask(*given.body())  # sent again by a client that did not hear the answer
        await trial.ask(*other.body())
        metrics = await trial.compared(30)
        assert sum(value for (name, _), value in metrics.items() if name == metric_names.SHADOW_LOST) == 0
        # The candidate's own clients are not answered by what it was forwarded.
        content, length = other.body(context=False)
        answer = await client.post(INFER, content=content, headers={"Inference-Header-Content-Length": str(length)})
        assert np.array(answer.json()["outputs"][0]["data"], np.float32).tolist() == other.without_context.tolist()


async def test_orders_come_and_go_without_a_restart(trial: Trial, tmp_path: Path) -> None:
    seeds = iter(range(1000))
    async with candidate_of(trial, tmp_path / "candidate") as (_, __, address):
        await trial.ask(*Given(trial.bundles, 5, next(seeds)).body())
        trial.order(address, digest="f0" * 32)

        async def ask() -> None:
            await trial.ask(*Given(trial.bundles, 5, next(seeds)).body())

        await trial.process.logged("shadowed")
        await ask()
        await trial.lost("unreachable", 5)
        line = await trial.process.logged("the candidate gave no answer")
        assert line["reason"] == f"it serves '{trial.bundles.candidate.digest}', not {'f0' * 32}"
        assert compared_of(await trial.metrics()) == 0
        trial.order(address)
        await wait_for(
            lambda: _after(ask, trial.metrics),
            lambda found: compared_of(found) > 0,
            seconds=PATIENCE,
            what="comparison",
        )
        trial.end_order()
        await trial.process.logged("nothing is shadowed any more")
        before = compared_of(await trial.metrics())
        await ask()
        assert compared_of(await trial.metrics()) == before


async def _after(first: Callable[[], Any], then: Callable[[], Any]) -> Any:
    await first()
    return await then()


async def test_an_order_that_cannot_be_read_is_told_and_shadows_nothing(trial: Trial) -> None:
    trial._file.write_text('{"digest": "short"}')
    line = await trial.process.logged("nothing is shadowed")
    assert line["reason"].startswith("digest: String should match pattern")
    await trial.ask(*Given(trial.bundles, 5).body())


def says(data: bytes) -> Say:
    return lambda connection, _: connection.sendall(data)


def drips(connection: socket.socket, _: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        while True:
            connection.sendall(b".")
            time.sleep(0.05)


def never_ends(connection: socket.socket, _: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


HOSTILE: dict[str, tuple[Say, str]] = {
    "says nothing": (lambda *_: None, "slow"),
    "drips": (drips, "slow"),
    "never ends": (never_ends, "unpaired"),
    "fails": (says(response(b"oh", "500 Internal Server Error")), "refused"),
    "is full": (says(response(b"full", "429 Too Many Requests")), "refused"),
    "speaks another language": (says(b"\x16\x03\x01" * 100 + b"\r\n\r\n"), "unpaired"),
    "answers nothing": (says(response(b"", inference_header_content_length=0)), "unpaired"),
    "closes": (lambda connection, _: connection.shutdown(socket.SHUT_RDWR), "unreachable"),
}


@pytest.mark.parametrize("manner", HOSTILE)
async def test_whatever_a_candidate_does_clients_are_answered(trial: Trial, manner: str) -> None:
    say, reason = HOSTILE[manner]
    with peer(trial.bundles.candidate.digest, say) as other:
        await trial.ordered(_text(other))
        offered = 0
        for seed in range(20):
            given = Given(trial.bundles, 10, seed)
            offered += len(given)
            answer = await trial.ask(*given.body())
            assert np.array(answer["outputs"][0]["data"], np.float32).tolist() == given.stable.tolist()
        await trial.lost(reason)
    # Nobody listens there any more: what is left is lost for that, or when the order goes.
    trial.end_order()
    found = await trial.wait_until(
        lambda metrics: sum(v for (name, _), v in metrics.items() if name == metric_names.SHADOW_LOST) == offered,
        "all readings lost",
    )
    assert compared_of(found) == 0
    assert (await trial.client.get("/v2/health/ready")).status_code == 200


def _text(other: Peer) -> str:
    return "{}:{}".format(*other.address)


async def test_a_candidate_that_dies_and_one_that_stands_still_cost_nothing_but_readings(
    trial: Trial, tmp_path: Path
) -> None:
    async with (
        candidate_of(trial, tmp_path / "one") as (dies, _, one),
        candidate_of(trial, tmp_path / "two") as (stands, __, two),
    ):
        await trial.ordered(one, two)
        seeds = iter(range(10_000))

        async def ask() -> None:
            given = Given(trial.bundles, 10, next(seeds))
            answer = await trial.ask(*given.body())
            assert np.array(answer["outputs"][0]["data"], np.float32).tolist() == given.stable.tolist()

        async def until(holds: Callable[[dict[tuple[str, str], float]], bool], what: str) -> None:
            await wait_for(lambda: _after(ask, trial.metrics), holds, seconds=PATIENCE, what=what)

        await until(lambda metrics: compared_of(metrics) >= 40, "comparison with both")
        os.kill(dies.pid, signal.SIGKILL)
        await until(lambda metrics: metrics[metric_names.SHADOW_LOST, "unreachable"] > 0, "the death of one")
        before = compared_of(await trial.metrics())
        await until(lambda metrics: compared_of(metrics) > before, "comparison with the other")
        os.kill(stands.pid, signal.SIGSTOP)
        try:
            await until(lambda metrics: metrics[metric_names.SHADOW_LOST, "slow"] > 0, "the standstill of the other")
        finally:
            os.kill(stands.pid, signal.SIGCONT)
        before = compared_of(await trial.metrics())
        await until(lambda metrics: compared_of(metrics) > before, "comparison after the standstill")


async def test_a_predictor_that_shadows_ends_as_any_other(trial: Trial) -> None:
    with peer(trial.bundles.candidate.digest, lambda *_: None) as other:
        await trial.ordered(_text(other))
        await trial.ask(*Given(trial.bundles, 10).body())
        await wait_for(
            _async(lambda: len(other.requests)), lambda count: count > 0, seconds=PATIENCE, what="a forwarded request"
        )
        trial.process.interrupt()
        trial.process.interrupt()
        async with asyncio.timeout(PATIENCE):
            assert await trial.process.exit_code() == 0


def _async(make: Callable[[], Any]) -> Callable[[], Any]:
    async def made() -> Any:
        return make()

    return made
