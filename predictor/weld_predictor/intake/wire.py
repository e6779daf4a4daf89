"""The Open Inference Protocol's inference request over REST, with its binary tensor extension.

Only the envelope is read here: names, data types, shapes, and where the values are. The values themselves stay as
they came - lists from JSON, or views of the body - until it is known that they are wanted.

Sources: `inference_rest.md` of kserve/open-inference-protocol; `extension_binary_data.md` of
triton-inference-server/server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from numpy.typing import NDArray

from weld_predictor.intake.fault import RequestError, quoted

JSON_LENGTH_HEADER = "inference-header-content-length"
"""Header that says how many bytes of the body are JSON; the tensors' bytes follow them."""
BINARY_OUTPUTS = "binary_data_output"
"""Parameter of a request: its outputs leave in binary."""
SHADOWED_HEADER = "weldserve-shadowed"
"""Header of the same, by which its requests are counted apart even where their bodies are not read."""
SHADOWED = "shadowed"
"""Parameter of a request: another predictor has answered these readings, and compares.

Their readings count as all others do, but each is scored for itself: nothing is remembered of it or for it, and it is
not told late. Otherwise a reading that comes both ways, or out of turn, would change what is answered to another.
"""


@dataclass(frozen=True, slots=True)
class WireTensor:
    """One input as it came."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: list[Any] | memoryview | NDArray[Any]
    """JSON's values, flat or nested, or names as bytes; bytes of binary tensors; or numbers in an array [any]."""


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """One output that the client asks for."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class WireRequest:
    """An inference request whose envelope is sound; nothing is said of its values."""

    id: str | None
    inputs: tuple[WireTensor, ...]
    outputs: tuple[RequestedOutput, ...]
    """Empty: every output, in the order of the metadata."""
    binary_outputs: bool
    """Whether outputs that are not asked for by name leave in binary."""
    timed: bool = True
    """Whether it says when its readings were sampled, and that counts."""


def parse_request(body: bytes, json_length: str | None) -> WireRequest:
    """Read the envelope of `body`; `json_length` is the value of `JSON_LENGTH_HEADER`, None where it is absent.

    Raises RequestError with one sentence for anything that the protocol does not allow.
    """
    length = _json_length(json_length, len(body))
    envelope = parse_json(memoryview(body)[:length], "'inputs'")
    binary = _BinaryTail(memoryview(body)[length:])
    parameters = _parameters(envelope, "the request")
    binary_outputs = _flag(parameters, BINARY_OUTPUTS, "the request", False)
    request = WireRequest(
        id=_request_id(envelope),
        inputs=tuple(_input(item, binary) for item in _objects(envelope, "inputs", required=True)),
        outputs=tuple(_output(item, binary_outputs) for item in _objects(envelope, "outputs", required=False)),
        binary_outputs=binary_outputs,
        timed=not _flag(parameters, SHADOWED, "the request", False),
    )
    binary.must_be_used_up()
    return request


class _BinaryTail:
    """The bytes after the JSON, handed out in the order of the inputs."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._taken = 0

    def take(self, name: str, size: object) -> memoryview:
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise RequestError(
                f"tensor {quoted(name)}: binary_data_size {quoted(size)} came, expected a number of bytes"
            )
        left = len(self._data) - self._taken
        if size > left:
            raise RequestError(
                f"tensor {quoted(name)}: binary_data_size says {size} bytes, but only {left} follow in the body"
            )
        start, self._taken = self._taken, self._taken + size
        return self._data[start : self._taken]

    def must_be_used_up(self) -> None:
        if surplus := len(self._data) - self._taken:
            raise RequestError(
                f"the body has {surplus} bytes after its JSON that no tensor's binary_data_size accounts for"
            )


def _json_length(header: str | None, body_length: int) -> int:
    if header is None:
        return body_length
    if not (header.isascii() and header.isdigit() and len(header) <= 18):
        raise RequestError(f"header {JSON_LENGTH_HEADER}: {quoted(header)} came, expected a number of bytes")
    if int(header) > body_length:
        raise RequestError(
            f"header {JSON_LENGTH_HEADER} says {int(header)} bytes of JSON, but the body has {body_length}"
        )
    return int(header)


def parse_json(text: memoryview, wanted: str) -> dict[str, Any]:
    """The object in `text`, which is to have `wanted`. Raises RequestError."""
    if not text:
        raise RequestError(f"the request has no JSON, expected an object with {wanted}")
    try:
        envelope = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the request's JSON cannot be read: {error}") from None
    if not isinstance(envelope, dict):
        raise RequestError(f"the request's JSON is {json_type(envelope)}, expected an object with {wanted}")
    return envelope


def _objects(envelope: dict[str, Any], key: str, *, required: bool) -> list[dict[str, Any]]:
    items = envelope.get(key)
    if items is None and not required:
        return []
    if items is None:
        raise RequestError(f"the request has no {key!r}, expected a list of tensors")
    if not isinstance(items, list):
        raise RequestError(f"{key!r} is {json_type(items)}, expected a list of tensors")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise RequestError(f"{key}[{index}] is {json_type(item)}, expected an object with a 'name'")
        if not isinstance(item.get("name"), str):
            raise RequestError(f"{key}[{index}]: 'name' is {json_type(item.get('name'))}, expected a string")
    return items


def _input(item: dict[str, Any], binary: _BinaryTail) -> WireTensor:
    name: str = item["name"]
    datatype = item.get("datatype")
    if not isinstance(datatype, str):
        raise RequestError(
            f"tensor {quoted(name)}: 'datatype' is {json_type(datatype)}, expected a string such as FP32"
        )
    return WireTensor(name, datatype, _shape(item, name), _values(item, name, binary))


def _shape(item: dict[str, Any], name: str) -> tuple[int, ...]:
    shape = item.get("shape")
    if not isinstance(shape, list):
        raise RequestError(f"tensor {quoted(name)}: 'shape' is {json_type(shape)}, expected a list of sizes")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(
            f"tensor {quoted(name)}: shape {quoted(shape)} came, expected whole numbers that are not negative"
        )
    return tuple(shape)


def _values(item: dict[str, Any], name: str, binary: _BinaryTail) -> list[Any] | memoryview:
    data = item.get("data")
    size = _parameters(item, f"tensor {quoted(name)}").get("binary_data_size")
    if data is not None and size is not None:
        raise RequestError(f"tensor {quoted(name)}: both 'data' and 'binary_data_size' came, expected one of them")
    if size is not None:
        return binary.take(name, size)
    if not isinstance(data, list):
        raise RequestError(
            f"tensor {quoted(name)}: 'data' is {json_type(data)}, expected a list of values, or 'binary_data_size'"
        )
    return data


def _output(item: dict[str, Any], binary_by_default: bool) -> RequestedOutput:
    name: str = item["name"]
    where = f"output {quoted(name)}"
    return RequestedOutput(name, _flag(_parameters(item, where), "binary_data", where, binary_by_default))


def _parameters(holder: dict[str, Any], where: str) -> dict[str, Any]:
    parameters = holder.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(f"{where}: 'parameters' is {json_type(parameters)}, expected an object")
    return parameters


def _flag(parameters: dict[str, Any], key: str, where: str, default: bool) -> bool:
    value = parameters.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise RequestError(f"{where}: {key} {quoted(value)} came, expected true or false")
    return value


def _request_id(envelope: dict[str, Any]) -> str | None:
    request_id = envelope.get("id")
    if request_id is None or isinstance(request_id, str):
        return request_id
    raise RequestError(f"'id' is {json_type(request_id)}, expected a string")


def json_type(value: object) -> str:
    """What `value` is in JSON: `a number`."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return "missing" if value is None else names[type(value)]
