"""JSON logs on standard error, one line each, in UTC."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from types import TracebackType

from pythonjsonlogger.json import JsonFormatter


class _UtcFormatter(JsonFormatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        del datefmt
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure_logging(fields: dict[str, str]) -> None:
    """Send every log line to standard error as JSON, with `fields` in each; uncaught errors too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _UtcFormatter(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            static_fields=fields,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # KServe configures loggers of its own unless its logger has a handler, and tells of each request; uvicorn too.
    logging.getLogger("kserve").addHandler(logging.NullHandler())
    for name in ("kserve", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of every request that is not HTTP: what clients do wrong is counted, not logged.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").propagate = False
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logging.getLogger("weld_predictor").critical("the predictor ends by an error", exc_info=(kind, error, traceback))
