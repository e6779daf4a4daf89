"""What the load generator sends and expects, as a file: see `load/plan.h`.

All whole numbers are int64, little-endian: protocol, readings, check, where the risks are in an answer, bytes of an
answer (-1: any), then the key, the headers of gRPC and the templates, each behind its length or count.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Protocol(IntEnum):
    """What a request is written in."""

    HTTP1 = 0
    GRPC = 1


class Check(IntEnum):
    """How the risks stand in an answer."""

    FLOAT32 = 1
    FLOAT64 = 2
    JSON = 3


@dataclass(frozen=True)
class Template:
    """A request, sent again and again with other sensors and times."""

    request: bytes
    """A whole HTTP/1.1 request, or a gRPC message with its five bytes of length."""
    risks: NDArray[np.float32]
    """[N], what must come back."""
    sensors_at: int = -1
    """Offset of N int64 in it; -1: it has none."""
    times_at: int = -1


@dataclass(frozen=True)
class AnswerForm:
    """Where the risks are in every answer."""

    check: Check
    risks_at: int = 0
    """Offset in the body or message."""
    length: int = -1
    """Bytes of every answer; -1: not always the same."""
    key: bytes = b""
    """What stands just before the first risk, in JSON."""


@dataclass(frozen=True)
class Plan:
    """Everything that the load generator must know."""

    protocol: Protocol
    answer: AnswerForm
    templates: tuple[Template, ...]
    headers: bytes = b""
    """Of a gRPC request, in HPACK."""

    @property
    def readings(self) -> int:
        """In each request."""
        return len(self.templates[0].risks)

    def write(self, path: Path) -> None:
        """Write it as the load generator reads it."""
        answer = self.answer
        with path.open("wb") as file:
            file.write(_numbers(self.protocol, self.readings, answer.check, answer.risks_at, answer.length))
            for text in (answer.key, self.headers):
                file.write(_numbers(len(text)) + text)
            file.write(_numbers(len(self.templates)))
            for each in self.templates:
                file.write(_numbers(len(each.request), each.sensors_at, each.times_at))
                file.write(each.request + each.risks.astype("<f4").tobytes())


def _numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)
