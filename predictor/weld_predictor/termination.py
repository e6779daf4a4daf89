"""The last words of a predictor, where Kubernetes reads them."""

from __future__ import annotations

import logging
from pathlib import Path

LONGEST_MESSAGE = 4096
"""Bytes of a termination message that Kubernetes keeps."""

_log = logging.getLogger(__name__)


def say_why(sentence: str, termination_log: Path | None) -> None:
    """Write `sentence` to the log, and to the file of the termination log if there is one."""
    _log.error(sentence)
    if termination_log is None:
        return
    message = sentence.encode()[:LONGEST_MESSAGE].decode(errors="ignore")
    try:
        termination_log.write_text(message)
    except OSError as error:
        _log.warning("the termination log %s cannot be written: %s", termination_log, error)
