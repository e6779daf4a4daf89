"""Faults as they are written in a response."""

from __future__ import annotations

from dataclasses import dataclass

from weld_predictor.faults import FAILURE, FAULTS, error_body, error_headers, status_of


@dataclass(frozen=True, slots=True)
class FaultText:
    """Of one exception."""

    status: int
    headers: bytes
    """Each with its end of line."""
    body: bytes


def write_fault(status: int, sentence: str) -> FaultText:
    headers = "".join(f"{name}: {value}\r\n" for name, value in error_headers(status).items())
    return FaultText(status, headers.encode(), error_body(sentence))


class FaultTexts:
    """Writes exceptions, and those that many get only once."""

    def __init__(self) -> None:
        self._latest: tuple[Exception | None, FaultText] = (None, write_fault(500, FAILURE))

    def of(self, error: Exception) -> FaultText:
        """What `error` says where it is a fault of a client's; of others, that it is in the log."""
        if self._latest[0] is not error:
            is_fault = isinstance(error, FAULTS)
            text = write_fault(int(status_of(error)), str(error)) if is_fault else write_fault(500, FAILURE)
            self._latest = error, text
        return self._latest[1]
