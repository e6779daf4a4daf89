"""Compressed bodies, in and out, within bounds: some kilobytes may stand for gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from weld_predictor.faults import BodyTooLargeError, EncodingError
from weld_predictor.intake.fault import RequestError, quoted

IDENTITY, GZIP, DEFLATE = "identity", "gzip", "deflate"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_WINDOWS = {GZIP: _GZIP_WINDOW, "x-gzip": _GZIP_WINDOW, DEFLATE: zlib.MAX_WBITS}
"""zlib's `wbits` by content coding; `deflate` is the zlib format (RFC 9110, 8.4.1)."""

_FREE_BYTES = 2**20
_MOST_TIMES = 100
"""What a body may grow to: so many bytes in any case, or so many times those that came. Readings written as JSON shrink
to a tenth at best; what stands for a hundred times itself is there to keep the server busy."""

_LEVEL = 1
_SHORTEST = 1_400
"""Bytes: what fits one packet is not worth compressing."""


class BodyReader:
    """Takes a body piece by piece, and gives it whole and decompressed; holds at most `longest` bytes and one more."""

    def __init__(self, content_encoding: str, longest: int) -> None:
        """Raises EncodingError for an encoding that is not read."""
        self._encoding = content_encoding.strip().lower() or IDENTITY
        self._longest = longest
        self._pieces: list[bytes] = []
        self._length = self._received = 0
        self._inflate: Callable[[bytes, int], bytes] | None = None
        if self._encoding != IDENTITY:
            if self._encoding not in _WINDOWS:
                raise EncodingError(
                    f"content-encoding {quoted(content_encoding)} came, expected {GZIP}, {DEFLATE} or none"
                )
            self._decompressor = zlib.decompressobj(_WINDOWS[self._encoding])
            self._inflate = self._decompressor.decompress

    @property
    def is_compressed(self) -> bool:
        return self._inflate is not None

    def declare(self, length: int) -> None:
        """The body will come with so many bytes. Raises BodyTooLargeError."""
        if length > self._longest:
            raise BodyTooLargeError(f"the body has {length} bytes or more, expected at most {self._longest}")

    def take(self, piece: bytes) -> None:
        """The next bytes as they came. Raises BodyTooLargeError, and RequestError where they cannot be decompressed."""
        longest = self._longest
        if self._inflate is not None:
            if self._decompressor.eof and piece:
                raise RequestError(f"the body goes on after its {self._encoding} data has ended, expected one stream")
            try:
                longest = self._longest_for(len(piece))
                piece = self._inflate(piece, longest - self._length + 1)
            except zlib.error:
                raise RequestError(f"the body cannot be decompressed, expected {self._encoding} as it says") from None
            self._check_surplus()
        self._length += len(piece)
        if self._length > longest:
            what = "the body has" if self._inflate is None else "decompressed, the body has"
            limit = f"{longest}"
            if longest < self._longest:
                limit = f"{_FREE_BYTES}, or {_MOST_TIMES} times the {self._received} that came"
            raise BodyTooLargeError(f"{what} {self._length} bytes or more, expected at most {limit}")
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """The body. Raises RequestError if compressed data ended before its end."""
        if self._inflate is not None and not self._decompressor.eof:
            raise RequestError(f"the body ends inside its {self._encoding} data")
        return b"".join(self._pieces)

    def _longest_for(self, more: int) -> int:
        self._received += more
        return min(self._longest, max(_FREE_BYTES, _MOST_TIMES * self._received))

    def _check_surplus(self) -> None:
        if self._decompressor.unused_data:
            raise RequestError(f"the body goes on after its {self._encoding} data has ended, expected one stream")


def compress(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """A response's body, and the encoding that it has then; `accepted` is the request's `Accept-Encoding`."""
    if len(body) < _SHORTEST:
        return body, None
    encodings = {part.partition(";")[0].strip().lower() for part in accepted.split(",") if not _is_refused(part)}
    for encoding in (GZIP, DEFLATE):
        if encoding in encodings:
            compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOWS[encoding])
            return compressor.compress(body) + compressor.flush(), encoding
    return body, None


def _is_refused(part: str) -> bool:
    """`gzip;q=0`: RFC 9110, 12.4.2."""
    weight = part.partition(";")[2].replace(" ", "").lower()
    return weight.startswith("q=0") and not weight.strip("q=0.")
