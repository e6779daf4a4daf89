"""How long a client waits for the answer to its request, as its headers say."""

from __future__ import annotations

import math

from weld_predictor.intake.fault import RequestError, quoted

TIMEOUT_HEADER = "x-request-timeout-ms"
"""Whole milliseconds, from when the request came, within which its answer is of use."""
GATEWAY_TIMEOUT_HEADER = "x-envoy-expected-rq-timeout-ms"
"""The same, as Envoy tells it of the route's time-out."""

_LONGEST = 18
"""Digits."""


def seconds_allowed(timeout: str | None, gateway_timeout: str | None) -> float:
    """By the values of both headers, None where one is absent; infinite where nothing limits it. Raises RequestError.

    What a gateway says is only heeded if it is understood: it is not the client's.
    """
    allowed = math.inf
    if timeout is not None:
        if not _is_number(timeout):
            raise RequestError(f"header {TIMEOUT_HEADER}: {quoted(timeout)} came, expected whole milliseconds")
        allowed = int(timeout) / 1000
    if gateway_timeout is not None and _is_number(gateway_timeout):
        allowed = min(allowed, int(gateway_timeout) / 1000 or math.inf)
    return allowed


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST
