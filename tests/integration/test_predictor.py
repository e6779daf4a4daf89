"""A real predictor process scores readings, tells of itself, and refuses what it must."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from numpy.typing import NDArray

from tests.integration.predictor_process import (
    PackedBundle,
    PredictorProcess,
    one_thread,
    pack_bundle,
    predictor,
    ready_client,
)
from tests.integration.predictor_requests import INFER, infer, now
from tests.unit.predictor.malformed_requests import FEATURES, MALFORMED, MOST
from tests.unit.predictor.requests import FORMS, binary_body, json_body, json_tensors, readings
from weld_predictor.intake.flags import Flag

LABELS = 'model="north-line",region="",site="north",version="1.0.0"'


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "weld", features=24)


@pytest.fixture(scope="module")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    """A bundle of the model that the malformed requests are for."""
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "small", features=FEATURES)


@pytest.fixture(scope="module")
async def small_predictor(
    tmp_path_factory: pytest.TempPathFactory, small_bundle: PackedBundle
) -> AsyncIterator[PredictorProcess]:
    """A predictor that takes `MOST` readings and no more, ready."""
    folder = tmp_path_factory.mktemp("small-predictor")
    async with predictor(folder, small_bundle, queue_readings=MOST, max_readings=MOST) as process:
        await process.logged("ready")
        yield process


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[httpx.AsyncClient]:
    async with ready_client(tmp_path_factory.mktemp("predictor"), bundle) as client:
        yield client


def outputs(response: httpx.Response) -> dict[str, NDArray[Any]]:
    """The answer's tensors by name, from JSON or binary."""
    assert response.status_code == 200, response.text
    length = int(response.headers.get("Inference-Header-Content-Length", len(response.content)))
    head, binary = orjson.loads(response.content[:length]), response.content[length:]
    dtypes: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "UINT8": np.dtype("<u1"), "UINT32": np.dtype("<u4")}
    tensors: dict[str, NDArray[Any]] = {}
    for output in head["outputs"]:
        dtype = dtypes[output["datatype"]]
        size = output.get("parameters", {}).get("binary_data_size", 0)
        values = np.frombuffer(binary[:size], dtype) if size else np.array(output["data"], dtype)
        binary = binary[size:]
        tensors[output["name"]] = values.reshape(output["shape"])
    return tensors


def risk_in_process(bundle: PackedBundle, features: NDArray[np.float32]) -> NDArray[np.float32]:
    with one_thread():
        risk: NDArray[np.float32] = bundle.estimator.predict_proba(features)[:, 1].astype(np.float32)
    return risk


@pytest.mark.parametrize("count", [1, 10_000])
@pytest.mark.parametrize("form", FORMS)
async def test_readings_are_scored_as_the_estimator_scores_them(
    client: httpx.AsyncClient, bundle: PackedBundle, form: str, count: int
) -> None:
    sent = readings(count, bundle.features, sampled_at=now())
    answer = outputs(await infer(client, FORMS[form](sent)))
    expected = risk_in_process(bundle, sent.features)
    np.testing.assert_array_equal(answer["risk"], expected)
    np.testing.assert_array_equal(answer["decision"], expected >= 0.5)
    assert not (answer["flags"] & ~np.uint32(Flag.LATE)).any()


async def test_binary_outputs_hold_what_json_outputs_hold(client: httpx.AsyncClient, bundle: PackedBundle) -> None:
    sent = readings(50, bundle.features, sampled_at=now() - 10_000)
    in_json = outputs(await infer(client, binary_body(sent)))
    in_binary = outputs(await infer(client, json_body(sent, parameters={"binary_data_output": True})))
    assert list(in_json) == ["risk", "decision", "flags"]
    for name, values in in_json.items():
        np.testing.assert_array_equal(in_binary[name], values)


async def test_the_answer_names_the_model_the_version_and_the_request(
    client: httpx.AsyncClient, bundle: PackedBundle
) -> None:
    answer = (await infer(client, json_body(readings(1, bundle.features), id="tick-7"))).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("north-line", "1.0.0", "tick-7")


async def test_kserves_own_client_is_understood(client: httpx.AsyncClient, bundle: PackedBundle) -> None:
    sent = readings(20, bundle.features, sampled_at=now())
    for binary in (True, False):
        tensors = [
            InferInput("features", [20, bundle.features], "FP32"),
            InferInput("sensor_id", [20], "INT64"),
            InferInput("sampled_at", [20], "INT64"),
        ]
        for tensor, values in zip(tensors, (sent.features, np.arange(20), sent.sampled_at), strict=True):
            tensor.set_data_from_numpy(values, binary_data=binary)
        request = InferRequest("north-line", tensors, parameters={"binary_data_output": binary})
        rest = InferenceRESTClient(RESTConfig(protocol="v2"))
        try:
            response = await rest.infer(str(client.base_url), request, model_name="north-line")
        finally:
            await rest.close()
        by_name = {output.name: output.as_numpy() for output in response.outputs}
        np.testing.assert_array_equal(by_name["risk"], risk_in_process(bundle, sent.features))


async def test_a_bad_reading_is_flagged_and_spoils_no_other(client: httpx.AsyncClient, bundle: PackedBundle) -> None:
    sent = readings(6, bundle.features, sampled_at=now())
    expected = risk_in_process(bundle, sent.features)
    sent.features[1, 3], sent.features[4, 0], sent.features[2, 5] = np.nan, -np.inf, 1.5
    sent.sampled_at[5] -= 60_000
    answer = outputs(await infer(client, binary_body(sent)))
    late = answer["flags"] & Flag.LATE != 0
    assert late.tolist()[5]
    assert (answer["flags"] & ~np.uint32(Flag.LATE)).tolist() == [
        0,
        Flag.NOT_SCORED | Flag.NOT_FINITE,
        Flag.OUT_OF_RANGE,
        0,
        Flag.NOT_SCORED | Flag.NOT_FINITE,
        0,
    ]
    np.testing.assert_array_equal(answer["risk"][[0, 3, 5]], expected[[0, 3, 5]])
    np.testing.assert_array_equal(answer["risk"][[1, 4]], [1, 1])
    np.testing.assert_array_equal(answer["decision"][[1, 4]], [1, 1])


async def test_readings_of_which_none_can_be_scored_are_answered(
    client: httpx.AsyncClient, bundle: PackedBundle
) -> None:
    tensors = json_tensors(readings(2, bundle.features, sampled_at=now()))
    tensors[0]["data"] = [None] * (2 * bundle.features)
    answer = outputs(await infer(client, (orjson.dumps({"inputs": tensors}), None)))
    assert answer["decision"].tolist() == [1, 1]


async def test_concurrent_requests_have_the_answers_that_they_would_have_alone(
    client: httpx.AsyncClient, bundle: PackedBundle
) -> None:
    sent = [readings(1 + seed * 7, bundle.features, sampled_at=now(), seed=seed) for seed in range(60)]
    responses = await asyncio.gather(*(infer(client, binary_body(request)) for request in sent))
    for request, response in zip(sent, responses, strict=True):
        np.testing.assert_array_equal(outputs(response)["risk"], risk_in_process(bundle, request.features))


async def test_metadata_and_health(client: httpx.AsyncClient, bundle: PackedBundle) -> None:
    server = (await client.get("/v2")).json()
    assert (server["name"], server["extensions"]) == ("weldserve", ["binary_tensor_data"])
    assert (await client.get("/v2/models")).json() == {"models": ["north-line"]}
    for path in ("/v2/models/north-line", "/v2/models/north-line/versions/1.0.0"):
        metadata = (await client.get(path)).json()
        assert metadata["versions"] == ["1.0.0"]
        assert metadata["inputs"][0] == {"name": "features", "datatype": "FP32", "shape": [-1, 24]}
        assert metadata["properties"]["sha256"] == bundle.digest
        assert (await client.get(f"{path}/ready")).json() == {"name": "north-line", "ready": True}
    assert (await client.get("/v2/health/live")).json() == {"live": True}
    assert (await client.get("/v2/health/ready")).json() == {"ready": True}


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("POST", "/v2/models/south-line/infer", 404, "Model with name south-line does not exist."),
        ("GET", "/v2/models/south-line", 404, "Model with name south-line does not exist."),
        ("GET", "/v2/models/south-line/ready", 404, "Model with name south-line does not exist."),
        (
            "POST",
            "/v2/models/north-line/versions/2.0.0/infer",
            404,
            "Model with name north-line has no version 2.0.0 here, it has 1.0.0.",
        ),
        ("GET", INFER, 405, "Method Not Allowed"),
        ("GET", "/v2/nothing", 404, "Not Found"),
        (
            "POST",
            "/v1/models/north-line:explain",
            501,
            "explanations are not given here, use :predict or /v2/models/.../infer",
        ),
        (
            "POST",
            "/v2/repository/models/north-line/unload",
            501,
            "model north-line cannot be unloaded: a predictor serves one bundle for life",
        ),
    ],
)
async def test_what_is_not_served_is_said_in_one_sentence(
    client: httpx.AsyncClient, method: str, path: str, status: int, sentence: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, response.json()) == (status, {"error": sentence})


async def test_metrics_count_what_was_served(client: httpx.AsyncClient, bundle: PackedBundle) -> None:
    async def values() -> dict[str, float]:
        lines = re.findall(r"^([^#\s]\S*) (\S+)$", (await client.get("/metrics")).text, re.MULTILINE)
        return {name: float(value) for name, value in lines}

    before = await values()
    sent = readings(7, bundle.features, sampled_at=now())
    sent.features[0, 0] = np.nan
    await infer(client, binary_body(sent))
    await infer(client, (b"{}", None))
    after = await values()

    def grown(series: str) -> float:
        return after[series] - before.get(series, 0)

    assert grown(f"weldserve_readings_total{{{LABELS}}}") == 7
    for status in (200, 400):
        labels = f'model="north-line",protocol="rest",region="",site="north",status="{status}",version="1.0.0"'
        assert grown(f"weldserve_requests_total{{{labels}}}") == 1
    assert grown(f"weldserve_risk_count{{{LABELS}}}") == 6
    assert grown(f'weldserve_flagged_readings_total{{flag="not_finite",{LABELS}}}') == 1
    assert grown(f"weldserve_batch_readings_sum{{{LABELS}}}") == 6
    labels = 'model="north-line",region="",site="north",stage="score",version="1.0.0"'
    assert grown(f"weldserve_stage_seconds_count{{{labels}}}") == 1
    assert after[f"weldserve_queue_readings{{{LABELS}}}"] == 0
    assert f"weldserve_quick_readings{{{LABELS}}}" in after
    sha256_label = f'model="north-line",region="",sha256="{bundle.digest}",site="north",version="1.0.0"'
    assert after[f"weldserve_bundle_info{{{sha256_label}}}"] == 1
    assert grown('request_predict_seconds_count{model_name="north-line"}') == 1


async def test_malformed_requests_are_refused_with_a_sentence_each_and_no_traceback(
    small_predictor: PredictorProcess,
) -> None:
    async with httpx.AsyncClient(base_url=await small_predictor.address()) as client:
        for case, (body, sentence) in MALFORMED.items():
            response = await infer(client, body)
            assert (response.status_code, response.json()) == (400, {"error": sentence}), case
        sound = readings(MOST, FEATURES, sampled_at=now())
        assert (await infer(client, json_body(sound))).status_code == 200
    assert [line["message"] for line in small_predictor.log_lines()] == ["listening", "ready"]


async def test_bodies_that_are_too_long_or_in_an_unknown_encoding_are_refused(
    small_predictor: PredictorProcess,
) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 10_000

    async with httpx.AsyncClient(base_url=await small_predictor.address()) as client:
        declared = await infer(client, (b" " * 200_000, None))
        chunked = await client.post(INFER, content=in_pieces())
        for response in (declared, chunked):
            assert response.status_code == 413
            assert re.fullmatch(r"the body has \d+ bytes or more, expected at most \d+", response.json()["error"])
        encoded = await client.post(INFER, content=b"", headers={"content-encoding": "br"})
        assert (encoded.status_code, encoded.json()) == (
            415,
            {"error": "content-encoding 'br' came, expected gzip, deflate or none"},
        )


async def test_beyond_the_queue_requests_are_refused_at_once_and_told_to_come_again(
    small_predictor: PredictorProcess,
) -> None:
    sent = readings(MOST, FEATURES, sampled_at=now())
    async with httpx.AsyncClient(base_url=await small_predictor.address(), timeout=60) as client:
        for _ in range(20):
            responses = await asyncio.gather(*(infer(client, binary_body(sent)) for _ in range(50)))
            refused = [response for response in responses if response.status_code != 200]
            assert all(response.status_code == 429 for response in refused)
            if refused:
                break
        assert refused[0].headers["retry-after"] == "1"
        assert "at most 10 may wait; come again later" in refused[0].json()["error"]
        assert (await infer(client, binary_body(sent))).status_code == 200
