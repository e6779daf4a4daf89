"""Logs as lines of JSON, each with the WeldModel that it is about."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

from weld_operator.kinds import Key

_about: ContextVar[Key | None] = ContextVar("about", default=None)

# kopf tells at INFO of each event that it hands over, and warns that signals are not its own in a thread.
_QUIETER = {"kopf.objects": logging.WARNING, "kopf._core.reactor.running": logging.ERROR}


@contextmanager
def about(key: Key) -> Iterator[None]:
    """Everything logged inside carries this WeldModel's key."""
    token = _about.set(key)
    try:
        yield
    finally:
        _about.reset(token)


class _AddKey(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        key = _about.get()
        if key is not None:
            record.weldmodel = str(key)
        return True


def log_as_json(level: str) -> None:
    """Write every log record of this level and above to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_AddKey())
    handler.setFormatter(
        JsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, least in _QUIETER.items():
        logging.getLogger(name).setLevel(max(least, logging.getLogger().level))
