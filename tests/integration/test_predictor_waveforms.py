"""Waveforms and context, to the answer: as the estimator scores what training would have seen, reading by reading."""

from __future__ import annotations

import gzip
import itertools
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.integration.predictor_process import PackedBundle, one_thread, pack_weld_bundle, ready_client
from tests.unit.predictor.ascans import ascans
from tests.unit.predictor.requests import text_bytes, with_binary
from weld_predictor.intake.flags import Flag
from weld_simulator.features import extract

COUNT = 24
WAVES = ascans(COUNT, seed=5)
FEATURES = extract(WAVES)
CONTEXT = np.random.default_rng(1).uniform(0, 10, (COUNT, 2)).astype(np.float32)
ROWS = np.hstack([FEATURES, CONTEXT])
INFER = "/v2/models/north-line/infer"
_SENSORS = itertools.count()
"""No two readings are of one sensor, so that none is answered from memory."""

DAMAGE: dict[str, Callable[[NDArray[np.float32], NDArray[np.float32]], None]] = {
    "a feature is NaN": lambda features, _: features.__setitem__(3, np.nan),
    "a feature is infinite": lambda features, _: features.__setitem__(0, -np.inf),
    "a feature is far out of range": lambda features, _: features.__setitem__(1, 3e38),
    "the pressure is missing": lambda _, context: context.__setitem__(0, np.nan),
    "the temperature is infinite": lambda _, context: context.__setitem__(1, np.inf),
    "the pressure is negative": lambda _, context: context.__setitem__(0, -5),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_weld_bundle(tmp_path_factory.mktemp("bundles") / "weld")


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[httpx.AsyncClient]:
    async with ready_client(tmp_path_factory.mktemp("predictor"), bundle, jitter="10m") as client:
        yield client


@pytest.fixture(scope="module")
async def alone(client: httpx.AsyncClient) -> dict[str, NDArray[Any]]:
    """The answers to the readings, each in a request of its own."""
    each = [
        await answers(client, features=FEATURES[row : row + 1], **context(CONTEXT[row : row + 1]))
        for row in range(COUNT)
    ]
    return {name: np.concatenate([answer[name] for answer in each]) for name in each[0]}


async def answers(client: httpx.AsyncClient, **tensors: NDArray[Any]) -> dict[str, NDArray[Any]]:
    count = len(next(iter(tensors.values())))
    datatypes = {"float32": "FP32", "int16": "INT16"}
    content, length = with_binary(
        [
            *((name, datatypes[str(values.dtype)], values.shape, values.tobytes()) for name, values in tensors.items()),
            ("sensor_id", "BYTES", [count], text_bytes([b"weld-%d" % next(_SENSORS) for _ in range(count)])),
            ("sampled_at", "INT64", [count], np.full(count, time.time_ns() // 1_000_000).tobytes()),
        ]
    )
    response = await client.post(INFER, content=content, headers={"Inference-Header-Content-Length": str(length)})
    assert response.status_code == 200, response.text
    return {output["name"]: np.array(output["data"]) for output in response.json()["outputs"]}


def context(values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {"pressure": values[:, 0], "temperature": values[:, 1]}


def risk_in_process(bundle: PackedBundle, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    with one_thread():
        risk: NDArray[np.float32] = bundle.estimator.predict_proba(rows)[:, 1].astype(np.float32)
    return risk


async def test_waveforms_are_scored_by_the_features_of_training(
    client: httpx.AsyncClient, bundle: PackedBundle
) -> None:
    expected = risk_in_process(bundle, ROWS)
    for measured in ({"ascans": WAVES}, {"features": FEATURES}):
        answer = await answers(client, **measured, **context(CONTEXT))
        np.testing.assert_array_equal(answer["risk"].astype(np.float32), expected)
        assert not answer["flags"].any()


async def test_missing_context_is_scored_with_reserve_where_the_card_says_so(
    client: httpx.AsyncClient, bundle: PackedBundle
) -> None:
    answer = await answers(client, ascans=WAVES)
    rows = np.hstack([FEATURES, np.full((COUNT, 2), np.nan, np.float32)])
    np.testing.assert_array_equal(answer["risk"].astype(np.float32), risk_in_process(bundle, rows))
    assert (answer["flags"] == Flag.MISSING_CONTEXT).all()


@settings(max_examples=30, deadline=None)
@given(damaged=st.dictionaries(st.integers(0, COUNT - 1), st.sampled_from(sorted(DAMAGE)), max_size=COUNT))
async def test_whatever_readings_are_bad_the_others_have_the_answers_that_they_would_have_alone(
    client: httpx.AsyncClient, alone: dict[str, NDArray[Any]], damaged: dict[int, str]
) -> None:
    features, plant = FEATURES.copy(), CONTEXT.copy()
    for index, name in damaged.items():
        DAMAGE[name](features[index], plant[index])
    answer = await answers(client, features=features, **context(plant))
    sound = np.array([index not in damaged for index in range(COUNT)])
    for name, values in alone.items():
        np.testing.assert_array_equal(answer[name][sound], values[sound])
    assert (answer["flags"][~sound] != 0).all()


async def test_protocol_v1_and_compression_change_nothing(client: httpx.AsyncClient, bundle: PackedBundle) -> None:
    instances = [
        {"ascans": wave.tolist(), "pressure": float(pressure), "temperature": float(temperature)}
        for wave, (pressure, temperature) in zip(WAVES, CONTEXT, strict=True)
    ]
    body = orjson.dumps({"instances": instances})
    for content, headers in ((body, {}), (gzip.compress(body), {"content-encoding": "gzip"})):
        response = await client.post("/v1/models/north-line:predict", content=content, headers=headers)
        risk = np.array([prediction["risk"] for prediction in response.json()["predictions"]], np.float32)
        np.testing.assert_array_equal(risk, risk_in_process(bundle, ROWS))
