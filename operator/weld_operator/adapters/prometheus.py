"""Asks a Prometheus, or a store that speaks its HTTP API, what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from weld_operator.domain.platform import PrometheusObservation

ANSWER_SECONDS = 5.0

QUERY = "/api/v1/query"
BUILD = "/api/v1/status/buildinfo"


class _RefusedError(Exception):
    """An answer, but not the one that Prometheus would give; the text is a sentence."""


async def look(url: str) -> PrometheusObservation:
    """Whether the Prometheus at `url` answers a query, and what it states to be; no exception, but a fault."""
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await _ask(session, url.rstrip("/") + QUERY, {"query": "vector(1)"})
            return await _look_at_build(session, url)
    except TimeoutError:
        return PrometheusObservation(url, fault=f"no answer within {ANSWER_SECONDS:g} s")
    except (_RefusedError, aiohttp.ClientError, OSError) as error:
        return PrometheusObservation(url, fault=str(error) or type(error).__name__)


async def _look_at_build(session: aiohttp.ClientSession, url: str) -> PrometheusObservation:
    """Who it is; a store that answers queries, and does not say, states nothing."""
    try:
        build = await _ask(session, url.rstrip("/") + BUILD, {})
    except _RefusedError:
        return PrometheusObservation(url)
    return PrometheusObservation(url, str(build.get("application", "")), str(build.get("version", "")))


async def _ask(session: aiohttp.ClientSession, address: str, query: Mapping[str, str]) -> Mapping[str, Any]:
    """The `data` of a successful answer. Raises _RefusedError."""
    async with session.get(address, params=query) as response:
        if response.status != 200:
            raise _RefusedError(f"{address} is answered with {response.status}")
        try:
            answer = await response.json(content_type=None)
        except ValueError:
            answer = None
    if not isinstance(answer, dict) or answer.get("status") != "success" or not isinstance(answer.get("data"), dict):
        raise _RefusedError(f"{address} is not answered as by Prometheus")
    data: Mapping[str, Any] = answer["data"]
    return data
