"""Logs as lines of JSON, each with the WeldModel that it is about."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

from weld_operator.kinds import Key

# kopf tells at INFO of each event that it hands over, and warns that signals are not its own in a thread.
_QUIETER = {"kopf.objects": logging.WARNING, "kopf._core.reactor.running": logging.ERROR}


class _WithKey(logging.Filter):
    """Adds to each record the key of the WeldModel that the work is about."""

    def __init__(self) -> None:
        super().__init__()
        self._key: ContextVar[Key | None] = ContextVar("key", default=None)

    @contextmanager
    def about(self, key: Key) -> Iterator[None]:
        """Everything logged inside carries this key."""
        token = self._key.set(key)
        try:
            yield
        finally:
            self._key.reset(token)

    def filter(self, record: logging.LogRecord) -> bool:
        key = self._key.get()
        if key is not None:
            record.weldmodel = str(key)
        return True


with_key = _WithKey()


def json_formatter() -> logging.Formatter:
    """One JSON object a line: time, level, logger, message, and whatever a record carries besides."""
    return JsonFormatter(
        ["levelname", "name", "message"], rename_fields={"levelname": "level", "name": "logger"}, timestamp="time"
    )


def log_as_json(level: str) -> None:
    """Write every log record of this level and above to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(with_key)
    handler.setFormatter(json_formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, least in _QUIETER.items():
        logging.getLogger(name).setLevel(max(least, logging.getLogger().level))
