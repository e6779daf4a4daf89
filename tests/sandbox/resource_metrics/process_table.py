"""What the processes of this machine use, by session: on a stand-in node each container is a session of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """Processor time until now, with that of children that have ended, and memory in use now."""

    cpu_seconds: float
    memory_bytes: int


class _Entry(NamedTuple):
    session: int
    usage: Usage


def sessions(proc: Path = Path("/proc")) -> dict[int, Usage]:
    """The usage of every session, by its number, which is the process id of its first process."""
    found: dict[int, Usage] = {}
    for entry in _entries(proc):
        before = found.get(entry.session, Usage(0.0, 0))
        found[entry.session] = Usage(
            before.cpu_seconds + entry.usage.cpu_seconds, before.memory_bytes + entry.usage.memory_bytes
        )
    return found


def _entries(proc: Path) -> Iterator[_Entry]:
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        yield _entry(text)


def _entry(stat: str) -> _Entry:
    """From the line of /proc/PID/stat, see proc_pid_stat(5); a program's name may have spaces and brackets in it."""
    fields = stat.rpartition(")")[2].split()
    # Numbered from 3, the state, which comes after the name.
    session, rss = int(fields[6 - 3]), int(fields[24 - 3])
    ticks = sum(int(fields[number - 3]) for number in (14, 15, 16, 17))
    return _Entry(session, Usage(ticks / TICKS_PER_SECOND, rss * PAGE_BYTES))
