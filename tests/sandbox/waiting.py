"""Bounded waiting for something that another process brings about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PAUSE_SECONDS = 0.2

T = TypeVar("T")


class WaitError(AssertionError):
    """What was waited for did not come; the text says what it was, and what was there instead."""


async def wait_for(
    probe: Callable[[], Awaitable[T]],
    until: Callable[[T], bool],
    *,
    seconds: float,
    what: str,
) -> T:
    """Look again and again until `until` holds for what `probe` returned; that is returned. Raises WaitError."""
    deadline = time.monotonic() + seconds
    while True:
        seen = await probe()
        if until(seen):
            return seen
        if time.monotonic() > deadline:
            raise WaitError(f"no {what} after {seconds:g} s; last seen: {seen}")
        await asyncio.sleep(PAUSE_SECONDS)
