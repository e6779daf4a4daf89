"""How a long-running part of the rig ends: SIGTERM or SIGINT cancels its work."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine


async def until_terminated(work: Coroutine[None, None, None]) -> None:
    """Run `work` until it returns, or cancel it at SIGTERM or SIGINT and wait until it has ended."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
