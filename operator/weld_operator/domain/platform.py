"""What the operator needs of a cluster beside its own resource, and what of it is missing or too old.

Each check gives a finding or None. Nothing here keeps a revision from serving: what does is found in the revision
itself. This says what to install.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from weld_operator.domain.observation import Obstacle, condition
from weld_operator.kinds import Kind, Object

KSERVE_FLOOR = "0.16"
"""The first KServe that takes `Standard` as the name of a deployment mode (kserve/kserve pull request 4608)."""

PROMETHEUS_FLOOR = (2, 24)
"""Stores that speak Prometheus' HTTP API, and are not Prometheus, state this version or a later one."""

NEEDED_FIELDS = (
    *(
        f"spec.predictor.{name}"
        for name in (
            "minReplicas",
            "maxReplicas",
            "scaleMetric",
            "scaleTarget",
            "serviceAccountName",
            "terminationGracePeriodSeconds",
            "topologySpreadConstraints",
            "model.args",
            "model.modelFormat",
            "model.protocolVersion",
            "model.resources",
            "model.runtime",
            "model.storageUri",
        )
    ),
    "status.deploymentMode",
)
"""Fields of an InferenceService that the operator writes, or by which it knows what KServe made of it."""


class GatewayName(NamedTuple):
    """The Gateway that requests come through."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class PrometheusObservation:
    """What a Prometheus at `url` says of itself: its version, or why it says nothing (`fault`)."""

    url: str
    version: str = ""
    fault: str = ""


@dataclass(frozen=True)
class PlatformObservation:
    """What is there.

    served: kinds that the cluster knows, of those that the operator needs
    missing_fields: those of NEEDED_FIELDS that the schema of an InferenceService lacks
    gateway_api_versions: versions of the Gateway API that are served
    gateway: the Gateway, None when there is none; `gateway_fault` says why it cannot be read
    prometheus: None where none is asked for
    """

    gateway_name: GatewayName
    served: frozenset[Kind] = frozenset()
    missing_fields: tuple[str, ...] = ()
    gateway_api_versions: tuple[str, ...] = ()
    gateway: Object | None = None
    gateway_fault: str = ""
    prometheus: PrometheusObservation | None = None


MISSING_KINDS = {
    "InferenceService": Obstacle(
        "KServeMissing",
        f"The cluster does not know InferenceServices: KServe is not installed, {KSERVE_FLOOR} or later is needed",
    ),
    "HTTPRoute": Obstacle(
        "GatewayApiMissing",
        "The cluster does not know HTTPRoutes: the Gateway API is not installed, 1.0 or later is needed",
    ),
}
"""By the name of the kind."""

Check = Callable[[PlatformObservation], Obstacle | None]


def kserve_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """InferenceServices are unknown."""
    return None if _serves(seen, "InferenceService") else MISSING_KINDS["InferenceService"]


def kserve_is_too_old(seen: PlatformObservation) -> Obstacle | None:
    """InferenceServices lack a field that is needed."""
    if not _serves(seen, "InferenceService") or not seen.missing_fields:
        return None
    fields = ", ".join(seen.missing_fields)
    return Obstacle(
        "KServeTooOld", f"KServe's InferenceService has no {fields}: it is too old, {KSERVE_FLOOR} or later is needed"
    )


def gateway_api_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """HTTPRoutes are unknown, in every version."""
    return None if _serves(seen, "HTTPRoute") or seen.gateway_api_versions else MISSING_KINDS["HTTPRoute"]


def gateway_api_is_too_old(seen: PlatformObservation) -> Obstacle | None:
    """HTTPRoutes are known in an older version alone."""
    if _serves(seen, "HTTPRoute") or not seen.gateway_api_versions:
        return None
    versions = ", ".join(seen.gateway_api_versions)
    message = f"The cluster knows the Gateway API in {versions}, but no HTTPRoutes in v1: 1.0 or later is needed"
    return Obstacle("GatewayApiTooOld", message)


def gateway_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """The Gateway is not there, or cannot be seen."""
    if not _serves(seen, "HTTPRoute") or seen.gateway is not None:
        return None
    if seen.gateway_fault:
        return Obstacle("GatewayUnreadable", f"Gateway {seen.gateway_name} cannot be read: {seen.gateway_fault}")
    return Obstacle("GatewayMissing", f"Gateway {seen.gateway_name} does not exist: make it, or name another one")


def gateway_is_not_programmed(seen: PlatformObservation) -> Obstacle | None:
    """No controller has taken the Gateway on."""
    if seen.gateway is None:
        return None
    for kind in ("Accepted", "Programmed"):
        entry = condition(seen.gateway, kind)
        if entry is None or entry["status"] != "True":
            detail = "no controller says so" if entry is None else entry.get("message") or entry.get("reason", "")
            return Obstacle("GatewayNotProgrammed", f"Gateway {seen.gateway_name} is not {kind.lower()}: {detail}")
    return None


def prometheus_is_unreachable(seen: PlatformObservation) -> Obstacle | None:
    """The Prometheus that is asked for does not answer."""
    store = seen.prometheus
    if store is None or not store.fault:
        return None
    return Obstacle("PrometheusUnreachable", f"Prometheus at {store.url} does not answer: {store.fault}")


def prometheus_is_too_old(seen: PlatformObservation) -> Obstacle | None:
    """The Prometheus that is asked for states an older version than the operator knows how to ask."""
    store = seen.prometheus
    if store is None or store.fault or _numbers(store.version) >= PROMETHEUS_FLOOR:
        return None
    floor = ".".join(map(str, PROMETHEUS_FLOOR))
    message = f"Prometheus at {store.url} states version {store.version or 'none'}: {floor} or later is needed"
    return Obstacle("PrometheusTooOld", message)


CHAIN: tuple[Check, ...] = (
    kserve_is_missing,
    kserve_is_too_old,
    gateway_api_is_missing,
    gateway_api_is_too_old,
    gateway_is_missing,
    gateway_is_not_programmed,
    prometheus_is_unreachable,
    prometheus_is_too_old,
)


def shortcomings(seen: PlatformObservation) -> tuple[Obstacle, ...]:
    """All that is missing or too old, the gravest first."""
    return tuple(found for check in CHAIN if (found := check(seen)) is not None)


def _serves(seen: PlatformObservation, name: str) -> bool:
    return any(kind.name == name for kind in seen.served)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.removeprefix("v").split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
