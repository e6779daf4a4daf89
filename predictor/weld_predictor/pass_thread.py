"""A thread for passes, so that health, metrics and new requests are answered meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class PassThread:
    """Does one thing after the other, beside the event loop that it belongs to."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passes")

    async def prepare(self, make: Callable[[], Result]) -> Result:
        """What `make` makes, on the thread. Raises whatever `make` raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, make)

    def run(self, work: Callable[[], Result], then: Callable[[Result], None]) -> None:
        """Call `work`, which raises nothing, on the thread, and `then` with its result in the event loop."""
        loop = asyncio.get_running_loop()
        self._executor.submit(lambda: loop.call_soon_threadsafe(then, work()))

    def close(self) -> None:
        """End the thread, when what is under way has ended."""
        self._executor.shutdown()
