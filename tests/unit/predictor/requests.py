"""Inference requests, well formed, in each way that the protocol allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from weld_predictor.intake.readings import Readings

Body = tuple[bytes, str | None]
"""A request's body, and its header Inference-Header-Content-Length if it has one."""


def readings(count: int, features: int, *, sampled_at: int = 0, seed: int = 0) -> Readings:
    """Readings with distinct sensors, other ones for each seed, and features within -1 to 1."""
    source = np.random.default_rng(seed)
    others = f"-of-{seed}" if seed else ""
    return Readings(
        features=source.uniform(-1, 1, (count, features)).astype(np.float32),
        sensor_id=np.array([f"sensor-{index}{others}" for index in range(count)], np.bytes_),
        sampled_at=np.full(count, sampled_at, np.int64),
    )


def json_tensors(given: Readings, *, nested: bool = False) -> list[dict[str, Any]]:
    features = given.features if nested else given.features.ravel()
    names = [name.decode() if isinstance(name, bytes) else int(name) for name in given.sensor_id.tolist()]
    return [
        _tensor("features", "FP32", given.features.shape, features.tolist()),
        _tensor("sensor_id", _sensor_type(given), [len(given)], names),
        _tensor("sampled_at", "INT64", [len(given)], given.sampled_at.tolist()),
    ]


def json_body(given: Readings, *, nested: bool = False, **envelope: object) -> Body:
    return orjson.dumps({"inputs": json_tensors(given, nested=nested), **envelope}), None


def binary_body(given: Readings, **envelope: object) -> Body:
    return with_binary(
        [
            ("features", "FP32", given.features.shape, given.features.tobytes()),
            ("sensor_id", _sensor_type(given), [len(given)], sensor_bytes(given)),
            ("sampled_at", "INT64", [len(given)], given.sampled_at.tobytes()),
        ],
        **envelope,
    )


def with_binary(tensors: Sequence[tuple[str, str, Sequence[int], bytes]], **envelope: object) -> Body:
    """A body of tensors given as name, data type, shape and bytes."""
    inputs = [
        {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
        for name, datatype, shape, data in tensors
    ]
    head = orjson.dumps({"inputs": inputs, **envelope})
    return head + b"".join(data for *_, data in tensors), str(len(head))


def sensor_bytes(given: Readings) -> bytes:
    if given.sensor_id.dtype == np.int64:
        return given.sensor_id.tobytes()
    return text_bytes(given.sensor_id.tolist())


def text_bytes(texts: Sequence[bytes]) -> bytes:
    """A BYTES tensor in binary: the length of each element in 4 bytes, then the element."""
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def numbered(given: Readings, first: int = 0) -> Readings:
    """The same readings, with sensors named by number, from `first` on."""
    numbers: NDArray[np.int64] = np.arange(first, first + len(given), dtype=np.int64)
    return Readings(given.features, numbers, given.sampled_at)


FORMS: dict[str, Callable[[Readings], Body]] = {
    "flat JSON": json_body,
    "nested JSON": lambda given: json_body(given, nested=True),
    "JSON, numbered sensors": lambda given: json_body(numbered(given)),
    "binary": binary_body,
    "binary, numbered sensors": lambda given: binary_body(numbered(given)),
}


def _tensor(name: str, datatype: str, shape: Sequence[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": data}


def _sensor_type(given: Readings) -> str:
    return "INT64" if given.sensor_id.dtype == np.int64 else "BYTES"
