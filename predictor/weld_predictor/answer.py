"""The answer to an inference request: in JSON, with the binary tensor extension, as a message, or as predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from numpy.typing import NDArray

from weld_predictor.intake.fault import RequestError, quoted
from weld_predictor.intake.form import TensorSpec
from weld_predictor.intake.wire import RequestedOutput, WireRequest

OUTPUTS = (
    TensorSpec("risk", ("FP32",), (None,)),
    TensorSpec("decision", ("UINT8",), (None,)),
    TensorSpec("flags", ("UINT32",), (None,)),
)
_CONTENTS = {"risk": "fp32_contents", "decision": "uint_contents", "flags": "uint_contents"}
"""Field of InferTensorContents by output."""
_DATATYPES = {spec.name: spec.datatypes[0] for spec in OUTPUTS}
_SIZES = {"risk": 4, "decision": 1, "flags": 4}
"""Bytes of one value by output."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of N readings, in the order of the request."""

    risk: NDArray[np.float32]
    """[N], 0 to 1."""
    decision: NDArray[np.uint8]
    """[N], of `Decision`."""
    flags: NDArray[np.uint32]
    """[N], of `Flag`."""

    def __len__(self) -> int:
        return len(self.risk)

    def part(self, start: int, stop: int) -> Answer:
        """Of readings `start` to `stop`, as views."""
        return Answer(self.risk[start:stop], self.decision[start:stop], self.flags[start:stop])

    def tobytes(self) -> dict[str, bytes]:
        """The values in binary, by output."""
        return {"risk": self.risk.tobytes(), "decision": self.decision.tobytes(), "flags": self.flags.tobytes()}

    @classmethod
    def join(cls, answers: list[Answer]) -> Answer:
        """All in one, in their order."""
        if len(answers) == 1:
            return answers[0]
        return cls(
            np.concatenate([answer.risk for answer in answers]),
            np.concatenate([answer.decision for answer in answers]),
            np.concatenate([answer.flags for answer in answers]),
        )


@dataclass(slots=True)
class RestAnswer:
    """The body of a response; `json_length` is None where it is JSON alone."""

    body: bytes
    json_length: int | None


@dataclass(frozen=True, slots=True)
class BinaryFrame:
    """What surrounds the values of an answer that is binary throughout: it is the same for all that ask alike."""

    fields: tuple[tuple[bytes, str, int], ...]
    """For each output what comes before its values, its name, and the bytes of one of its values."""
    json_length: int | None

    def fill(self, values: dict[str, bytes], start: int, stop: int) -> bytes:
        """The response with readings `start` to `stop` of `values`, which are an answer's in binary."""
        pieces: list[bytes] = []
        for before, name, size in self.fields:
            pieces.append(before)
            pieces.append(values[name][start * size : stop * size])
        return b"".join(pieces)


def requested_outputs(request: WireRequest) -> tuple[RequestedOutput, ...]:
    """The outputs that the answer will have, in order. Raises RequestError for one that the model does not have."""
    if not request.outputs:
        return tuple(RequestedOutput(spec.name, request.binary_outputs) for spec in OUTPUTS)
    for position, output in enumerate(request.outputs):
        if output.name not in _DATATYPES:
            raise RequestError(
                f"output {quoted(output.name)} is not an output of this model, expected {', '.join(map(str, OUTPUTS))}"
            )
        if any(output.name == other.name for other in request.outputs[:position]):
            raise RequestError(f"output {output.name!r} is asked for twice, expected it once")
    return request.outputs


def rest_frame(outputs: tuple[RequestedOutput, ...], head: dict[str, str], readings: int) -> BinaryFrame | None:
    """The frame of a REST response with `outputs` of `readings`; None where one of them is to be JSON.

    `outputs` as of `requested_outputs`; `head` is model name, version and id.
    """
    if not all(output.binary for output in outputs):
        return None
    tensors = [_binary_tensor(output.name, readings) for output in outputs]
    text = orjson.dumps({**head, "outputs": tensors})
    fields = [(text if position == 0 else b"", output.name) for position, output in enumerate(outputs)]
    return BinaryFrame(tuple((before, name, _SIZES[name]) for before, name in fields), len(text))


def message_frame(outputs: tuple[RequestedOutput, ...], head: dict[str, str], readings: int) -> BinaryFrame | None:
    """As `rest_frame`, of a serialized ModelInferResponse: its raw contents come last."""
    if not all(output.binary for output in outputs):
        return None
    message = pb.ModelInferResponse(**head)
    for output in outputs:
        message.outputs.add(name=output.name, datatype=_DATATYPES[output.name], shape=[readings])
    fields: list[tuple[bytes, str, int]] = []
    for position, output in enumerate(outputs):
        size = _SIZES[output.name]
        before = _RAW_CONTENTS_TAG + _varint(size * readings)
        fields.append(((message.SerializeToString() if position == 0 else b"") + before, output.name, size))
    return BinaryFrame(tuple(fields), None)


def encode(answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> RestAnswer:
    """The response with `outputs` of `answer`, some of them in JSON; arguments as of `rest_frame`."""
    binary: list[bytes] = []
    envelope = {**head, "outputs": list(_tensors(answer, outputs, binary))}
    text = orjson.dumps(envelope, option=orjson.OPT_SERIALIZE_NUMPY)
    if not binary:
        return RestAnswer(text, None)
    return RestAnswer(b"".join([text, *binary]), len(text))


def encode_message(answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> bytes:
    """A ModelInferResponse with typed contents, serialized; arguments as of `rest_frame`."""
    message = pb.ModelInferResponse(**head)
    for output in outputs:
        values: NDArray[Any] = getattr(answer, output.name)
        tensor = message.outputs.add(name=output.name, datatype=_DATATYPES[output.name], shape=[len(values)])
        getattr(tensor.contents, _CONTENTS[output.name]).extend(values.tolist())
    serialized: bytes = message.SerializeToString()
    return serialized


def encode_predictions(answer: Answer) -> RestAnswer:
    """The response of protocol V1: one object for each reading."""
    columns = {spec.name: getattr(answer, spec.name).tolist() for spec in OUTPUTS}
    rows = zip(*columns.values(), strict=True)
    body = orjson.dumps({"predictions": [dict(zip(columns, row, strict=True)) for row in rows]})
    return RestAnswer(body, None)


def _tensors(answer: Answer, outputs: tuple[RequestedOutput, ...], binary: list[bytes]) -> Iterator[dict[str, Any]]:
    for output in outputs:
        values: NDArray[Any] = getattr(answer, output.name)
        if output.binary:
            binary.append(values.tobytes())
            yield _binary_tensor(output.name, len(values))
        else:
            yield {"name": output.name, "datatype": _DATATYPES[output.name], "shape": [len(values)], "data": values}


def _binary_tensor(name: str, readings: int) -> dict[str, Any]:
    parameters = {"binary_data_size": readings * _SIZES[name]}
    return {"name": name, "datatype": _DATATYPES[name], "shape": [readings], "parameters": parameters}


_WIRE_BYTES = 2
_RAW_CONTENTS_TAG = bytes(
    [pb.ModelInferResponse.DESCRIPTOR.fields_by_name["raw_output_contents"].number << 3 | _WIRE_BYTES]
)


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)
