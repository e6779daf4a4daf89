"""Every answer that is not 200: its status, and a body `{"error": sentence}` as the Open Inference Protocol says.

KServe's own handlers answer many of these with 500 or with a list, and log a traceback for each; what a client did
wrong belongs in the metrics, not in the log.
"""

from __future__ import annotations

from http import HTTPStatus

import grpc
import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady, ServerNotReady, UnsupportedProtocol
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from weld_predictor.batching import QueueFullError, TooLateError
from weld_predictor.intake.fault import RequestError

RETRY_AFTER_SECONDS = 1
"""What a client is told to wait: a queue that is full empties within its deadline, far below a second."""


FAILURE = "the predictor failed to answer; its log says why"
"""What a client is told where the fault is not its own."""

_LONGEST_VERSION = 63
"""Of one that an answer quotes."""


class BodyTooLargeError(Exception):
    """A body longer than any request that would be taken."""


class EncodingError(Exception):
    """A body in an encoding that is not read."""


class VersionNotFoundError(Exception):
    """A version of the model that is not served here."""

    def __init__(self, name: str, version: str, served: str) -> None:
        super().__init__(f"Model with name {name} has no version {version[:_LONGEST_VERSION]} here, it has {served}.")


STATUS: dict[type[Exception], HTTPStatus] = {
    RequestError: HTTPStatus.BAD_REQUEST,
    InvalidInput: HTTPStatus.BAD_REQUEST,
    ModelNotFound: HTTPStatus.NOT_FOUND,
    VersionNotFoundError: HTTPStatus.NOT_FOUND,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    EncodingError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    QueueFullError: HTTPStatus.TOO_MANY_REQUESTS,
    # As google.rpc.Code maps DEADLINE_EXCEEDED: the client's time is up, so that coming again would not help it.
    TooLateError: HTTPStatus.GATEWAY_TIMEOUT,
    NotImplementedError: HTTPStatus.NOT_IMPLEMENTED,
    UnsupportedProtocol: HTTPStatus.NOT_IMPLEMENTED,
    ModelNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    ServerNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
}
FAULTS = tuple(STATUS)

_COME_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def answer_fault(error: Exception) -> Response:
    """The answer to one of `FAULTS`."""
    return error_response(status_of(error), str(error))


def error_response(status: int, sentence: str) -> Response:
    return Response(error_body(sentence), status, error_headers(status), "application/json")


def error_headers(status: int) -> dict[str, str]:
    return {"retry-after": str(RETRY_AFTER_SECONDS)} if status in _COME_AGAIN else {}


def error_body(sentence: str) -> bytes:
    """As the Open Inference Protocol says."""
    return orjson.dumps({"error": sentence})


GRPC_CODES: dict[HTTPStatus, grpc.StatusCode] = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.NOT_IMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def status_of(error: Exception) -> HTTPStatus:
    """The status of one of `FAULTS`."""
    exactly = STATUS.get(type(error))
    return exactly or next(status for fault, status in STATUS.items() if isinstance(error, fault))


def come_again_after(error: Exception) -> int | None:
    """Seconds after which the same request may be taken, None where it will not."""
    return RETRY_AFTER_SECONDS if status_of(error) in _COME_AGAIN else None


def add_fault_handlers(app: FastAPI) -> None:
    """Answer faults on every route alike."""

    async def on_fault(_: Request, error: Exception) -> Response:
        return answer_fault(error)

    async def on_http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return error_response(error.status_code, str(error.detail))

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        return error_response(HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}")

    async def on_failure(_: Request, __: Exception) -> Response:
        return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, FAILURE)

    for fault in FAULTS:
        app.add_exception_handler(fault, on_fault)
    app.add_exception_handler(Exception, on_failure)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
