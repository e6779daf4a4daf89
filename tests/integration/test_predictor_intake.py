"""A real predictor process remembers its sensors: what came before is answered again, what is late is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import orjson
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from numpy.typing import NDArray

from tests.integration.predictor_process import PackedBundle, one_thread, pack_bundle, predictor, ready_client
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import binary_body, json_body, numbered, readings
from weld_predictor.__main__ import EXIT_WRONG_ARGUMENTS
from weld_predictor.intake.flags import Flag
from weld_predictor.intake.readings import Readings

FEATURES = 4
INFER = "/v2/models/north-line/infer"
LABELS = 'model="north-line",region="",site="north",version="1.0.0"'
Outputs = dict[str, list[float]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "weld", features=FEATURES)


@pytest.fixture
async def client(tmp_path: Path, bundle: PackedBundle) -> AsyncIterator[httpx.AsyncClient]:
    async with ready_client(tmp_path, bundle, jitter="10m") as client:
        yield client


def at(given: Readings, sampled_at: int) -> Readings:
    return Readings(given.features, given.sensor_id, np.full(len(given), sampled_at))


def now() -> int:
    return time.time_ns() // 1_000_000


async def ask(client: httpx.AsyncClient, given: Readings, *, binary: bool = True) -> Outputs:
    content, length = binary_body(given) if binary else json_body(given)
    headers = {} if length is None else {"Inference-Header-Content-Length": length}
    response = await client.post(INFER, content=content, headers=headers)
    assert response.status_code == 200, response.text
    return {output["name"]: output["data"] for output in response.json()["outputs"]}


def in_process(bundle: PackedBundle, features: NDArray[np.float32]) -> list[float]:
    with one_thread():
        risk: list[float] = bundle.estimator.predict_proba(features)[:, 1].astype(np.float32).tolist()
    return risk


def risks(outputs: Outputs) -> list[float]:
    values: list[float] = np.array(outputs["risk"], np.float32).tolist()
    return values


async def metric(client: httpx.AsyncClient, name: str) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    [value] = [line.split()[-1] for line in lines if line.startswith(f"weldserve_{name}{{{LABELS}")]
    return float(value)


@pytest.mark.parametrize("binary", [True, False])
async def test_what_came_before_gets_its_first_answer_again(client: httpx.AsyncClient, binary: bool) -> None:
    first, other, sampled_at = readings(20, FEATURES), readings(20, FEATURES), now()
    other.features[:] *= -1
    answer = await ask(client, at(first, sampled_at))
    assert await ask(client, at(other, sampled_at), binary=binary) == answer
    assert await ask(client, numbered(at(other, sampled_at)), binary=binary) != answer
    assert await metric(client, "repeated_readings_total") == 20
    assert await metric(client, "remembered_sensors") == 40
    assert await metric(client, "readings_total") == 60
    assert await metric(client, "risk_count") == 40
    assert await metric(client, "delivery_delay_seconds_count") == 60


async def test_over_grpc_it_is_the_same_answer_too(tmp_path: Path, bundle: PackedBundle) -> None:
    first, other, sampled_at = readings(5, FEATURES), readings(5, FEATURES), now()
    other.features[:] *= -1
    async with predictor(tmp_path, bundle, grpc_port=0, jitter="10m") as process:
        await process.logged("ready")
        async with (
            grpc.aio.insecure_channel(await process.grpc_address()) as channel,
            httpx.AsyncClient(base_url=await process.address()) as client,
        ):
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            answers = [
                pb.ModelInferResponse.FromString(await infer(message(at(each, sampled_at)).SerializeToString()))
                for each in (first, other)
            ]
            assert answers[0].raw_output_contents == answers[1].raw_output_contents
            over_rest = await ask(client, at(other, sampled_at))
    assert np.frombuffer(answers[0].raw_output_contents[0], "<f4").tolist() == risks(over_rest)


async def test_a_reading_older_than_what_was_answered_is_flagged_late(
    client: httpx.AsyncClient, bundle: PackedBundle
) -> None:
    given, sampled_at = readings(5, FEATURES), now()
    assert (await ask(client, at(given, sampled_at)))["flags"] == [0] * 5
    older = await ask(client, at(given, sampled_at - 100))
    assert older["flags"] == [Flag.LATE] * 5
    assert risks(older) == in_process(bundle, given.features)
    assert await metric(client, "disordered_readings_total") == 5


async def test_where_late_readings_are_rejected_they_are_not_scored(tmp_path: Path, bundle: PackedBundle) -> None:
    given, sampled_at = readings(5, FEATURES), now()
    async with ready_client(tmp_path, bundle, jitter="10m", late="Reject", lateness="1h") as client:
        await ask(client, at(given, sampled_at))
        for late in (sampled_at - 100, sampled_at - 3_700_000):
            answer = await ask(client, at(given, late))
            assert answer["flags"] == [Flag.LATE | Flag.NOT_SCORED] * 5
            assert answer["decision"] == [1] * 5


async def test_between_changes_answers_are_carried(tmp_path: Path, bundle: PackedBundle) -> None:
    given, sampled_at = readings(5, FEATURES), now()
    given.features[:, 1] = 0.5
    settings = {"sampling": "OnChange", "on_change": "echo_1:0.25,echo_3:2", "longest_silence": "3s", "jitter": "10m"}
    async with ready_client(tmp_path, bundle, **settings) as client:
        answer = await ask(client, at(given, sampled_at))
        given.features[:, 0] *= -1
        given.features[0, 1] = 0.125
        given.features[1:, 1] = 0.75
        carried = await ask(client, at(given, sampled_at + 100))
        assert carried["flags"] == [0, *[Flag.CARRIED] * 4]
        assert risks(carried) == [*in_process(bundle, given.features[:1]), *risks(answer)[1:]]
        silent = await ask(client, at(given, sampled_at + 3_000))
        assert silent["flags"] == [Flag.CARRIED, *[0] * 4]
        assert await metric(client, "carried_readings_total") == 5
        properties = (await client.get("/v2/models/north-line")).json()["properties"]
        assert properties["sampling"] == (
            "OnChange: of echo_1 by more than 0.25 1, echo_3 by more than 2 1, at least once in 3 s"
        )


async def test_of_every_nth_reading_the_others_have_its_answer(tmp_path: Path, bundle: PackedBundle) -> None:
    given = readings(12, FEATURES)
    ticks = Readings(given.features, np.zeros(12, np.int64), now() + np.arange(12))
    async with ready_client(tmp_path, bundle, sampling="EveryNth", every_nth=4, jitter="10m", max_readings=5) as client:
        answer = await ask(client, ticks)
    assert answer["flags"] == [0, *[Flag.CARRIED] * 3] * 3
    assert risks(answer) == np.repeat(in_process(bundle, given.features)[::4], 4).tolist()


async def test_a_restart_loses_what_was_remembered_and_no_answer(tmp_path: Path, bundle: PackedBundle) -> None:
    given, sampled_at = readings(5, FEATURES), now()
    answers: list[Any] = []
    for folder in (tmp_path / "before", tmp_path / "after"):
        folder.mkdir()
        async with ready_client(folder, bundle, jitter="10m") as client:
            answers.append(await ask(client, at(given, sampled_at)))
            assert await metric(client, "repeated_readings_total") == 0
    assert answers[0] == answers[1]


async def test_readings_of_nobody_are_each_scored(client: httpx.AsyncClient, bundle: PackedBundle) -> None:
    given = readings(10, FEATURES)
    for instances in (
        given.features.tolist(),
        [{"features": row, "sensor_id": "weld-7"} for row in given.features.tolist()],
    ):
        response = await client.post("/v1/models/north-line:predict", content=orjson.dumps({"instances": instances}))
        found = [prediction["risk"] for prediction in response.json()["predictions"]]
        assert np.array(found, np.float32).tolist() == in_process(bundle, given.features)
    assert await metric(client, "remembered_sensors") == 0


async def test_a_feature_that_the_bundle_does_not_have_is_refused_at_the_start(
    tmp_path: Path, bundle: PackedBundle
) -> None:
    async with predictor(tmp_path, bundle, sampling="OnChange", on_change="gate:1") as process:
        assert await process.exit_code() == EXIT_WRONG_ARGUMENTS
        sentence = (
            "--on-change=gate:1: gate is not an input of the bundle's card, "
            "expected one of echo_0, echo_1, echo_2, echo_3"
        )
        assert process.termination_log.read_text() == sentence
