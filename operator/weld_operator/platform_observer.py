"""Gathers what there is of the platform: the same for all WeldModels."""

from __future__ import annotations

from weld_operator.adapters import prometheus
from weld_operator.adapters.cluster import Cluster, NotServedError, RefusedError
from weld_operator.domain.platform import NEEDED_FIELDS, OPTIONAL_FIELDS, GatewayName, PlatformObservation
from weld_operator.kinds import GATEWAY, INFERENCE_SERVICE, KNATIVE_SERVICE, SCALED_OBJECT, WATCHED_KINDS, Object


class PlatformObserver:
    """Reads a cluster's discovery, KServe's schema, one Gateway and, where one is named, a Prometheus."""

    def __init__(self, cluster: Cluster, gateway: GatewayName, prometheus_url: str | None) -> None:
        self._cluster = cluster
        self._gateway = gateway
        self._prometheus_url = prometheus_url

    async def look(self) -> PlatformObservation:
        """What is there now. Raises ClusterError when the API server does not answer."""
        served = frozenset([kind for kind in WATCHED_KINDS if await self._cluster.serves(kind)])
        missing_fields: tuple[str, ...] = ()
        try:
            missing_fields = await self._cluster.missing_fields(INFERENCE_SERVICE, (*NEEDED_FIELDS, *OPTIONAL_FIELDS))
        except NotServedError:
            served -= {INFERENCE_SERVICE}  # it may be announced already, a moment before its schema is published
        gateway, fault = await self._look_at_gateway()
        return PlatformObservation(
            gateway_name=self._gateway,
            served=served,
            missing_fields=missing_fields,
            knative=await self._cluster.serves(KNATIVE_SERVICE),
            keda=await self._cluster.serves(SCALED_OBJECT),
            gateway_api_versions=await self._cluster.versions(GATEWAY.group),
            gateway=gateway,
            gateway_fault=fault,
            prometheus=None if self._prometheus_url is None else await prometheus.look(self._prometheus_url),
        )

    async def _look_at_gateway(self) -> tuple[Object | None, str]:
        """The Gateway, or why it cannot be read; neither where there is none."""
        try:
            return await self._cluster.get(GATEWAY, *self._gateway), ""
        except NotServedError:
            return None, ""
        except RefusedError as error:
            return None, str(error)
