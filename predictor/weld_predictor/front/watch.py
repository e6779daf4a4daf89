"""Watches that no client holds a connection by sending slowly, or nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from weld_predictor.front.connection import InferenceConnection

SECONDS = 1.0
"""Between two looks at all connections: cheaper than a timer for each request."""


async def watch(connections: Iterable[object]) -> None:
    """Look at `connections` again and again, until it is cancelled."""
    while True:
        await asyncio.sleep(SECONDS)
        now = time.perf_counter()
        for connection in list(connections):
            if isinstance(connection, InferenceConnection):
                connection.check(now)
