"""How much of the processor shadowing may take: little of what the predictor works, more of what would lie idle.

A share of the clock's time would not do. Where the predictor has but a part of a core, by a limit of its Pod or by
neighbours, that share would be a large part of what it has.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SHARE_OF_WORK = 0.015
"""Of the processor time that the predictor takes for itself."""
SHARE_OF_IDLE = 0.1
"""Of the time in which it neither works nor waits for the processor."""
MOST_SAVED = 0.02
"""Seconds of the processor that may be taken at once, after a rest."""
EARN_SECONDS = 0.05
"""From one account to the next."""

_TASKS = Path("/proc/self/task")


@dataclass(frozen=True, slots=True)
class Effort:
    """Of all threads but the one that asks, since their start; seconds."""

    worked: float
    """On the processor."""
    waited: float
    """For it: other processes had it, or the Pod had used up its limit."""


def effort_of_others() -> Effort:
    """Of this process, without the thread that calls it; `waited` is 0 where the system does not tell."""
    own, waited = threading.get_native_id(), 0
    with contextlib.suppress(OSError):
        for task in os.listdir(_TASKS):
            if task != str(own):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    # Nanoseconds run and waited, and how often it ran: the kernel's sched-stats.rst.
                    waited += int((_TASKS / task / "schedstat").read_bytes().split()[1])
    return Effort(time.process_time() - time.thread_time(), waited / 1e9)


class Thrift:
    """An account of seconds of the processor: earned as time goes by, spent by work."""

    def __init__(self, now: float, effort: Callable[[], Effort] = effort_of_others) -> None:
        """`now` by any clock that never goes back."""
        self._effort = effort
        self._saved = MOST_SAVED
        self._earned_at = now
        self._before: Effort | None = None

    def may_work(self, now: float) -> bool:
        """Whether something is saved."""
        if now - self._earned_at >= EARN_SECONDS or self._before is None:
            self._earn(now)
        return self._saved > 0

    def worked(self, seconds: float) -> None:
        """Work has taken so many seconds of the processor."""
        self._saved -= seconds

    def _earn(self, now: float) -> None:
        effort, passed = self._effort(), now - self._earned_at
        before = effort if self._before is None else self._before
        worked = effort.worked - before.worked
        # What a thread that ended had waited is gone from the sum.
        waited = max(effort.waited - before.waited, 0.0)
        idle = max(passed - worked - waited, 0.0)
        self._saved = min(self._saved + SHARE_OF_WORK * worked + SHARE_OF_IDLE * idle, MOST_SAVED)
        self._before, self._earned_at = effort, now
