"""From a request to readings: the inputs that a card asks for, in its order, all of one length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.fault import RequestError, quoted
from weld_predictor.intake.tensor import BYTES, FP32, INT64, decode, shape_text
from weld_predictor.intake.wire import WireRequest, WireTensor

FEATURES = "features"
SENSOR_ID = "sensor_id"
SAMPLED_AT = "sampled_at"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of the model: one of `datatypes`, in `shape`, None being the number of readings."""

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {' or '.join(self.datatypes)} {shape_text(self.shape)}"


@dataclass(frozen=True, slots=True)
class Readings:
    """N readings of one request, as they came."""

    features: NDArray[np.float32]
    """[N, F], in the order of the card; may hold NaN and infinities."""
    sensor_id: NDArray[np.int64] | NDArray[np.bytes_]
    """[N]"""
    sampled_at: NDArray[np.int64]
    """[N], Unix time in milliseconds."""

    def __len__(self) -> int:
        return len(self.features)


def input_specs(features: int) -> tuple[TensorSpec, ...]:
    """The inputs of a model that takes `features` numbers per reading."""
    return (
        TensorSpec(FEATURES, (FP32,), (None, features)),
        TensorSpec(SENSOR_ID, (BYTES, INT64), (None,)),
        TensorSpec(SAMPLED_AT, (INT64,), (None,)),
    )


def take_readings(request: WireRequest, specs: Sequence[TensorSpec], most: int) -> Readings:
    """The readings of a request with the inputs `specs` (see `input_specs`), at most `most` of them.

    Raises RequestError with a sentence that names the tensor, what came and what was expected.
    """
    tensors = _by_name(request, specs)
    for spec in specs:
        _check_form(tensors[spec.name], spec)
    _check_count(tensors, most)
    values: dict[str, NDArray[Any]] = {name: decode(tensor) for name, tensor in tensors.items()}
    return Readings(values[FEATURES], values[SENSOR_ID], values[SAMPLED_AT])


def _by_name(request: WireRequest, specs: Sequence[TensorSpec]) -> dict[str, WireTensor]:
    wanted = {spec.name for spec in specs}
    inputs = ", ".join(map(str, specs))
    for name, times in Counter(tensor.name for tensor in request.inputs).items():
        if name not in wanted:
            raise RequestError(f"tensor {quoted(name)} is not an input of this model, expected {inputs}")
        if times > 1:
            raise RequestError(f"tensor {name!r} came {times} times, expected it once")
    tensors = {tensor.name: tensor for tensor in request.inputs}
    for spec in specs:
        if spec.name not in tensors:
            raise RequestError(f"tensor {spec.name!r} is missing, expected {inputs}")
    return tensors


def _check_form(tensor: WireTensor, spec: TensorSpec) -> None:
    if tensor.datatype not in spec.datatypes:
        raise RequestError(
            f"tensor {tensor.name!r}: datatype {quoted(tensor.datatype)} came, expected {' or '.join(spec.datatypes)}"
        )
    fits = len(tensor.shape) == len(spec.shape) and all(
        expected in (None, came) for came, expected in zip(tensor.shape, spec.shape, strict=True)
    )
    if not fits:
        raise RequestError(
            f"tensor {tensor.name!r}: shape {quoted(list(tensor.shape))} came, expected {shape_text(spec.shape)}"
        )


def _check_count(tensors: dict[str, WireTensor], most: int) -> None:
    count = tensors[FEATURES].shape[0]
    if not 1 <= count <= most:
        raise RequestError(f"tensor {FEATURES!r}: {count} readings came, expected 1 to {most} in one request")
    for tensor in tensors.values():
        if tensor.shape[0] != count:
            raise RequestError(
                f"tensor {tensor.name!r}: {tensor.shape[0]} readings came, expected {count} as in {FEATURES!r}"
            )
