"""How readings are written for each server, and where its risks stand in an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import numpy as np
import orjson
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from numpy.typing import NDArray

from tests.bench.plan import AnswerForm, Check, Plan, Protocol, Template

MODEL = "bench"
INFER_PATH = f"/v2/models/{MODEL}/infer"
INFER_METHOD = "/inference.GRPCInferenceService/ModelInfer"
PATIENCE_SECONDS = 60
TOLERANCE = 1e-6
MOST_BYTES = 100_000_000

Tensors = dict[str, NDArray[Any]]
"""Inputs of one request by name: what is measured, and `sensor_id` and `sampled_at` for servers that ask for them."""
_DATATYPES = {"float32": "FP32", "int16": "INT16", "int64": "INT64"}


@dataclass(frozen=True)
class Wire:
    """One way to ask a server."""

    protocol: Protocol
    encode: Callable[[Tensors], bytes]
    """A whole request, as a template holds it."""
    form: Callable[[int, bytes, NDArray[np.float32]], AnswerForm]
    """Of the answers of the server at a port to this body or message, which has these risks [N]."""
    remembers: bool = False
    """Whether the server is told the sensors and times of readings."""

    def plan(self, port: int, requests: list[tuple[Tensors, NDArray[np.float32]]]) -> Plan:
        """For requests with their risks. Raises ValueError if the server at `port` answers the first one otherwise."""
        given = [
            ({**tensors, **(_identity(len(risks)) if self.remembers else {})}, risks) for tensors, risks in requests
        ]
        form = self.form(port, self.encode(given[0][0]), given[0][1])
        templates = tuple(_template(self.encode(tensors), tensors, risks) for tensors, risks in given)
        return Plan(self.protocol, form, templates, GRPC_HEADERS if self.protocol is Protocol.GRPC else b"")


def _identity(count: int) -> Tensors:
    """Numbers that are found again in a request; the load generator replaces them."""
    source = np.random.default_rng(count)
    return {name: source.integers(2**60, 2**62, count) for name in ("sensor_id", "sampled_at")}


def _template(request: bytes, tensors: Tensors, risks: NDArray[np.float32]) -> Template:
    places = [request.index(tensors[name].tobytes()) if name in tensors else -1 for name in ("sensor_id", "sampled_at")]
    return Template(request, risks, *places)


def http_request(path: str, body: bytes, **headers: str) -> bytes:
    """A whole HTTP/1.1 request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _binary(tensors: Tensors) -> bytes:
    inputs = [
        {**_head(name, values), "parameters": {"binary_data_size": values.nbytes}} for name, values in tensors.items()
    ]
    head = orjson.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}})
    body = head + b"".join(values.tobytes() for values in tensors.values())
    return http_request(
        INFER_PATH, body, Content_Type="application/octet-stream", Inference_Header_Content_Length=str(len(head))
    )


def _json(tensors: Tensors) -> bytes:
    inputs = [{**_head(name, values), "data": values.ravel()} for name, values in tensors.items()]
    body = orjson.dumps({"inputs": inputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    return http_request(INFER_PATH, body, Content_Type="application/json")


def _grpc(tensors: Tensors) -> bytes:
    request = pb.ModelInferRequest(model_name=MODEL)
    for name, values in tensors.items():
        request.inputs.add(name=name, datatype=_DATATYPES[str(values.dtype)], shape=values.shape)
        request.raw_input_contents.append(values.tobytes())
    message: bytes = request.SerializeToString()
    return b"\0" + len(message).to_bytes(4, "big") + message


def _plain_json(tensors: Tensors) -> bytes:
    return http_request(
        "/infer", orjson.dumps(tensors, option=orjson.OPT_SERIALIZE_NUMPY), Content_Type="application/json"
    )


def _head(name: str, values: NDArray[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": _DATATYPES[str(values.dtype)], "shape": values.shape}


def _http_form(port: int, request: bytes, risks: NDArray[np.float32]) -> AnswerForm:
    answer = ask_http(port, request)
    return _form(answer, risks)


def _json_form(port: int, request: bytes, risks: NDArray[np.float32]) -> AnswerForm:
    answer = orjson.loads(ask_http(port, request))
    (output,) = [output for output in answer["outputs"] if output["name"] == "risk"]
    _check(np.array(output["data"]).ravel(), risks)
    return AnswerForm(Check.JSON, key=b'"data":[')


def _list_form(port: int, request: bytes, risks: NDArray[np.float32]) -> AnswerForm:
    _check(np.array(orjson.loads(ask_http(port, request))), risks)
    return AnswerForm(Check.JSON, key=b"[")


def _grpc_form(port: int, request: bytes, risks: NDArray[np.float32]) -> AnswerForm:
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_receive_message_length", MOST_BYTES)]) as channel:
        answer: bytes = channel.unary_unary(INFER_METHOD)(request[5:], timeout=PATIENCE_SECONDS)
    return _form(answer, risks)


def ask_http(port: int, request: bytes) -> bytes:
    """The answer to a whole HTTP/1.1 request. Raises ValueError if it is not 200."""
    head, body = request.split(b"\r\n\r\n", 1)
    line, *rest = head.decode().split("\r\n")
    headers = [tuple(each.split(": ", 1)) for each in rest]
    path = line.split()[1]
    response = httpx.post(f"http://127.0.0.1:{port}{path}", content=body, headers=headers, timeout=PATIENCE_SECONDS)  # type: ignore[arg-type]
    if response.status_code != 200:
        raise ValueError(f"a request was answered {response.status_code}: {response.text[:200]}")
    return response.content


def _form(answer: bytes, risks: NDArray[np.float32]) -> AnswerForm:
    """Found by looking for numbers that are near enough."""
    for check, dtype in ((Check.FLOAT32, np.dtype("<f4")), (Check.FLOAT64, np.dtype("<f8"))):
        size = dtype.itemsize * len(risks)
        for place in range(len(answer) - size, -1, -1):
            if _are_near(np.frombuffer(answer, dtype, 1, place), risks[:1]) and _are_near(
                np.frombuffer(answer, dtype, len(risks), place), risks
            ):
                return AnswerForm(check, place, len(answer))
    raise ValueError(f"the risks that must be are not in an answer of {len(answer)} bytes")


def _are_near(found: NDArray[Any], risks: NDArray[np.float32]) -> bool:
    with np.errstate(invalid="ignore"):  # the bytes at a wrong place may be no numbers
        return bool((np.abs(found - risks) <= TOLERANCE).all())


def _check(found: NDArray[Any], risks: NDArray[np.float32]) -> None:
    if len(found) != len(risks) or not _are_near(found, risks):
        raise ValueError("an answer has other risks than those that must be")


def _literal(name: str, value: str) -> bytes:
    """A header that HPACK (RFC 7541, 6.2.2) neither compresses nor remembers."""
    return b"".join([b"\0", *(bytes([len(text)]) + text.encode() for text in (name, value))])


GRPC_HEADERS = b"".join(
    _literal(name, value)
    for name, value in (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", INFER_METHOD),
        (":authority", "127.0.0.1"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    )
)

REST_BINARY = Wire(Protocol.HTTP1, _binary, _http_form)
REST_JSON = Wire(Protocol.HTTP1, _json, _json_form)
GRPC = Wire(Protocol.GRPC, _grpc, _grpc_form)
PLAIN_JSON = Wire(Protocol.HTTP1, _plain_json, _list_form)
REMEMBERING_REST = Wire(Protocol.HTTP1, _binary, _http_form, remembers=True)
REMEMBERING_GRPC = Wire(Protocol.GRPC, _grpc, _grpc_form, remembers=True)
