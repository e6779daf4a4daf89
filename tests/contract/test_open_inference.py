"""Every response is one that the Open Inference Protocol, as published, allows: over REST and over gRPC.

The source of the schemas is in the names of the tests; see `open_inference_schema`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.unknown_fields import UnknownFieldSet
from grpc import aio
from kserve.protocol.grpc import grpc_predict_v2_pb2

from tests.contract.open_inference_schema import GRPC, REST, SOURCE, validator
from tests.integration.predictor_process import PackedBundle, PredictorProcess, pack_bundle, predictor
from tests.unit.predictor.malformed_requests import MALFORMED
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import binary_body, json_body, readings

FEATURES, MOST = 3, 10
INFER = "/v2/models/north-line/infer"

pytestmark = pytest.mark.parametrize("source", [SOURCE])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "weld", features=FEATURES)


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[PredictorProcess]:
    folder = tmp_path_factory.mktemp("predictor")
    async with predictor(folder, bundle, grpc_port=0, queue_readings=MOST, max_readings=MOST) as process:
        await process.logged("ready")
        yield process


@pytest.fixture(scope="module")
async def client(process: PredictorProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=await process.address(), timeout=60, follow_redirects=True) as client:
        yield client


@pytest.fixture(scope="module")
async def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The protocol's messages by name, in a pool of their own: KServe's have the same names."""
    if not GRPC.exists():
        return dict(vars(grpc_predict_v2_pb2))
    compiled = tmp_path_factory.mktemp("messages") / "descriptors"
    compiler = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={GRPC.parent}"),
        *(f"--descriptor_set_out={compiled}", GRPC.name),
    )
    assert await compiler.wait() == 0
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file:
        pool.Add(file)
    service = pool.FindServiceByName("inference.GRPCInferenceService")
    kinds = [kind for method in service.methods for kind in (method.input_type, method.output_type)]
    return {kind.name: message_factory.GetMessageClass(kind) for kind in kinds}


def now() -> int:
    return time.time_ns() // 1_000_000


def check(response: httpx.Response, schema: str) -> None:
    """Validates the JSON of `response`; of a binary answer, its JSON with the values put back."""
    length = response.headers.get("inference-header-content-length")
    answer = orjson.loads(response.content[: int(length)] if length else response.content)
    for output in answer.get("outputs", []):
        if length:
            assert "data" not in output
            output["data"] = [0] * output["shape"][0]
    validator(schema).validate(answer)


async def test_metadata_and_health(client: httpx.AsyncClient, source: str) -> None:
    del source
    check(await client.get("/v2/"), "metadata_server_response")
    for model in ("/v2/models/north-line", "/v2/models/north-line/versions/1.0.0"):
        check(await client.get(model), "metadata_model_response")
        assert (await client.get(f"{model}/ready")).status_code == 200
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
async def test_inference(client: httpx.AsyncClient, source: str, binary_in: bool, binary_out: bool) -> None:
    del source
    make = binary_body if binary_in else json_body
    for outputs in (None, [{"name": "flags"}], [{"name": "risk", "parameters": {"binary_data": binary_out}}]):
        content, length = make(
            readings(5, FEATURES, sampled_at=now()),
            id="tick-7",
            outputs=outputs,
            parameters={"binary_data_output": binary_out},
        )
        headers = {} if length is None else {"Inference-Header-Content-Length": length}
        response = await client.post(INFER, content=content, headers=headers)
        assert response.status_code == 200
        check(response, "inference_response")


async def test_errors(client: httpx.AsyncClient, source: str) -> None:
    del source
    for content, length in (body for body, _ in MALFORMED.values()):
        headers = {} if length is None else {"Inference-Header-Content-Length": length}
        response = await client.post(INFER, content=content, headers=headers)
        assert response.status_code == 400
        check(response, "inference_error_response")
    check(await client.get("/v2/models/south-line"), "metadata_model_error_response")


@pytest.mark.skipif(not REST.exists(), reason="the published protocol is not beside the repository")
async def test_every_published_path_is_served(client: httpx.AsyncClient, source: str) -> None:
    del source
    content, _ = json_body(readings(1, FEATURES))
    for path, methods in yaml.safe_load(REST.read_text())["paths"].items():
        place = path.replace("${MODEL_NAME}", "north-line").replace("${MODEL_VERSION}", "1.0.0")
        for method in {"get", "post"} & set(methods):
            response = await client.request(method, place, content=content if method == "post" else None)
            assert response.status_code == 200, path


async def test_messages(process: PredictorProcess, messages: dict[str, Any], source: str) -> None:
    del source
    async with aio.insecure_channel(await process.grpc_address()) as channel:

        async def call(method: str, request: bytes) -> Any:
            answer = await channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(request)
            response = messages[f"{method}Response"].FromString(answer)
            assert not len(UnknownFieldSet(response))
            return response

        assert (await call("ServerLive", b"")).live
        assert (await call("ServerReady", b"")).ready
        assert (await call("ServerMetadata", b"")).name == "weldserve"
        model = messages["ModelReadyRequest"](name="north-line").SerializeToString()
        assert (await call("ModelReady", model)).ready
        metadata = await call("ModelMetadata", model)
        assert [list(tensor.shape) for tensor in metadata.inputs] == [[-1, FEATURES], [-1], [-1]]
        for raw in (True, False):
            sent = message(readings(5, FEATURES, sampled_at=now()), raw=raw, id="tick-7")
            own = messages["ModelInferRequest"].FromString(sent.SerializeToString())
            assert not len(UnknownFieldSet(own))
            answer = await call("ModelInfer", own.SerializeToString())
            assert (answer.id, answer.model_name, answer.model_version) == ("tick-7", "north-line", "1.0.0")
            assert [output.name for output in answer.outputs] == ["risk", "decision", "flags"]
            assert len(answer.raw_output_contents) == (3 if raw else 0)
