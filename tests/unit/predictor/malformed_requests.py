"""Requests that no predictor takes, each with the sentence that says why. The model has 3 features; 10 readings fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from tests.unit.predictor.requests import Body, binary_body, json_tensors, readings, text_bytes, with_binary

FEATURES = 3
MOST = 10

_INPUTS = "features FP32 [N, 3], sensor_id BYTES or INT64 [N], sampled_at INT64 [N]"
_OUTPUTS = "risk FP32 [N], decision UINT8 [N], flags UINT32 [N]"
_TWO = readings(2, FEATURES)


def _json(**changes: object) -> Body:
    """Two readings, with the tensors' fields changed: `features={"shape": [1]}`; None leaves the tensor out."""
    tensors: list[dict[str, Any]] = []
    for tensor in json_tensors(_TWO):
        change = changes.get(tensor["name"], {})
        if isinstance(change, dict):
            tensors.append({**tensor, **change})
    return orjson.dumps({"inputs": tensors}), None


def _envelope(**changes: object) -> Body:
    return orjson.dumps({"inputs": json_tensors(_TWO), **changes}), None


def _binary(**changes: tuple[str, list[int], bytes]) -> Body:
    tensors = {
        "features": ("FP32", [2, FEATURES], _TWO.features.tobytes()),
        "sensor_id": ("BYTES", [2], text_bytes([b"a", b"b"])),
        "sampled_at": ("INT64", [2], _TWO.sampled_at.tobytes()),
        **changes,
    }
    return with_binary([(name, *tensor) for name, tensor in tensors.items()])


def _binary_sizes(size: object) -> Body:
    """The features' binary_data_size changed."""
    body, length = binary_body(_TWO)
    head = orjson.loads(body[: int(length or 0)])
    head["inputs"][0]["parameters"]["binary_data_size"] = size
    changed = orjson.dumps(head)
    return changed + body[int(length or 0) :], str(len(changed))


def _named(name: str) -> dict[str, Any]:
    return {**json_tensors(_TWO)[2], "name": name}


def _cut(body: Body, end: int) -> Body:
    return body[0][:end], body[1]


MALFORMED: dict[str, tuple[Body, str]] = {
    # The envelope
    "an empty body": ((b"", None), "the request has no JSON, expected an object with 'inputs'"),
    "a body without JSON": ((b"1234", "0"), "the request has no JSON, expected an object with 'inputs'"),
    "no JSON": (
        (b"risk?", None),
        "the request's JSON cannot be read: unexpected character, expected a JSON value: line 1 column 1 (char 0)",
    ),
    "a list": ((b"[]", None), "the request's JSON is a list, expected an object with 'inputs'"),
    "no inputs": ((b"{}", None), "the request has no 'inputs', expected a list of tensors"),
    "inputs of a wrong type": (_envelope(inputs="features"), "'inputs' is a string, expected a list of tensors"),
    "an input of a wrong type": (_envelope(inputs=[1]), "inputs[0] is a number, expected an object with a 'name'"),
    "an input without a name": (_envelope(inputs=[{}]), "inputs[0]: 'name' is missing, expected a string"),
    "an id of a wrong type": (_envelope(id=7), "'id' is a number, expected a string"),
    "parameters of a wrong type": (
        _envelope(parameters=[True]),
        "the request: 'parameters' is a list, expected an object",
    ),
    "a parameter of a wrong type": (
        _envelope(parameters={"binary_data_output": "yes"}),
        "the request: binary_data_output 'yes' came, expected true or false",
    ),
    # The outputs
    "an unknown output": (
        _envelope(outputs=[{"name": "score"}]),
        f"output 'score' is not an output of this model, expected {_OUTPUTS}",
    ),
    "an output asked for twice": (
        _envelope(outputs=[{"name": "risk"}, {"name": "risk"}]),
        "output 'risk' is asked for twice, expected it once",
    ),
    "an output's parameter of a wrong type": (
        _envelope(outputs=[{"name": "risk", "parameters": {"binary_data": 1}}]),
        "output 'risk': binary_data 1 came, expected true or false",
    ),
    # Which tensors
    "a missing tensor": (_json(sampled_at=None), f"tensor 'sampled_at' is missing, expected {_INPUTS}"),
    "an empty list of tensors": (_envelope(inputs=[]), f"tensor 'features' is missing, expected {_INPUTS}"),
    "an unknown tensor": (
        _envelope(inputs=[*json_tensors(_TWO), _named("pressure")]),
        f"tensor 'pressure' is not an input of this model, expected {_INPUTS}",
    ),
    "a tensor with a very long name": (
        _envelope(inputs=[_named("x" * 1000)]),
        f"tensor '{'x' * 37}...{'x' * 38}' is not an input of this model, expected {_INPUTS}",
    ),
    "a tensor twice": (
        _envelope(inputs=[*json_tensors(_TWO), _named("sampled_at")]),
        "tensor 'sampled_at' came 2 times, expected it once",
    ),
    # Data types and shapes
    "a data type that is no string": (
        _json(features={"datatype": 32}),
        "tensor 'features': 'datatype' is a number, expected a string such as FP32",
    ),
    "a wrong data type": (
        _json(features={"datatype": "FP64"}),
        "tensor 'features': datatype 'FP64' came, expected FP32",
    ),
    "a wrong data type where two would do": (
        _json(sensor_id={"datatype": "UINT8"}),
        "tensor 'sensor_id': datatype 'UINT8' came, expected BYTES or INT64",
    ),
    "no shape": (_json(features={"shape": None}), "tensor 'features': 'shape' is missing, expected a list of sizes"),
    "a shape with text": (
        _json(features={"shape": ["2", 3]}),
        "tensor 'features': shape ['2', 3] came, expected whole numbers that are not negative",
    ),
    "a negative shape": (
        _json(features={"shape": [-1, 3]}),
        "tensor 'features': shape [-1, 3] came, expected whole numbers that are not negative",
    ),
    "a deeply nested shape": (
        (b'{"inputs": [{"name": "features", "datatype": "FP32", "shape": %b}]}' % (b"[" * 900 + b"]" * 900), None),
        "tensor 'features': shape [[[[...]]]] came, expected whole numbers that are not negative",
    ),
    "a wrong rank": (_json(features={"shape": [6]}), "tensor 'features': shape [6] came, expected [N, 3]"),
    "a wrong number of features": (
        _json(features={"shape": [2, 4]}),
        "tensor 'features': shape [2, 4] came, expected [N, 3]",
    ),
    "a column instead of a vector": (
        _json(sampled_at={"shape": [2, 1]}),
        "tensor 'sampled_at': shape [2, 1] came, expected [N]",
    ),
    "no readings": (
        _json(features={"shape": [0, 3], "data": []}),
        "tensor 'features': 0 readings came, expected 1 to 10 in one request",
    ),
    "too many readings": (
        binary_body(readings(MOST + 1, FEATURES)),
        "tensor 'features': 11 readings came, expected 1 to 10 in one request",
    ),
    "an absurd number of readings": (
        _json(features={"shape": [2**62, 3]}),
        "tensor 'features': 4611686018427387904 readings came, expected 1 to 10 in one request",
    ),
    "tensors of different lengths": (
        _json(sensor_id={"shape": [3]}),
        "tensor 'sensor_id': 3 readings came, expected 2 as in 'features'",
    ),
    # Values in JSON
    "no values": (
        _json(features={"data": None}),
        "tensor 'features': 'data' is missing, expected a list of values, or 'binary_data_size'",
    ),
    "too few values": (
        _json(features={"data": [0.5] * 5}),
        "tensor 'features': 5 values came, expected 6 for shape [2, 3]",
    ),
    "ragged lists": (
        _json(features={"data": [[1, 2, 3], [4, 5]]}),
        "tensor 'features': its nested 'data' does not have the shape [2, 3]",
    ),
    "lists and numbers mixed": (
        _json(features={"data": [[1, 2, 3], 4]}),
        "tensor 'features': its nested 'data' does not have the shape [2, 3]",
    ),
    "text among numbers": (
        _json(features={"data": [1, 2, 3, 4, 5, "6"]}),
        "tensor 'features': '6' came among its values, expected numbers",
    ),
    "a boolean among numbers": (
        _json(features={"data": [1, 2, 3, 4, 5, True]}),
        "tensor 'features': True came among its values, expected numbers",
    ),
    "lists nested too deep": (
        _json(features={"data": [[[1], 2, 3], [4, 5, 6]]}),
        "tensor 'features': [1] came among its values, expected numbers",
    ),
    "a fraction among whole numbers": (
        _json(sampled_at={"data": [1, 2.5]}),
        "tensor 'sampled_at': 2.5 came among its values, expected whole numbers of 64 bits",
    ),
    "a missing time": (
        _json(sampled_at={"data": [1, None]}),
        "tensor 'sampled_at': None came among its values, expected whole numbers of 64 bits",
    ),
    "a whole number too large": (
        _json(sampled_at={"data": [1, 2**63]}),
        "tensor 'sampled_at': 9223372036854775808 came, expected whole numbers of 64 bits",
    ),
    "a number among names": (
        _json(sensor_id={"data": ["a", 2]}),
        "tensor 'sensor_id': 2 came among its values, expected strings",
    ),
    "an empty name": (
        _json(sensor_id={"data": ["a", ""]}),
        "tensor 'sensor_id': element 1 has 0 bytes, expected 1 to 128",
    ),
    "a name too long": (
        _json(sensor_id={"data": ["a", "é" * 65]}),
        "tensor 'sensor_id': element 1 has 130 bytes, expected 1 to 128",
    ),
    "a name with NUL": (
        _json(sensor_id={"data": ["a", "b\0"]}),
        "tensor 'sensor_id': an element contains a NUL byte, expected text",
    ),
    # Values in binary
    "JSON and binary at once": (
        _json(features={"parameters": {"binary_data_size": 24}}),
        "tensor 'features': both 'data' and 'binary_data_size' came, expected one of them",
    ),
    "a length that is no number": (
        (_envelope()[0], "many"),
        "header inference-header-content-length: 'many' came, expected a number of bytes",
    ),
    "a negative length": (
        (_envelope()[0], "-1"),
        "header inference-header-content-length: '-1' came, expected a number of bytes",
    ),
    "a length beyond the body": (
        (b"{}", "100"),
        "header inference-header-content-length says 100 bytes of JSON, but the body has 2",
    ),
    "a size that is no number": (
        _binary_sizes("24"),
        "tensor 'features': binary_data_size '24' came, expected a number of bytes",
    ),
    "a negative size": (
        _binary_sizes(-24),
        "tensor 'features': binary_data_size -24 came, expected a number of bytes",
    ),
    "a huge size": (
        _binary_sizes(2**62),
        "tensor 'features': binary_data_size says 4611686018427387904 bytes, but only 64 follow in the body",
    ),
    "a truncated body": (
        _cut(_binary(), -4),
        "tensor 'sampled_at': binary_data_size says 16 bytes, but only 12 follow in the body",
    ),
    "binary tensors without their header": (
        (orjson.dumps({"inputs": [{**_named("features"), "data": None, "parameters": {"binary_data_size": 8}}]}), None),
        "tensor 'features': binary_data_size says 8 bytes, but only 0 follow in the body",
    ),
    "surplus bytes": (
        (_binary()[0] + b"\0" * 3, _binary()[1]),
        "the body has 3 bytes after its JSON that no tensor's binary_data_size accounts for",
    ),
    "bytes that do not fit the shape": (
        _binary(features=("FP32", [2, 3], np.zeros(5, np.float32).tobytes())),
        "tensor 'features': 20 bytes came, expected 24 for FP32 [2, 3]",
    ),
    "too few names": (
        _binary(sensor_id=("BYTES", [2], text_bytes([b"a"]))),
        "tensor 'sensor_id': 1 elements came, expected 2 for shape [2]",
    ),
    "too many names": (
        _binary(sensor_id=("BYTES", [2], text_bytes([b"a", b"bb", b"c", b"d"]))),
        "tensor 'sensor_id': more than 2 elements came, expected 2 for shape [2]",
    ),
    "a name cut off": (
        _binary(sensor_id=("BYTES", [2], text_bytes([b"a", b"bcd"])[:-1])),
        "tensor 'sensor_id': its bytes end inside element 1",
    ),
    "a name's length cut off": (
        _binary(sensor_id=("BYTES", [2], text_bytes([b"abc"]) + b"\1\0")),
        "tensor 'sensor_id': its bytes end inside element 1",
    ),
    "a name of absurd length": (
        _binary(sensor_id=("BYTES", [2], b"\xff\xff\xff\xffa")),
        "tensor 'sensor_id': its bytes end inside element 0",
    ),
    "a long name among short ones": (
        _binary(sensor_id=("BYTES", [2], text_bytes([b"a", b"b" * 129]))),
        "tensor 'sensor_id': element 1 has 129 bytes, expected 1 to 128",
    ),
    "names of one length with NUL": (
        _binary(sensor_id=("BYTES", [2], text_bytes([b"ab", b"c\0"]))),
        "tensor 'sensor_id': an element contains a NUL byte, expected text",
    ),
}
