"""The thread that makes passes while the event loop goes on hearing clients."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class PassThread:
    """Does one thing after the other, beside the event loop that it belongs to."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passes")
        self._ended: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._delivering = False

    async def prepare(self, make: Callable[[], Result]) -> Result:
        """What `make` makes, on the thread. Raises whatever `make` raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, make)

    def run(self, work: Callable[[], Result], then: Callable[[Result], None]) -> None:
        """Call `work`, which raises nothing, on the thread, and `then` with its result in the event loop's thread."""
        loop = asyncio.get_running_loop()

        def perform() -> None:
            self._ended.append((then, work()))
            loop.call_soon_threadsafe(self.deliver)

        self._executor.submit(perform)

    def deliver(self) -> None:
        """In the event loop's thread: what has ended is given to whom it concerns.

        The loop does so by itself in its next turn. But a turn in which hundreds of clients are heard takes tens of
        milliseconds; who is in the middle of one calls this, so that the thread has its next work.
        """
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._ended:
                then, result = self._ended.popleft()
                then(result)
        finally:
            self._delivering = False

    def close(self) -> None:
        """End the thread, when what is under way has ended."""
        self._executor.shutdown()
