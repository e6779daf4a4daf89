"""What a person sees while readings stream: rate, latency, precision and recall, who answers, what happens."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from tests.sandbox.sensor_stream import Tally

REFRESH_SECONDS = 0.5
LINE_SECONDS = 5
STORY_LINES = 12
QUOTED = "          | "


class LiveView:
    """A panel that renews itself on a terminal; elsewhere a line every five seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally: Tally | None = None
        self._samples: deque[tuple[float, int]] = deque(maxlen=8)
        self._story: deque[str] = deque(maxlen=STORY_LINES)
        self._began = time.monotonic()
        self._live: Live | None = None
        self._task: asyncio.Task[None] | None = None

    def say(self, line: str) -> None:
        """Tell one step of the story, with the seconds since the beginning."""
        line = f"{time.monotonic() - self._began:6.1f} s  {line}"
        self._story.append(line)
        if self._live is None:
            self._console.print(line, highlight=False, soft_wrap=True)

    def quote(self, command: str, lines: Iterable[str]) -> None:
        """What a command says at this moment; on a terminal, above the panel."""
        for line in (f"$ {command}", *lines):
            self._console.print(f"{QUOTED}{line}", highlight=False, markup=False, soft_wrap=True)

    def show(self, tally: Tally) -> None:
        """From now on, show these numbers as they change."""
        self._tally = tally
        if self._console.is_terminal:
            self._live = Live(self._panel(), console=self._console, auto_refresh=False)
            self._live.start()
        self._task = asyncio.create_task(self._renew())

    async def end(self) -> None:
        """Stop renewing; on a terminal, the last picture stays."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._live is not None:
            self._live.update(self._panel(), refresh=True)
            self._live.stop()
            self._live = None

    async def _renew(self) -> None:
        line_due = time.monotonic() + LINE_SECONDS
        while self._tally is not None:
            self._samples.append((time.monotonic(), self._tally.answered))
            if self._live is not None:
                self._live.update(self._panel(), refresh=True)
            elif time.monotonic() >= line_due:
                line_due += LINE_SECONDS
                self._console.print("            " + self._line(self._tally), highlight=False, soft_wrap=True)
            await asyncio.sleep(REFRESH_SECONDS)

    def summary(self, tally: Tally) -> str:
        """The whole run in one line."""
        refused = sum(tally.retried_refusals.values())
        return (
            f"{tally.sent:,} readings sent, {tally.answered:,} answered, {tally.unanswered} without an answer; "
            f"{tally.retried_connections} connections and {refused} refusals retried; "
            f"precision {_percent(tally.precision)}, recall {_percent(tally.recall)}"
        )

    def _rate(self) -> float:
        if len(self._samples) < 2:
            return 0.0
        (t0, n0), (t1, n1) = self._samples[0], self._samples[-1]
        return (n1 - n0) / (t1 - t0)

    def _line(self, tally: Tally) -> str:
        versions = ", ".join(f"{version}: {count:,}" for version, count in sorted(tally.by_version.items()))
        return (
            f"{self._rate():,.0f} readings/s, latency p50 {_ms(tally.latency(0.5))} p99 {_ms(tally.latency(0.99))}, "
            f"precision {_percent(tally.precision)}, recall {_percent(tally.recall)}, {versions}, "
            f"without an answer {tally.unanswered + len(tally.wrong)}"
        )

    def _panel(self) -> Panel:
        numbers = Table.grid(padding=(0, 3))
        if self._tally is not None:
            for row in _rows(self._tally, self._rate()):
                numbers.add_row(*row)
        return Panel(Group(numbers, "", *self._story), title="weldserve", border_style="cyan", width=110)


def _rows(tally: Tally, rate: float) -> list[tuple[str, str, str, str]]:
    versions = ", ".join(f"{version}: {count:,}" for version, count in sorted(tally.by_version.items())) or "none yet"
    latencies = " / ".join(_ms(tally.latency(quantile)) for quantile in (0.5, 0.95, 0.99))
    return [
        ("readings/s", f"{rate:,.0f}", "answered", f"{tally.answered:,} of {tally.sent:,}"),
        ("latency p50/p95/p99", latencies, "without an answer", f"{tally.unanswered}"),
        ("precision", _percent(tally.precision), "recall", _percent(tally.recall)),
        ("answered by version", versions, "connections retried", f"{tally.retried_connections}"),
    ]


def _ms(seconds: float) -> str:
    return "–" if math.isnan(seconds) else f"{seconds * 1000:.0f} ms"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.1%}"
