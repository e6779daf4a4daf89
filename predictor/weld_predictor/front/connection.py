# mypy: allow-subclassing-any
"""One connection of a client of REST.

A plain inference request is answered here: no ASGI, no task, no future, and its head is not even read where it is the
same as that of the request before. Everything else - other routes, chunked or compressed bodies, what is wrong - is
handed over unread to uvicorn, and by it to KServe's application; when that has answered, the connection is here again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from weld_predictor.answer import RestAnswer
from weld_predictor.batching import NO_DEADLINE, Client
from weld_predictor.calls import Call, RestCall
from weld_predictor.compression import compress
from weld_predictor.faults import FAULTS
from weld_predictor.front.arrival import ArrivalClock
from weld_predictor.front.fault_text import FaultText, FaultTexts, write_fault
from weld_predictor.front.head import END, LONGEST, PlainHead, read_plain_head
from weld_predictor.front.response import ResponseHeads
from weld_predictor.intake.wire import JSON_LENGTH_HEADER
from weld_predictor.life_cycle import LifeCycle
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.reception import Reception
from weld_predictor.tracing import Traces

CLIENT_CLOSED_REQUEST = 499
"""Status, in the metrics only, of a request whose client went away before it was answered (nginx's number)."""
HEAD_SECONDS = 10.0
LEAST_BYTES_PER_SECOND = 16_384
"""A request must have come whole within `HEAD_SECONDS`, and as much more as its bytes take at this rate."""
WAY_SHARE = 0.2
"""Of the time that an answer may take, for its way from here to a client that is busy too."""
MOST_UNDER_WAY = 32
"""Requests of one connection that may wait for their answers; beyond, the connection is not read."""

_POST = b"POST "
_BINARY, _JSON = b"application/octet-stream", b"application/json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Front:
    """What the connections of one server have in common."""

    reception: Reception
    life_cycle: LifeCycle
    metrics: PredictorMetrics
    traces: Traces
    paths: frozenset[bytes]
    """Of inference, as they stand in a request line."""
    longest_body: int
    """Bytes."""
    heads: ResponseHeads = field(default_factory=ResponseHeads)
    faults: FaultTexts = field(default_factory=FaultTexts)


class InferenceConnection(HttpToolsProtocol):
    """uvicorn's protocol, with inference in front of it."""

    def __init__(self, front: Front, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._front = front
        self._client = Client()
        self._head: PlainHead | None = None
        """Of the latest plain request."""
        self._unread = bytearray()
        """An incomplete head, or what may not be read yet."""
        self._body: list[bytes] = []
        self._missing = 0
        """Bytes of a body that are still to come."""
        self._refused: Exception | None = None
        """What the request under way is answered, where it is not even read."""
        self._usual_readings = 0
        """Of the request before, where its head was the same; 0: nobody knows."""
        self._calls: deque[_Pending] = deque()
        """Whose answers are still to be sent, in the order in which they came."""
        self._with_kserve = False
        self._in_message = False
        self._in_head = False
        """Whether uvicorn's parser is within a request, and within its head."""
        self._is_held = False
        self._closing = False
        self._arrivals: ArrivalClock | None = None
        """Once there was a request with a deadline."""
        self._began = self._heard = time.perf_counter()
        """When the request that is coming in began, and when the client was last heard or answered."""
        self._came_in = 0
        """Bytes of it, so far."""

    # What comes in

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # An answer is sent at once, not when the loop has heard everybody else.
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        self._heard = time.perf_counter()
        if not self._is_coming_in:
            self._began, self._came_in = self._heard, 0
        self._came_in += len(data)
        if self._with_kserve:
            if not self._kserve_is_done:
                self._pass_on(data)
                return
            self._with_kserve = False
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._unread:
            self._unread += data
            data, self._unread = bytes(self._unread), bytearray()
        self._read(data)

    def _read(self, data: bytes) -> None:
        while data:
            if self._missing:
                data = self._read_body(data)
                continue
            if self._is_held or self._closing:
                self._unread += data
                return
            head = self._head
            if head is None or not data.startswith(head.raw):
                end = data.find(END) if data.startswith(_POST) else -1
                if end < 0 and _POST.startswith(data[: len(_POST)]) and len(data) < LONGEST:
                    self._unread += data
                    return
                head = self._plain_head(data[: end + len(END)]) if end >= 0 else None
                if head is None:
                    self._hand_over(data)
                    return
                self._head, self._usual_readings = head, 0
            start, stop = len(head.raw), len(head.raw) + head.length
            self._refused = self._refusal(head)
            if len(data) < stop:
                self._body = [] if self._refused is not None else [data[start:]]
                self._missing = stop - len(data)
                return
            if self._refused is not None:
                self._answer_unread(head, self._refused)
            else:
                self._take(head, data[start:stop])
            data = data[stop:]

    def _read_body(self, data: bytes) -> bytes:
        """Takes from `data` what belongs to the body under way, and gives the rest."""
        mine, rest = data[: self._missing], data[self._missing :]
        self._missing -= len(mine)
        if self._refused is None:
            self._body.append(mine)
        if not self._missing:
            assert self._head is not None
            body, self._body = b"".join(self._body), []
            if self._refused is None:
                self._take(self._head, body)
            else:
                self._answer_unread(self._head, self._refused)
        return rest

    def _refusal(self, head: PlainHead) -> Exception | None:
        """What a request is refused with before it is read, if it is like the one before and nothing but its turn."""
        if not self._usual_readings or self._calls:
            return None
        due = NO_DEADLINE if head.allowed == NO_DEADLINE else self._due(self._began, head.allowed)
        return self._front.reception.refusal(self._usual_readings, due)

    def _answer_unread(self, head: PlainHead, error: Exception) -> None:
        self._count_fault(_kind_of(head).protocol, head.traced, self._began, error)
        self._began, self._came_in = self._heard, 0
        self._write_fault(self._front.faults.of(error), head.keep_alive)

    def _plain_head(self, raw: bytes) -> PlainHead | None:
        if len(raw) > LONGEST or not self._front.life_cycle.takes_requests:
            return None
        return read_plain_head(raw, self._front.paths, self._front.longest_body)

    def _take(self, head: PlainHead, body: bytes) -> None:
        came = self._began
        due = NO_DEADLINE if head.allowed == NO_DEADLINE else self._due(came, head.allowed)
        call = _kind_of(head)(self._client, came, body, self._answer, due, head.traced)
        call.json_length = head.json_length
        call.plain = head
        call.response = None
        self._calls.append(call)
        if len(self._calls) >= MOST_UNDER_WAY:
            self._hold()
        self._began, self._came_in = self._heard, 0
        self._front.reception.take(call)
        self._usual_readings = call.readings_count

    def _due(self, came: float, allowed: float) -> float:
        """The client's time runs while its request waits to be read, and while the answer is on its way."""
        if self._arrivals is None:
            self._arrivals = ArrivalClock(self.transport)
        return min(came, time.perf_counter() - self._arrivals.seconds_unread()) + allowed * (1 - WAY_SHARE)

    def _hand_over(self, data: bytes) -> None:
        """To uvicorn, once everything before it is answered."""
        if self._calls:
            self._unread += data
            self._hold()
            return
        self._with_kserve = True
        self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._came_in + len(data) > LONGEST and not self.transport.is_closing():
            self._refuse(431, f"the head of the request has more than {LONGEST} bytes, expected fewer")

    @property
    def _kserve_is_done(self) -> bool:
        return not self._in_message and not self.pipeline and (self.cycle is None or self.cycle.response_complete)

    @property
    def _is_coming_in(self) -> bool:
        return bool(self._in_message or self._missing or self._unread)

    def on_message_begin(self) -> None:
        self._in_message = self._in_head = True
        self._began, self._came_in = self._heard, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    # What goes out

    def _answer(self, call: Call, outcome: Any) -> None:
        """Send the response to `call`, once those before it are sent."""
        assert isinstance(call, _Pending)
        call.response = outcome
        if isinstance(outcome, Exception):
            self._count_fault(call.protocol, call.headers, call.came, outcome)
        calls = self._calls
        while calls and calls[0].response is not None:
            self._send(calls.popleft())
        if self._is_held and len(calls) < MOST_UNDER_WAY:
            self._release()

    def _count_fault(self, protocol: str, headers: Mapping[str, str], came: float, error: Exception) -> None:
        status = str(self._front.faults.of(error).status)
        self._front.metrics.request(protocol, status, time.perf_counter() - came)
        self._front.traces.request(protocol, headers, status, came)
        if not isinstance(error, FAULTS):
            _log.error("a request could not be answered", exc_info=error)

    def _send(self, call: _Pending) -> None:
        self._heard = time.perf_counter()
        if self.transport.is_closing():
            return
        outcome = call.response
        if isinstance(outcome, RestAnswer):
            if outcome.json_length is not None:
                head = b"%b: %d\r\n" % (_JSON_LENGTH, outcome.json_length)
                self._write(200, _BINARY, head, outcome.body, call.plain.keep_alive)
                return
            body, encoding = compress(outcome.body, call.plain.accepted_encodings)
            head = b"" if encoding is None else b"content-encoding: %b\r\nvary: accept-encoding\r\n" % encoding.encode()
            self._write(200, _JSON, head, body, call.plain.keep_alive)
        else:
            self._write_fault(self._front.faults.of(outcome), call.plain.keep_alive)

    def _write_fault(self, fault: FaultText, keep_alive: bool) -> None:
        self._write(fault.status, _JSON, fault.headers, fault.body, keep_alive)

    def _write(self, status: int, kind: bytes, more: bytes, body: bytes, keep_alive: bool) -> None:
        self.server_state.total_requests += 1
        leaves = self._closing or self._front.life_cycle.is_leaving
        closes = not keep_alive or (leaves and not self._calls)
        usual = self.server_state.default_headers
        self.transport.write(self._front.heads.head(status, kind, more, len(body), closes, usual) + body)
        if closes:
            self._closing = True
            self._withdraw_calls()
            self.transport.close()

    # How fast it comes and goes

    def _hold(self) -> None:
        self._is_held = True
        self.flow.pause_reading()

    def _release(self) -> None:
        """Read on, unless the client does not read its answers."""
        if self.flow.write_paused:
            return
        self._is_held = False
        self.flow.resume_reading()
        if self._unread:
            data, self._unread = bytes(self._unread), bytearray()
            self._read(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self._with_kserve:
            self._hold()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._is_held and len(self._calls) < MOST_UNDER_WAY:
            self._release()

    def check(self, now: float) -> None:
        """Close the connection if its client takes too long, to send a request or to send another."""
        if self._is_held or self.transport is None or self.transport.is_closing():
            return
        if self._is_coming_in:
            if now - self._began > HEAD_SECONDS + self._came_in / LEAST_BYTES_PER_SECOND:
                self._time_out(now)
        elif not self._calls and self._kserve_is_done and now - self._heard > self.timeout_keep_alive:
            self.transport.close()

    def _time_out(self, now: float) -> None:
        is_answered = self._with_kserve and self.cycle is not None and self.cycle.response_started
        if not self._calls and not is_answered:
            self._refuse(408, f"the request did not come whole within {now - self._began:.0f} s, expected it sooner")
        self._missing = 0
        self.transport.close()

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer what is coming in, and close."""
        self._front.metrics.request(RestCall.protocol, str(status), time.perf_counter() - self._began)
        self._write_fault(write_fault(status, sentence), False)

    # The end

    def shutdown(self) -> None:
        """uvicorn's: answer what has begun, and close."""
        self._closing = True
        if self._with_kserve and not self._kserve_is_done:
            super().shutdown()
        elif not self._calls and not self._missing:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._arrivals is not None:
            self._arrivals.close()
        self._withdraw_calls()
        if self._missing:
            self._count_gone(self._began)

    def _withdraw_calls(self) -> None:
        while self._calls:
            call = self._calls.popleft()
            if call.response is None:
                self._front.reception.withdraw(call)
                self._count_gone(call.came)

    def _count_gone(self, came: float) -> None:
        self._front.metrics.request(RestCall.protocol, str(CLIENT_CLOSED_REQUEST), time.perf_counter() - came)


class _Pending(RestCall):
    """A call of a connection, and its response until it can be sent."""

    __slots__ = ("plain", "response")

    plain: PlainHead
    response: Any


class _PendingShadowed(_Pending):
    """One that another predictor sends for comparison; no sensor waits for it."""

    __slots__ = ()

    protocol = "shadow"


def _kind_of(head: PlainHead) -> type[_Pending]:
    return _PendingShadowed if head.is_shadowed else _Pending


_JSON_LENGTH = JSON_LENGTH_HEADER.encode()
