"""From counts of processor time to cores in use, over a window as metrics-server has one. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.sandbox.resource_metrics.process_table import Usage

WINDOW = timedelta(seconds=3)
"""Far shorter than metrics-server's 15 s at the least."""


class Rate(NamedTuple):
    """What a session used: cores on average over the window that ended at `at`, and bytes then."""

    at: datetime
    window: timedelta
    cores: float
    memory_bytes: int


class _Sample(NamedTuple):
    at: datetime
    sessions: Mapping[int, Usage]


class Rates:
    """Remembers the samples of one window."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def add(self, at: datetime, sessions: Mapping[int, Usage]) -> None:
        """One more sample; they come in the order of time."""
        self._samples.append(_Sample(at, sessions))
        # The oldest that is kept is the last one that is a whole window old.
        while len(self._samples) > 1 and at - self._samples[1].at >= WINDOW:
            self._samples.popleft()

    def of(self, session: int) -> Rate | None:
        """None for a session that has not been there for a whole window, or is there no more."""
        if not self._samples:
            return None
        first, last = self._samples[0], self._samples[-1]
        before, now = first.sessions.get(session), last.sessions.get(session)
        elapsed = last.at - first.at
        if before is None or now is None or elapsed < WINDOW:
            return None
        used = max(now.cpu_seconds - before.cpu_seconds, 0.0)
        return Rate(last.at, elapsed, used / elapsed.total_seconds(), now.memory_bytes)
