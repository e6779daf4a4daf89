"""A candidate that answers as it is told, on a socket of 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import orjson

from weld_predictor.shadow.order import Address

Say = Callable[[socket.socket, bytes], None]
"""Takes a connection and the request that came whole, and says what it likes; it may close the connection."""


class Peer:
    """Hears whole requests and answers metadata properly, and every other request by `say`."""

    def __init__(self, digest: str, say: Say) -> None:
        self._digest = digest
        self._say = say
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.address: Address = self._listener.getsockname()[:2]
        self.connections = 0
        self.requests: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """At once, and with it every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while request := _whole_request(connection):
                if request.startswith(b"GET "):
                    properties = {
                        "sha256": self._digest,
                        "features": "echo_0 [dB], echo_1 [dB]",
                        "context": "pressure [MPa]",
                        "most_readings_in_a_request": "1000",
                    }
                    connection.sendall(response(orjson.dumps({"properties": properties})))
                else:
                    self.requests.append(request)
                    self._say(connection, request)


def _whole_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ValueError("the other side has gone")
    return piece


@contextmanager
def peer(digest: str, say: Say) -> Iterator[Peer]:
    """One that ends with the block."""
    made = Peer(digest, say)
    try:
        yield made
    finally:
        made.close()


def response(body: bytes, status: str = "200 OK", /, **headers: object) -> bytes:
    """A whole response; `content_length` may be another than the body's."""
    lines = {"content-length": len(body), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return (
        "\r\n".join([f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in lines.items()), "", ""]).encode()
        + body
    )


def answer_body(
    risk: list[float], decision: list[int] | None = None, flags: list[int] | None = None
) -> tuple[bytes, int]:
    """The body of an answer, and how much of it is JSON."""
    columns = {
        "risk": ("FP32", np.array(risk, "<f4").tobytes()),
        "decision": ("UINT8", np.array(decision or [0] * len(risk), "u1").tobytes()),
        "flags": ("UINT32", np.array(flags or [0] * len(risk), "<u4").tobytes()),
    }
    outputs = [
        {"name": name, "datatype": datatype, "shape": [len(risk)], "parameters": {"binary_data_size": len(raw)}}
        for name, (datatype, raw) in columns.items()
    ]
    text = orjson.dumps({"model_name": "north-line", "outputs": outputs})
    return text + b"".join(raw for _, raw in columns.values()), len(text)


def proper(risk: list[float]) -> Say:
    """Answers every request with these risks."""
    body, length = answer_body(risk)
    whole = response(body, inference_header_content_length=length)
    return lambda connection, _: connection.sendall(whole)
