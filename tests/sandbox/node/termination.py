"""What a container says when it ends: its termination message file, or the end of its log."""

from __future__ import annotations

from pathlib import Path

MESSAGE_BYTES = 4096
LOG_BYTES = 2048
LOG_LINES = 80


def termination_message(file: Path, log: Path, log_start: int, *, policy: str, failed: bool) -> str:
    """At most 4096 bytes of the file; if that is empty and the policy says so, the log's last 2048 bytes or 80 lines.

    `log_start` is where the run's own part of the log begins, in bytes.
    """
    message = _read(file, 0, MESSAGE_BYTES)
    if not message and failed and policy == "FallbackToLogsOnError":
        tail = _read(log, max(log_start, _size(log) - LOG_BYTES), LOG_BYTES)
        message = b"".join(tail.splitlines(keepends=True)[-LOG_LINES:])
    return message.decode(errors="replace")


def _read(path: Path, start: int, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(most)
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
