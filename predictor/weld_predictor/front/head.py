"""The head of an HTTP request: its request line and its headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httptools

from weld_predictor.front.deadline import GATEWAY_TIMEOUT_HEADER, TIMEOUT_HEADER, seconds_allowed
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.wire import JSON_LENGTH_HEADER, SHADOWED_HEADER

END = b"\r\n\r\n"
LONGEST = 65_536
"""Bytes of a head that is read."""

_NOT_PLAIN = ("transfer-encoding", "expect", "upgrade", "content-encoding")
_TRACED = ("traceparent", "tracestate", "baggage")


@dataclass(frozen=True, slots=True)
class PlainHead:
    """The head of an inference request that is as most are: HTTP/1.1, with the length of its body, and not encoded."""

    raw: bytes
    length: int
    """Bytes of the body."""
    json_length: str | None
    """Value of `Inference-Header-Content-Length`."""
    accepted_encodings: str
    allowed: float
    """Seconds that the answer may take; may be infinite."""
    keep_alive: bool
    """Whether the connection outlives the request."""
    is_shadowed: bool
    """Whether another predictor sends it, for comparison."""
    traced: Mapping[str, str]
    """Headers that name the client's trace."""


class _Collector:
    """What httptools calls."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.has_twice = False
        self.is_complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        self.has_twice = self.has_twice or key in self.headers
        self.headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.is_complete = True


def read_plain_head(raw: bytes, paths: frozenset[bytes], longest_body: int) -> PlainHead | None:
    """The head in `raw`, which ends with `END`; None unless it is plain, and for one of `paths`.

    What is not plain, wrong or too long is for KServe's application, and uvicorn, to answer.
    """
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers = collector.headers
    length = headers.get("content-length", "")
    if (
        not collector.is_complete
        or collector.has_twice
        or collector.url not in paths
        or parser.get_method() != b"POST"
        or parser.get_http_version() != "1.1"
        or not (length.isdigit() and len(length) <= len(str(longest_body)) and int(length) <= longest_body)
        or any(name in headers for name in _NOT_PLAIN)
    ):
        return None
    try:
        allowed = seconds_allowed(headers.get(TIMEOUT_HEADER), headers.get(GATEWAY_TIMEOUT_HEADER))
    except RequestError:
        return None
    return PlainHead(
        raw=raw,
        length=int(length),
        json_length=headers.get(JSON_LENGTH_HEADER),
        accepted_encodings=headers.get("accept-encoding", ""),
        allowed=allowed,
        keep_alive=parser.should_keep_alive(),
        is_shadowed=SHADOWED_HEADER in headers,
        traced={name: headers[name] for name in _TRACED if name in headers},
    )
