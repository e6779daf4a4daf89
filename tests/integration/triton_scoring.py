"""Scores readings with NVIDIA's client, in a process of its own: its protobuf messages have the names of KServe's.

`python -m tests.integration.triton_scoring HTTP_ADDRESS GRPC_ADDRESS READINGS.npz RISKS.npz`: `features`, `sensor_id`
and `sampled_at` in, the risk by way of asking out.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from numpy.typing import NDArray

MODEL = "north-line"
Tensors = dict[str, tuple[str, NDArray[Any]]]


def main(http_address: str, grpc_address: str, readings: str, risks: str) -> None:
    tensors = _tensors(np.load(readings))
    with (
        triton_http.InferenceServerClient(http_address) as http,
        triton_grpc.InferenceServerClient(grpc_address) as grpc,
    ):
        for client in (http, grpc):
            assert client.is_server_live()
            assert client.is_server_ready()
            assert client.is_model_ready(MODEL)
        assert http.get_model_metadata(MODEL)["name"] == grpc.get_model_metadata(MODEL).name == MODEL
        answers = {
            f"http_{'binary' if binary_in else 'json'}_{'binary' if binary_out else 'json'}": _over_http(
                http, tensors, binary_in, binary_out
            )
            for binary_in in (False, True)
            for binary_out in (False, True)
        }
        answers["http_gzip"] = _over_http(http, tensors, True, False, "gzip")
        answers["http_deflate"] = _over_http(http, tensors, True, False, "deflate")
        answers["grpc"] = _over_grpc(grpc, tensors)
        answers["grpc_gzip"] = _over_grpc(grpc, tensors, "gzip")
    np.savez(risks, allow_pickle=False, **answers)


def _tensors(readings: Any) -> Tensors:
    return {
        "features": ("FP32", readings["features"]),
        "sensor_id": ("BYTES", readings["sensor_id"].astype(np.object_)),
        "sampled_at": ("INT64", readings["sampled_at"]),
    }


def _over_http(
    client: Any, tensors: Tensors, binary_in: bool, binary_out: bool, compression: str | None = None
) -> NDArray[Any]:
    inputs = []
    for name, (datatype, values) in tensors.items():
        inputs.append(triton_http.InferInput(name, values.shape, datatype))
        inputs[-1].set_data_from_numpy(values, binary_data=binary_in)
    outputs = [triton_http.InferRequestedOutput("risk", binary_data=binary_out)]
    answer = client.infer(
        MODEL,
        inputs,
        request_id="tick-7",
        outputs=outputs,
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    return _risk(answer, answer.get_response()["id"])


def _over_grpc(client: Any, tensors: Tensors, compression: str | None = None) -> NDArray[Any]:
    inputs = []
    for name, (datatype, values) in tensors.items():
        inputs.append(triton_grpc.InferInput(name, values.shape, datatype))
        inputs[-1].set_data_from_numpy(values)
    outputs = [triton_grpc.InferRequestedOutput("risk")]
    answer = client.infer(MODEL, inputs, request_id="tick-7", outputs=outputs, compression_algorithm=compression)
    return _risk(answer, answer.get_response().id)


def _risk(answer: Any, request_id: str) -> NDArray[Any]:
    assert request_id == "tick-7"
    risk: NDArray[Any] = answer.as_numpy("risk")
    return risk.astype(np.float32)


if __name__ == "__main__":
    main(*sys.argv[1:])
