"""Asks a Prometheus, or a store that speaks its HTTP API, what it is."""

from __future__ import annotations

from weld_operator.adapters.prometheus_api import BUILD, QUERY, PrometheusApi, PrometheusError
from weld_operator.domain.platform import PrometheusObservation

ANSWER_SECONDS = 5.0


async def look(url: str) -> PrometheusObservation:
    """Whether the Prometheus at `url` answers a query, and what it states to be; no exception, but a fault."""
    async with PrometheusApi(url, ANSWER_SECONDS) as api:
        try:
            await api.get(QUERY, [("query", "vector(1)")])
        except PrometheusError as error:
            return PrometheusObservation(url, fault=str(error))
        return await _look_at_build(api, url)


async def _look_at_build(api: PrometheusApi, url: str) -> PrometheusObservation:
    """Who it is; a store that answers queries, and does not say, states nothing."""
    try:
        build = (await api.get(BUILD)).data
    except PrometheusError:
        return PrometheusObservation(url)
    if not isinstance(build, dict):
        return PrometheusObservation(url)
    return PrometheusObservation(url, str(build.get("application", "")), str(build.get("version", "")))
