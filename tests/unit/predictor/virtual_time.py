"""An event loop whose time stands still while anything is to do, and otherwise jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop in all but time."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_TimeSelector(self))

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


class _TimeSelector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer, moves the loop's time there."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing will ever happen: every task waits, and no timer is set")
        events = super().select(0)
        if not events:
            self._loop.advance(timeout)
        return events


def run(scenario: Coroutine[Any, Any, Result]) -> Result:
    """Run `scenario` to its end in virtual time that starts at 0."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(scenario)


def now() -> float:
    """The running loop's time, in seconds."""
    return asyncio.get_running_loop().time()
