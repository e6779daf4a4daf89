"""The predictor's own protocol from the client's side: the Open Inference Protocol with binary tensors, over REST."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray

from weld_predictor.answer import Answer
from weld_predictor.intake.form import ASCANS, FEATURES, SAMPLED_AT, SENSOR_ID
from weld_predictor.intake.tensor import BYTES, FP32, INT16, INT64
from weld_predictor.intake.wire import BINARY_OUTPUTS, JSON_LENGTH_HEADER, SHADOWED, SHADOWED_HEADER
from weld_predictor.shadow.batch import Batch
from weld_predictor.shadow.losses import Loss, LostError

_LENGTH_BYTES = 4
_DATATYPES = {"f": FP32, "h": INT16, "q": INT64, "l": INT64}
"""By numpy's character."""
_OUTPUTS: dict[str, np.dtype[Any]] = {"risk": np.dtype("<f4"), "decision": np.dtype("u1"), "flags": np.dtype("<u4")}
_ASKED_FOR = [{"name": name} for name in _OUTPUTS]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a predictor says of its model."""

    digest: str
    features: tuple[str, ...]
    """Inputs that the sensor measures, by name."""
    context: tuple[str, ...]
    """Inputs that the plant measures."""
    most_readings: int
    """That one request may have."""


def metadata_request(model: str, host: str) -> bytes:
    """Asks what is served."""
    return f"GET /v2/models/{quote(model, safe='')} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()


def read_metadata(body: bytes) -> Candidate:
    """Raises LostError if the body is no metadata of a predictor."""
    try:
        properties = orjson.loads(body)["properties"]
        return Candidate(
            digest=str(properties["sha256"]),
            features=_names(properties["features"]),
            context=_names(properties["context"]),
            most_readings=int(properties["most_readings_in_a_request"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LostError(Loss.UNREACHABLE, "it does not say which bundle it serves") from None


def inference_request(batch: Batch, model: str, host: str, context: Collection[str]) -> bytes:
    """Asks for the answer to `batch`, sent with what there is of `context`."""
    tensors: dict[str, NDArray[Any]] = {
        ASCANS if batch.measured.dtype == np.int16 else FEATURES: batch.measured,
        SENSOR_ID: batch.sensor_id,
        SAMPLED_AT: batch.sampled_at,
        **{name: values for name, values in batch.context.items() if name in context},
    }
    raw = {name: _raw(values) for name, values in tensors.items()}
    inputs = [
        {
            "name": name,
            "datatype": _DATATYPES.get(values.dtype.char, BYTES),
            "shape": values.shape,
            "parameters": {"binary_data_size": len(raw[name])},
        }
        for name, values in tensors.items()
    ]
    parameters = {BINARY_OUTPUTS: True, SHADOWED: True}
    envelope = orjson.dumps({"inputs": inputs, "outputs": _ASKED_FOR, "parameters": parameters})
    length = len(envelope) + sum(map(len, raw.values()))
    head = (
        f"POST /v2/models/{quote(model, safe='')}/infer HTTP/1.1\r\nhost: {host}\r\n"
        f"content-type: application/octet-stream\r\n{JSON_LENGTH_HEADER}: {len(envelope)}\r\n"
        f"content-length: {length}\r\n{SHADOWED_HEADER}: true\r\n\r\n"
    )
    return b"".join([head.encode(), envelope, *raw.values()])


def longest_answer(readings: int) -> int:
    """Bytes of the longest body that may be an answer to so many readings."""
    return 4_096 + readings * sum(dtype.itemsize for dtype in _OUTPUTS.values())


def read_answer(body: bytes, json_length: str | None, readings: int) -> Answer:
    """Raises LostError unless the body is an answer to so many readings."""
    try:
        start = int(json_length or "")
        outputs = orjson.loads(body[:start])["outputs"]
        found: dict[str, NDArray[Any]] = {}
        for output in outputs:
            dtype, size = _OUTPUTS[output["name"]], output["parameters"]["binary_data_size"]
            if size != readings * dtype.itemsize:
                raise ValueError
            found[output["name"]] = np.frombuffer(body, dtype, readings, start)
            start += size
        answer = Answer(found["risk"], found["decision"], found["flags"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LostError(Loss.UNPAIRED, f"its answer is none to {readings} readings") from None
    if start != len(body) or not _is_sound(answer):
        raise LostError(Loss.UNPAIRED, f"its answer to {readings} readings has values that no predictor gives")
    return answer


def _is_sound(answer: Answer) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(((answer.risk >= 0) & (answer.risk <= 1) & (answer.decision <= 1)).all())


def _raw(values: NDArray[Any]) -> memoryview | bytes:
    if values.dtype.char == "S":
        return texts_to_binary(values)
    return np.ascontiguousarray(values).data.cast("B")


def texts_to_binary(texts: NDArray[np.bytes_]) -> bytes:
    """Each text of [N], without the NUL that fills it up, after its length in 4 bytes."""
    width = texts.dtype.itemsize
    octets = np.zeros((len(texts), _LENGTH_BYTES + width), np.uint8)
    octets[:, _LENGTH_BYTES:] = np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), width)
    lengths = np.strings.str_len(texts)
    octets[:, :_LENGTH_BYTES] = lengths.astype("<u4").view(np.uint8).reshape(len(texts), _LENGTH_BYTES)
    if (lengths == width).all():
        return octets.tobytes()
    return octets[np.arange(_LENGTH_BYTES + width) < _LENGTH_BYTES + lengths[:, np.newaxis]].tobytes()


def _names(told: str) -> tuple[str, ...]:
    """`pressure [MPa], temperature [degC]` -> the names."""
    return tuple(each.split(" [", 1)[0] for each in told.split(", ") if each)
