"""A real predictor answers over gRPC as it does over REST."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from grpc import aio
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from tests.integration.predictor_process import PackedBundle, PredictorProcess, one_thread, pack_bundle, predictor
from tests.unit.predictor.messages import MALFORMED, message
from tests.unit.predictor.requests import readings
from weld_predictor.intake.flags import Flag

FEATURES = 3
MOST = 10
INFER = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "small", features=FEATURES)


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[PredictorProcess]:
    folder = tmp_path_factory.mktemp("grpc-predictor")
    async with predictor(folder, bundle, queue_readings=MOST, max_readings=MOST, grpc_port=0) as process:
        await process.logged("ready")
        yield process


@pytest.fixture(scope="module")
async def channel(process: PredictorProcess) -> AsyncIterator[aio.Channel]:
    async with aio.insecure_channel(await process.grpc_address()) as channel:
        yield channel


def now() -> int:
    return time.time_ns() // 1_000_000


async def fault(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details()


@pytest.mark.parametrize("raw", [True, False])
async def test_readings_are_scored_and_answered_in_the_form_they_came_in(
    channel: aio.Channel, bundle: PackedBundle, raw: bool
) -> None:
    sent = readings(5, FEATURES, sampled_at=now())
    sent.features[2, 0] = np.nan
    request = message(sent, raw=raw, id="tick-7", outputs=[{"name": "risk"}, {"name": "flags"}])
    answer = await GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert (answer.model_name, answer.model_version, answer.id) == ("north-line", "1.0.0", "tick-7")
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in answer.outputs] == [
        ("risk", "FP32", [5]),
        ("flags", "UINT32", [5]),
    ]
    if raw:
        risk, flags = (
            np.frombuffer(answer.raw_output_contents[index], dtype) for index, dtype in ((0, "<f4"), (1, "<u4"))
        )
    else:
        assert not answer.raw_output_contents
        risk = np.array(answer.outputs[0].contents.fp32_contents, np.float32)
        flags = np.array(answer.outputs[1].contents.uint_contents, np.uint32)
    sound = np.arange(5) != 2
    with one_thread():
        expected = bundle.estimator.predict_proba(sent.features[sound])[:, 1].astype(np.float32)
    np.testing.assert_array_equal(risk[sound], expected)
    assert flags[2] & ~np.uint32(Flag.LATE) == Flag.NOT_FINITE | Flag.NOT_SCORED


async def test_malformed_requests_are_invalid_arguments_with_a_sentence_each_and_no_traceback(
    channel: aio.Channel, process: PredictorProcess
) -> None:
    infer = channel.unary_unary(INFER)
    for case, (serialized, sentence) in MALFORMED.items():
        assert await fault(infer(serialized)) == (grpc.StatusCode.INVALID_ARGUMENT, sentence), case
    assert [line["message"] for line in process.log_lines()] == ["listening", "ready"]


async def test_models_and_versions_that_are_not_served_are_not_found(channel: aio.Channel) -> None:
    stub = GRPCInferenceServiceStub(channel)
    missing = (grpc.StatusCode.NOT_FOUND, "Model with name south-line does not exist.")
    assert await fault(stub.ModelReady(pb.ModelReadyRequest(name="south-line"))) == missing
    assert await fault(stub.ModelMetadata(pb.ModelMetadataRequest(name="south-line"))) == missing
    assert await fault(stub.ModelInfer(pb.ModelInferRequest(model_name="south-line"))) == missing
    other = pb.ModelInferRequest(model_name="north-line", model_version="2.0.0")
    assert await fault(stub.ModelInfer(other)) == (
        grpc.StatusCode.NOT_FOUND,
        "Model with name north-line has no version 2.0.0 here, it has 1.0.0.",
    )


async def test_what_cannot_be_read_as_a_message_is_an_invalid_argument(channel: aio.Channel) -> None:
    for method in ("ModelInfer", "ModelReady", "ModelMetadata"):
        code, sentence = await fault(channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(b"\xff" * 9))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert sentence == f"the 9 bytes of the request cannot be read, expected a {method}Request"


async def test_metadata_and_health(channel: aio.Channel) -> None:
    stub = GRPCInferenceServiceStub(channel)
    assert (await stub.ServerLive(pb.ServerLiveRequest())).live
    assert (await stub.ServerReady(pb.ServerReadyRequest())).ready
    assert (await stub.ModelReady(pb.ModelReadyRequest(name="north-line", version="1.0.0"))).ready
    server = await stub.ServerMetadata(pb.ServerMetadataRequest())
    assert (server.name, list(server.extensions)) == ("weldserve", ["binary_tensor_data"])
    model = await stub.ModelMetadata(pb.ModelMetadataRequest(name="north-line"))
    assert (model.name, list(model.versions)) == ("north-line", ["1.0.0"])
    assert [(tensor.name, list(tensor.shape)) for tensor in model.inputs] == [
        ("features", [-1, 3]),
        ("sensor_id", [-1]),
        ("sampled_at", [-1]),
    ]


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_a_message_that_is_too_long_is_refused(channel: aio.Channel, compression: grpc.Compression) -> None:
    request = pb.ModelInferRequest(model_name="north-line", raw_input_contents=[bytes(50_000_000)])
    code, sentence = await fault(GRPCInferenceServiceStub(channel).ModelInfer(request, compression=compression))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in sentence


async def test_requests_are_counted_by_protocol(channel: aio.Channel, process: PredictorProcess) -> None:
    await GRPCInferenceServiceStub(channel).ModelInfer(message(readings(1, FEATURES, sampled_at=now())))
    async with httpx.AsyncClient(base_url=await process.address()) as client:
        metrics = (await client.get("/metrics")).text
    assert 'weldserve_requests_total{model="north-line",protocol="grpc",region="",site="north",status="OK"' in metrics


async def test_an_interruption_under_load_loses_no_request(tmp_path: Path, bundle: PackedBundle) -> None:
    """Clients go on until they see that readiness is false, as gateways do."""
    request = message(readings(3, FEATURES, sampled_at=now()))
    answered: list[int] = []
    async with predictor(tmp_path, bundle, grpc_port=0, drain="2s") as process:
        await process.logged("ready")
        under_load, unready = asyncio.Event(), asyncio.Event()

        async def send_until_unready() -> None:
            async with aio.insecure_channel(await process.grpc_address()) as channel:
                stub = GRPCInferenceServiceStub(channel)
                while not unready.is_set():
                    answered.append(len((await stub.ModelInfer(request)).outputs))
                    if len(answered) == 50:
                        under_load.set()

        async def interrupt_and_watch_readiness() -> None:
            await under_load.wait()
            process.interrupt()
            async with aio.insecure_channel(await process.grpc_address()) as channel:
                stub = GRPCInferenceServiceStub(channel)
                for _ in range(1000):
                    if not (await stub.ServerReady(pb.ServerReadyRequest())).ready:
                        break
            unready.set()

        await asyncio.gather(*(send_until_unready() for _ in range(8)), interrupt_and_watch_readiness())
        assert await process.exit_code() == 0
    assert set(answered) == {3}


async def test_a_port_that_is_taken_is_said_in_one_sentence(
    tmp_path: Path, bundle: PackedBundle, process: PredictorProcess
) -> None:
    taken = (await process.grpc_address()).rpartition(":")[2]
    async with predictor(tmp_path, bundle, grpc_port=taken) as second:
        assert await second.exit_code() == 1
        assert second.termination_log.read_text() == f"cannot listen on 127.0.0.1 port {taken} for gRPC"
