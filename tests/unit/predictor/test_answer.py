"""The answer, in JSON and in binary."""

import numpy as np
import orjson

from weld_predictor.answer import OUTPUTS, Answer, encode
from weld_predictor.intake.wire import RequestedOutput

ANSWER = Answer(
    risk=np.array([0.1, 1.0], np.float32),
    decision=np.array([0, 1], np.uint8),
    flags=np.array([0, 2**31], np.uint32),
)
HEAD = {"model_name": "north-line", "model_version": "1.0.0", "id": "7"}


def outputs(*, binary: bool) -> tuple[RequestedOutput, ...]:
    return tuple(RequestedOutput(spec.name, binary) for spec in OUTPUTS)


def test_json() -> None:
    encoded = encode(ANSWER, outputs(binary=False), HEAD)
    assert encoded.json_length is None
    assert orjson.loads(encoded.body) == {
        **HEAD,
        "outputs": [
            {"name": "risk", "datatype": "FP32", "shape": [2], "data": [0.1, 1.0]},
            {"name": "decision", "datatype": "UINT8", "shape": [2], "data": [0, 1]},
            {"name": "flags", "datatype": "UINT32", "shape": [2], "data": [0, 2**31]},
        ],
    }


def test_binary() -> None:
    encoded = encode(ANSWER, outputs(binary=True), HEAD)
    assert encoded.json_length is not None
    head = orjson.loads(encoded.body[: encoded.json_length])
    assert [output["parameters"]["binary_data_size"] for output in head["outputs"]] == [8, 2, 8]
    assert encoded.body[encoded.json_length :] == (
        ANSWER.risk.tobytes() + ANSWER.decision.tobytes() + ANSWER.flags.tobytes()
    )


def test_only_the_requested_outputs_in_the_requested_order() -> None:
    encoded = encode(ANSWER, (RequestedOutput("flags", False), RequestedOutput("risk", True)), HEAD)
    head = orjson.loads(encoded.body[: encoded.json_length])
    assert [output["name"] for output in head["outputs"]] == ["flags", "risk"]
    assert encoded.body[encoded.json_length :] == ANSWER.risk.tobytes()
