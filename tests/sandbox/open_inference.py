"""The client's side of the Open Inference Protocol v2 with binary tensors, as a sensors' gateway speaks it.

Sources: the Open Inference Protocol's REST specification and its binary tensor data extension.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER_LENGTH = "Inference-Header-Content-Length"

_DATATYPES: dict[np.dtype[Any], str] = {
    np.dtype("float32"): "FP32",
    np.dtype("int64"): "INT64",
    np.dtype("int16"): "INT16",
}
_DTYPES: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype("float32"),
    "INT64": np.dtype("int64"),
    "INT32": np.dtype("int32"),
    "INT8": np.dtype("int8"),
    "UINT8": np.dtype("uint8"),
    "UINT32": np.dtype("uint32"),
    "UINT16": np.dtype("uint16"),
    "BOOL": np.dtype("bool"),
}


@dataclass(frozen=True)
class Request:
    """One inference request, ready to be sent."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """One inference answer: outputs by name, one entry a reading."""

    model_version: str
    outputs: dict[str, NDArray[Any]]


def encode(tensors: Mapping[str, NDArray[Any]], *, request_id: str) -> Request:
    """Tensors of float32, int64 or int16, of any shape, with the answer asked for in binary."""
    header = {
        "id": request_id,
        "parameters": {"binary_data_output": True},
        "inputs": [
            {
                "name": name,
                "shape": list(tensor.shape),
                "datatype": _DATATYPES[tensor.dtype],
                "parameters": {"binary_data_size": tensor.nbytes},
            }
            for name, tensor in tensors.items()
        ],
    }
    text = json.dumps(header).encode()
    body = b"".join([text, *(np.ascontiguousarray(tensor).tobytes() for tensor in tensors.values())])
    return Request(body, {HEADER_LENGTH: str(len(text)), "Content-Type": "application/octet-stream"})


def decode(body: bytes, headers: Mapping[str, str]) -> Answer:
    """An answer whose outputs are binary, JSON, or both. Raises ValueError when sizes do not fit."""
    length = next((int(value) for name, value in headers.items() if name.lower() == HEADER_LENGTH.lower()), len(body))
    header = json.loads(body[:length])
    outputs: dict[str, NDArray[Any]] = {}
    offset = length
    for output in header["outputs"]:
        dtype = _DTYPES[output["datatype"]]
        values: NDArray[Any]
        if "data" in output:
            values = np.asarray(output["data"], dtype=dtype)
        else:
            size = output["parameters"]["binary_data_size"]
            values = np.frombuffer(body[offset : offset + size], dtype=dtype)
            offset += size
        outputs[output["name"]] = values.reshape(output["shape"])
    return Answer(str(header.get("model_version", "")), outputs)
