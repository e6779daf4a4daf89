"""Bodies of HTTP answers, read as far as is sane."""

from __future__ import annotations

import aiohttp


class TooLongError(Exception):
    """A body is longer than it should be; the text is a clause."""


async def read_bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body, of at most `most` bytes. Raises TooLongError."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            raise TooLongError(f"the answer is longer than {most:,} bytes")
    return bytes(body)
