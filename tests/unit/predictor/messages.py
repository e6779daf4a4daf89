"""gRPC messages: well formed, and such that no predictor takes. The model has 3 features; 10 readings fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.unit.predictor.malformed_requests import FEATURES, MOST
from tests.unit.predictor.requests import numbered, readings, sensor_bytes
from weld_predictor.intake.readings import Readings

_FIELDS = {"FP32": "fp32_contents", "INT64": "int64_contents", "BYTES": "bytes_contents"}
_INPUTS = "features FP32 [N, 3], sensor_id BYTES or INT64 [N], sampled_at INT64 [N]"


def message(given: Readings, *, raw: bool = True, **envelope: Any) -> Any:
    """A ModelInferRequest for `north-line`; values as raw bytes, or as typed contents."""
    request = pb.ModelInferRequest(model_name="north-line", **envelope)
    sensors = "INT64" if given.sensor_id.dtype == np.int64 else "BYTES"
    for name, datatype, values, serialized in (
        ("features", "FP32", given.features, given.features.tobytes()),
        ("sensor_id", sensors, given.sensor_id, sensor_bytes(given)),
        ("sampled_at", "INT64", given.sampled_at, given.sampled_at.tobytes()),
    ):
        tensor = request.inputs.add(name=name, datatype=datatype, shape=values.shape)
        if raw:
            request.raw_input_contents.append(serialized)
        else:
            getattr(tensor.contents, _FIELDS[datatype]).extend(values.ravel().tolist())
    return request


FORMS: dict[str, Callable[[Readings], Any]] = {
    "raw": message,
    "raw, numbered sensors": lambda given: message(numbered(given)),
    "contents": lambda given: message(given, raw=False),
    "contents, numbered sensors": lambda given: message(numbered(given), raw=False),
}


def _changed(change: Callable[[Any], object], *, raw: bool = True) -> bytes:
    request = message(readings(2, FEATURES), raw=raw)
    change(request)
    serialized: bytes = request.SerializeToString()
    return serialized


def _shape(index: int, shape: list[int]) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        request.inputs[index].shape[:] = shape

    return change


def _set(index: int, field: str, value: str) -> Callable[[Any], None]:
    return lambda request: setattr(request.inputs[index], field, value)


def _raw(index: int, value: bytes) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        request.raw_input_contents[index] = value

    return change


def _other_contents(request: Any) -> None:
    request.inputs[0].contents.Clear()
    request.inputs[0].contents.fp64_contents.extend([0.5] * 6)


MALFORMED: dict[str, tuple[bytes, str]] = {
    "no inputs": (
        pb.ModelInferRequest(model_name="north-line").SerializeToString(),
        f"tensor 'features' is missing, expected {_INPUTS}",
    ),
    "raw contents that are too few": (
        _changed(lambda request: request.raw_input_contents.pop()),
        "2 raw_input_contents came for 3 inputs, expected one for each, or none",
    ),
    "raw and typed contents at once": (
        _changed(lambda request: request.inputs[2].contents.int64_contents.append(1)),
        "tensor 'sampled_at': both int64_contents and raw_input_contents came, expected one of them",
    ),
    "contents of another type": (
        _changed(_other_contents, raw=False),
        "tensor 'features': fp64_contents came, expected fp32_contents for FP32",
    ),
    "a negative shape": (
        _changed(_shape(0, [-1, 3])),
        "tensor 'features': shape [-1, 3] came, expected whole numbers that are not negative",
    ),
    "a wrong shape": (_changed(_shape(0, [2, 4])), "tensor 'features': shape [2, 4] came, expected [N, 3]"),
    "too many readings": (
        message(readings(MOST + 1, FEATURES)).SerializeToString(),
        "tensor 'features': 11 readings came, expected 1 to 10 in one request",
    ),
    "an unknown data type": (
        _changed(_set(0, "datatype", "FP8"), raw=False),
        "tensor 'features': datatype 'FP8' came, expected FP32",
    ),
    "an unknown tensor": (
        _changed(_set(2, "name", "pressure")),
        f"tensor 'pressure' is not an input of this model, expected {_INPUTS}",
    ),
    "too few values": (
        _changed(lambda request: request.inputs[0].contents.fp32_contents.pop(), raw=False),
        "tensor 'features': 5 values came, expected 6 for shape [2, 3]",
    ),
    "bytes that do not fit the shape": (
        _changed(_raw(0, b"\0" * 20)),
        "tensor 'features': 20 bytes came, expected 24 for FP32 [2, 3]",
    ),
    "a name cut off": (_changed(_raw(1, b"\5\0\0\0ab")), "tensor 'sensor_id': its bytes end inside element 0"),
    "an empty name": (
        _changed(lambda request: request.inputs[1].contents.bytes_contents.__setitem__(0, b""), raw=False),
        "tensor 'sensor_id': element 0 has 0 bytes, expected 1 to 128",
    ),
    "an unknown output": (
        _changed(lambda request: request.outputs.add(name="score")),
        "output 'score' is not an output of this model, expected risk FP32 [N], decision UINT8 [N], flags UINT32 [N]",
    ),
    "a parameter of another type": (
        _changed(lambda request: request.parameters["binary_data_output"].MergeFrom(pb.InferParameter(int64_param=1))),
        "the request: binary_data_output is no bool_param, expected true or false",
    ),
}
"""Serialized requests with the sentence that says why."""
