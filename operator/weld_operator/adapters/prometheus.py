"""Asks a Prometheus, or a store that speaks its HTTP API, what it is."""

from __future__ import annotations

import aiohttp

from weld_operator.domain.platform import PrometheusObservation

ANSWER_SECONDS = 5.0


async def look(url: str) -> PrometheusObservation:
    """What the Prometheus at `url` states as its version; an answer that cannot be had is told as a fault."""
    address = f"{url.rstrip('/')}/api/v1/status/buildinfo"
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(address) as response:
            if response.status != 200:
                return PrometheusObservation(url, fault=f"{address} is answered with {response.status}")
            answer = await response.json(content_type=None)
    except TimeoutError:
        return PrometheusObservation(url, fault=f"no answer within {ANSWER_SECONDS:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return PrometheusObservation(url, fault=str(error) or type(error).__name__)
    try:
        return PrometheusObservation(url, version=str(answer["data"]["version"]))
    except (KeyError, TypeError):
        return PrometheusObservation(url, fault=f"{address} is not answered as by Prometheus")
