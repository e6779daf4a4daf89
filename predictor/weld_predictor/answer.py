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


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """The body of a response; `json_length` is None where it is JSON alone."""

    body: bytes
    json_length: int | None


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


def encode(answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> RestAnswer:
    """The response with `outputs` (see `requested_outputs`) of `answer`; `head` is model name, version and id."""
    binary: list[bytes] = []
    envelope = {**head, "outputs": list(_tensors(answer, outputs, binary))}
    text = orjson.dumps(envelope, option=orjson.OPT_SERIALIZE_NUMPY)
    if not binary:
        return RestAnswer(text, None)
    return RestAnswer(b"".join([text, *binary]), len(text))


def encode_message(answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> bytes:
    """A ModelInferResponse, serialized; arguments as of `encode`."""
    message = pb.ModelInferResponse(**head)
    for output in outputs:
        values: NDArray[Any] = getattr(answer, output.name)
        tensor = message.outputs.add(name=output.name, datatype=_DATATYPES[output.name], shape=[len(values)])
        if output.binary:
            message.raw_output_contents.append(values.tobytes())
        else:
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
        tensor = {"name": output.name, "datatype": _DATATYPES[output.name], "shape": [len(values)]}
        if output.binary:
            binary.append(values.tobytes())
            yield {**tensor, "parameters": {"binary_data_size": values.nbytes}}
        else:
            yield {**tensor, "data": values}
