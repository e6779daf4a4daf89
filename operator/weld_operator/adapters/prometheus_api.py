"""Prometheus' HTTP API: one request, and what its answer says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp

from weld_operator.adapters.bounded_body import TooLongError, read_bounded

QUERY = "/api/v1/query"
BUILD = "/api/v1/status/buildinfo"
METRIC_NAMES = "/api/v1/label/__name__/values"

LONGEST_ANSWER = 16 * 2**20
"""Bytes."""
_LONGEST_COMPLAINT = 200


class PrometheusError(Exception):
    """No answer, or one that is no success; the text is a sentence without its full stop."""


@dataclass(frozen=True)
class Answer:
    """`data` of a successful answer, its warnings, and what the server's clock said, where it sent that."""

    data: Any
    warnings: tuple[str, ...] = ()
    clock: datetime | None = None


class PrometheusApi:
    """A Prometheus, or a store that speaks its HTTP API, at `url`; each request has `seconds`."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url.rstrip("/")
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Answer:
        """Raises PrometheusError."""
        return await self._request("GET", path, {"params": parameters})

    async def post(self, path: str, form: Sequence[tuple[str, str]]) -> Answer:
        """For what may be too long for an address. Raises PrometheusError."""
        return await self._request("POST", path, {"data": form})

    async def _request(self, method: Literal["GET", "POST"], path: str, content: Mapping[str, Any]) -> Answer:
        address = self._url + path
        try:
            async with self._connected().request(method, address, **content) as response:
                body = await read_bounded(response, LONGEST_ANSWER)
        except TimeoutError:
            raise PrometheusError(f"no answer within {self._seconds:g} s") from None
        except (TooLongError, aiohttp.ClientError, OSError) as error:
            raise PrometheusError(str(error) or type(error).__name__) from error
        return _answer(address, response.status, response.headers.get("Date", ""), body)

    def _connected(self) -> aiohttp.ClientSession:
        """Made at the first request, as it belongs to an event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._seconds))
        return self._session


def _answer(address: str, status: int, date: str, body: bytes) -> Answer:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if status != 200:
        complaint = str(answer.get("error", "")) if isinstance(answer, dict) else ""
        raise PrometheusError(f"{address} is answered with {status}{': ' * bool(complaint)}{_shortened(complaint)}")
    if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
        raise PrometheusError(f"{address} is not answered as by Prometheus")
    return Answer(answer["data"], tuple(map(str, answer.get("warnings") or ())), _time(date))


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_COMPLAINT else text[: _LONGEST_COMPLAINT - 3] + "..."


def _time(date: str) -> datetime | None:
    """A date of HTTP, which is in UTC always."""
    try:
        return parsedate_to_datetime(date).replace(tzinfo=UTC)
    except ValueError:
        return None
