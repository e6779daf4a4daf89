"""The heads of HTTP responses."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

Headers = list[tuple[bytes, bytes]]


class ResponseHeads:
    """Writes heads; what uvicorn puts in all of them, such as the date, changes once a second."""

    def __init__(self) -> None:
        self._usual: Headers = []
        self._starts: dict[int, bytes] = {}

    def head(self, status: int, kind: bytes, more: bytes, length: int, closes: bool, usual: Headers) -> bytes:
        """`kind`: the content's type; `more`: headers, each with its end of line; `length`: bytes of the body."""
        if usual is not self._usual:
            self._usual = usual
            self._starts.clear()
        start = self._starts.get(status)
        if start is None:
            start = STATUS_LINE[status] + b"".join([b"%b: %b\r\n" % header for header in usual])
            self._starts[status] = start
        connection = b"connection: close\r\n" if closes else b""
        return b"%b%b%bcontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (start, more, connection, kind, length)
