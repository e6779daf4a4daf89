"""A connection of the predictor's REST server without a socket: bytes in, bytes out."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import uvicorn
from prometheus_client import CollectorRegistry
from uvicorn.server import ServerState

from tests.unit.predictor.requests import Body
from weld_predictor.calls import Call
from weld_predictor.front.connection import Front, InferenceConnection
from weld_predictor.life_cycle import LifeCycle
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.reception import Reception
from weld_predictor.tracing import Traces

INFER = "/v2/models/north-line/infer"
LONGEST_BODY = 10_000


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_reading_paused = False
        self.is_closed = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever kept back here."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False


class WaitingRoom:
    """In the place of the reception: keeps calls until the test settles them."""

    def __init__(self) -> None:
        self.taken: list[Call] = []
        self.overload: Exception | None = None
        """What everybody is refused with, whose readings can be told before they are read."""
        self.asked_for: list[int] = []
        self.readings = 7
        """That every request has."""
        self.withdrawn: list[Call] = []

    def take(self, call: Call) -> None:
        call.readings_count = self.readings
        self.taken.append(call)

    def refusal(self, readings: int, due: float) -> Exception | None:
        del due
        self.asked_for.append(readings)
        return self.overload

    def withdraw(self, call: Call) -> None:
        call.is_settled = True
        self.withdrawn.append(call)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """In the place of KServe's: answers every request with its path and the length of its body."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = f"{scope['path']} {length}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Opened:
    """A connection that has been made, and what surrounds it."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.room = WaitingRoom()
        self.life_cycle = LifeCycle(drain=0)
        self.life_cycle.serve()
        self.registry = CollectorRegistry()
        labels = {"model": "north-line", "version": "1.0.0", "site": "north"}
        front = Front(
            cast(Reception, self.room),
            self.life_cycle,
            PredictorMetrics(self.registry, **labels),
            Traces(None),
            frozenset([INFER.encode()]),
            LONGEST_BODY,
        )
        config = uvicorn.Config(application, log_config=None, lifespan="off", ws="none", timeout_keep_alive=60)
        config.load()
        self.state = ServerState()
        self.connection = InferenceConnection(front, config=config, server_state=self.state, app_state={})
        self.connection.connection_made(self.transport)

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)

    def counted(self, status: int) -> float | None:
        labels = {"model": "north-line", "version": "1.0.0", "site": "north", "region": "", "protocol": "rest"}
        return self.registry.get_sample_value("weldserve_requests_total", {**labels, "status": str(status)})

    def answers(self) -> list[tuple[int, bytes]]:
        """Status and body of every response that was written."""
        return split_responses(self.transport.written)


def split_responses(written: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each of the responses, which tell the length of their bodies."""
    answers: list[tuple[int, bytes]] = []
    while written:
        head, _, rest = written.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers["content-length"])
        answers.append((int(lines[0].split()[1]), rest[:length]))
        written = rest[length:]
    return answers


def request(body: Body | bytes = b"{}", path: str = INFER, method: str = "POST", **headers: str) -> bytes:
    """The bytes of a request; `x_request_id` becomes the header `x-request-id`."""
    content, json_length = body if isinstance(body, tuple) else (body, None)
    lines = [f"{method} {path} HTTP/1.1", "Host: predictor"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if content or method == "POST":
        lines.append(f"Content-Length: {len(content)}")
    if json_length is not None:
        lines.append(f"Inference-Header-Content-Length: {json_length}")
    return "\r\n".join([*lines, "", ""]).encode() + content
