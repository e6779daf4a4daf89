"""The Open Inference Protocol's inference request over gRPC.

As in `wire`, only the envelope is read here. Source: `open_inference_grpc.proto` of kserve/open-inference-protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from numpy.typing import NDArray

from weld_predictor.intake.fault import RequestError, quoted
from weld_predictor.intake.tensor import BYTES, FP32, INT16, INT64
from weld_predictor.intake.wire import BINARY_OUTPUTS, SHADOWED, RequestedOutput, WireRequest, WireTensor

Values = list[Any] | memoryview | NDArray[Any]

_CONTENTS: dict[str, tuple[str, Callable[[Any], Values]]] = {
    FP32: ("fp32_contents", lambda values: np.array(values, np.float32)),
    INT64: ("int64_contents", lambda values: np.array(values, np.int64)),
    INT16: ("int_contents", lambda values: np.array(values, np.int32)),
    BYTES: ("bytes_contents", list),
}
"""By data type: the field of InferTensorContents that holds it, and how to take it."""


def read_message(serialized: bytes) -> Any:
    """The ModelInferRequest. Raises RequestError if it is none."""
    try:
        return pb.ModelInferRequest.FromString(serialized)
    except DecodeError:
        raise RequestError(
            f"the {len(serialized)} bytes of the request cannot be read, expected a ModelInferRequest"
        ) from None


def raw_places(serialized: bytes) -> list[slice]:
    """Where the raw contents of a serialized ModelInferRequest are; empty unless they are all at its end.

    Protobuf writes fields in the order of their numbers, so that they are; but it reads them in any order.
    """
    places: list[slice] = []
    position = 0
    while position < len(serialized):
        tag = serialized[position]
        field = _field(serialized, position + 1)
        if tag & 7 != _BYTES_FIELD or tag > 127 or field is None or (places and tag != _RAW_CONTENTS):
            return []
        if tag == _RAW_CONTENTS:
            places.append(field)
        position = field.stop
    return places


_BYTES_FIELD = 2
_RAW_CONTENTS = pb.ModelInferRequest.DESCRIPTOR.fields_by_name["raw_input_contents"].number << 3 | _BYTES_FIELD


def _field(serialized: bytes, position: int) -> slice | None:
    """The bytes after the length at `position`, None if there are not so many."""
    length = shift = 0
    while True:
        if position >= len(serialized) or shift > 28:
            return None
        octet = serialized[position]
        position += 1
        length |= (octet & 0x7F) << shift
        if octet < 128:
            break
        shift += 7
    return slice(position, position + length) if position + length <= len(serialized) else None


def parse_message(message: Any) -> WireRequest:
    """The envelope of a ModelInferRequest. Raises RequestError with one sentence for what the protocol forbids.

    Outputs leave as raw bytes where the inputs came as raw bytes; the parameter `binary_data_output` says otherwise.
    """
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise RequestError(
            f"{len(raw)} raw_input_contents came for {len(message.inputs)} inputs, expected one for each, or none"
        )
    binary_outputs = _flag(message.parameters, BINARY_OUTPUTS, bool(raw))
    return WireRequest(
        id=message.id or None,
        inputs=tuple(
            WireTensor(tensor.name, tensor.datatype, _shape(tensor), _values(tensor, raw, position))
            for position, tensor in enumerate(message.inputs)
        ),
        outputs=tuple(RequestedOutput(output.name, binary_outputs) for output in message.outputs),
        binary_outputs=binary_outputs,
        timed=not _flag(message.parameters, SHADOWED, False),
    )


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(tensor.shape)
    if any(size < 0 for size in shape):
        raise RequestError(
            f"tensor {quoted(tensor.name)}: shape {quoted(list(shape))} came, "
            "expected whole numbers that are not negative"
        )
    return shape


def _values(tensor: Any, raw: Any, position: int) -> Values:
    fields = [field.name for field, _ in tensor.contents.ListFields()]
    if raw:
        if fields:
            raise RequestError(
                f"tensor {quoted(tensor.name)}: both {fields[0]} and raw_input_contents came, expected one of them"
            )
        return memoryview(raw[position])
    if tensor.datatype not in _CONTENTS:
        return []  # no input has this data type, as will be said once it is known which input it is
    expected, take = _CONTENTS[tensor.datatype]
    for field in fields:
        if field != expected:
            raise RequestError(f"tensor {quoted(tensor.name)}: {field} came, expected {expected} for {tensor.datatype}")
    return take(getattr(tensor.contents, expected))


def _flag(parameters: Any, key: str, default: bool) -> bool:
    if key not in parameters:
        return default
    parameter = parameters[key]
    if parameter.WhichOneof("parameter_choice") != "bool_param":
        raise RequestError(f"the request: {key} is no bool_param, expected true or false")
    return bool(parameter.bool_param)
