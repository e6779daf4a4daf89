"""One connection to the candidate: blocking, each step within its time, and nothing longer read than can be right."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass

from weld_predictor.answer import Answer
from weld_predictor.intake.wire import JSON_LENGTH_HEADER
from weld_predictor.shadow.batch import Batch
from weld_predictor.shadow.losses import Loss, LostError
from weld_predictor.shadow.order import Address, Order
from weld_predictor.shadow.wire import (
    Candidate,
    inference_request,
    longest_answer,
    metadata_request,
    read_answer,
    read_metadata,
)

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""From the first byte of a request to the last of its answer."""
_LONGEST_HEAD = 16_384
_LONGEST_TEXT = 65_536
"""Bytes of metadata, or of what says why a request is refused."""
_END = b"\r\n\r\n"
_PIECE = 262_144


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    json_length: str | None
    keep_alive: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, the seconds that it took, and who gave it."""

    answer: Answer
    seconds: float
    candidate: Candidate


class Line:
    """Talks to the candidate at one address, with one request at a time; belongs to one thread but for `abort`."""

    def __init__(self, address: Address, model: str) -> None:
        self.address = address
        self._host = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
        self._model = model
        self._socket: socket.socket | None = None
        self._was_used = False
        self._candidate: Candidate | None = None
        """Of the open connection: a process serves one bundle for life."""

    def connect(self, order: Order) -> Candidate:
        """Who answers there, once a connection is open. Raises LostError, also where it is another than the order's."""
        try:
            return self._connected(order)
        except LostError:
            self.close()
            raise

    def ask(self, batch: Batch, order: Order) -> Heard:
        """The candidate's answer. Raises LostError."""
        try:
            return self._ask(batch, order)
        except LostError as error:
            was_idle = self._was_used
            self.close()
            if error.loss is not Loss.UNREACHABLE or not was_idle:
                raise
        # It had closed a connection that lay idle, as servers do.
        try:
            return self._ask(batch, order)
        except LostError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = self._candidate = None
        self._was_used = False

    def abort(self) -> None:
        """From another thread: what is under way fails at once."""
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _ask(self, batch: Batch, order: Order) -> Heard:
        candidate = self._connected(order)
        request = inference_request(batch, self._model, self._host, candidate.context)
        started = time.monotonic()
        response = self._exchange(request, started + ANSWER_SECONDS, longest_answer(len(batch)))
        took = time.monotonic() - started
        if response.status != 200:
            told = response.body[:200].decode(errors="replace")
            raise LostError(Loss.REFUSED, f"it answered {response.status}: {told}")
        answer = read_answer(response.body, response.json_length, len(batch))
        self._was_used = True
        if not response.keep_alive:
            self.close()
        return Heard(answer, took, candidate)

    def _connected(self, order: Order) -> Candidate:
        if self._socket is not None and self._candidate is not None:
            return self._candidate
        self.close()
        try:
            self._socket = socket.create_connection(self.address, CONNECT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise LostError(Loss.UNREACHABLE, f"it cannot be reached: {error}") from None
        until = time.monotonic() + ANSWER_SECONDS
        response = self._exchange(metadata_request(self._model, self._host), until, _LONGEST_TEXT)
        if response.status != 200:
            raise LostError(Loss.UNREACHABLE, f"asked for its model it answered {response.status}")
        candidate = read_metadata(response.body)
        if candidate.digest != order.digest:
            raise LostError(Loss.UNREACHABLE, f"it serves {candidate.digest[:64]!r}, not {order.digest}")
        self._candidate = candidate
        return candidate

    def _exchange(self, request: bytes, until: float, longest: int) -> _Response:
        assert self._socket is not None
        try:
            self._wait_until(until)
            self._socket.sendall(request)
            return self._response(until, longest)
        except TimeoutError:
            raise LostError(Loss.SLOW, f"it did not answer within {ANSWER_SECONDS:g} s") from None
        except OSError as error:
            raise LostError(Loss.UNREACHABLE, f"the connection broke: {error}") from None

    def _response(self, until: float, longest: int) -> _Response:
        data = bytearray()
        while (end := data.find(_END)) < 0:
            if len(data) > _LONGEST_HEAD:
                raise LostError(Loss.UNPAIRED, f"its answer has a head of more than {_LONGEST_HEAD} bytes")
            data += self._receive(until)
        status, headers = _read_head(bytes(data[:end]))
        length = headers.get("content-length", "")
        most = longest if status == 200 else _LONGEST_TEXT
        if not (length.isascii() and length.isdigit() and len(length) < 12 and int(length) <= most):
            raise LostError(Loss.UNPAIRED, f"its answer has a length of {length[:20]!r}, expected at most {most} bytes")
        del data[: end + len(_END)]
        while len(data) < int(length):
            data += self._receive(until)
        if len(data) > int(length):
            raise LostError(Loss.UNPAIRED, "it answered more than it was asked")
        keep_alive = headers.get("connection", "").lower() != "close"
        return _Response(status, headers.get(JSON_LENGTH_HEADER), keep_alive, bytes(data))

    def _receive(self, until: float) -> bytes:
        assert self._socket is not None
        self._wait_until(until)
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise LostError(Loss.UNREACHABLE, "it closed the connection before it had answered")
        return piece

    def _wait_until(self, until: float) -> None:
        """The next step of the connection may take until then."""
        assert self._socket is not None
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
        raise LostError(Loss.UNPAIRED, f"its answer begins with {first[:40]!r}, expected HTTP/1.1 and a status")
    fields = (line.partition(":") for line in lines)
    return int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in fields}
