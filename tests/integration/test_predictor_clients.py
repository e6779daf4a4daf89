"""The clients that people use score 10,000 readings, and each gets the estimator's own answers, reading by reading."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from numpy.typing import NDArray

from tests.integration.predictor_process import PackedBundle, PredictorProcess, one_thread, pack_bundle, predictor
from tests.unit.predictor.requests import readings
from weld_predictor.intake.readings import Readings

ROOT = Path(__file__).parents[2]
COUNT, FEATURES = 10_000, 24
SECONDS = 120


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "weld", features=FEATURES)


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[PredictorProcess]:
    async with predictor(tmp_path_factory.mktemp("predictor"), bundle, grpc_port=0) as process:
        await process.logged("ready")
        yield process


@pytest.fixture(scope="module")
def sent() -> Readings:
    return readings(COUNT, FEATURES, sampled_at=time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def expected(bundle: PackedBundle, sent: Readings) -> NDArray[np.float32]:
    with one_thread():
        risk: NDArray[np.float32] = bundle.estimator.predict_proba(sent.features)[:, 1].astype(np.float32)
    return risk


def request(sent: Readings, *, binary_in: bool, binary_out: bool) -> Any:
    inputs = []
    for name, datatype, values in (
        ("features", "FP32", sent.features),
        ("sensor_id", "BYTES", sent.sensor_id.astype(np.object_)),
        ("sampled_at", "INT64", sent.sampled_at),
    ):
        inputs.append(InferInput(name, list(values.shape), datatype))
        inputs[-1].set_data_from_numpy(values, binary_data=binary_in)
    return InferRequest("north-line", inputs, request_id="tick-7", parameters={"binary_data_output": binary_out})


def risk(response: Any) -> NDArray[Any]:
    assert response.id == "tick-7"
    [tensor] = [output for output in response.outputs if output.name == "risk"]
    values: NDArray[Any] = tensor.as_numpy()
    return values.astype(np.float32)


@pytest.mark.parametrize("binary_in", [False, True])
@pytest.mark.parametrize("binary_out", [False, True])
async def test_kserves_rest_client(
    process: PredictorProcess, sent: Readings, expected: NDArray[np.float32], binary_in: bool, binary_out: bool
) -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=SECONDS))
    address = await process.address()
    try:
        assert await client.is_server_live(address)
        assert await client.is_server_ready(address)
        assert await client.is_model_ready(address, "north-line")
        asked = request(sent, binary_in=binary_in, binary_out=binary_out)
        response = await client.infer(address, asked, model_name="north-line")
    finally:
        await client.close()
    np.testing.assert_array_equal(risk(response), expected)


@pytest.mark.parametrize("binary_in", [False, True])
@pytest.mark.parametrize("binary_out", [False, True])
async def test_kserves_grpc_client(
    process: PredictorProcess, sent: Readings, expected: NDArray[np.float32], binary_in: bool, binary_out: bool
) -> None:
    async with InferenceGRPCClient(await process.grpc_address(), timeout=SECONDS) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("north-line")
        response = await client.infer(request(sent, binary_in=binary_in, binary_out=binary_out))
    np.testing.assert_array_equal(risk(response), expected)


async def test_tritons_clients(
    tmp_path: Path, process: PredictorProcess, sent: Readings, expected: NDArray[np.float32]
) -> None:
    asked, answered = tmp_path / "readings.npz", tmp_path / "risks.npz"
    np.savez(asked, features=sent.features, sensor_id=sent.sensor_id, sampled_at=sent.sampled_at)
    address = (await process.address()).removeprefix("http://")
    scoring = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.triton_scoring"),
        *(address, await process.grpc_address(), asked, answered),
        cwd=ROOT,
    )
    async with asyncio.timeout(SECONDS):
        assert await scoring.wait() == 0
    risks = np.load(answered)
    assert len(risks) == 8
    for way in risks:
        np.testing.assert_array_equal(risks[way], expected, err_msg=way)
