"""What the operator needs of a cluster beside its own resource, and what of it is missing or too old.

The platform has parts; each part has checks, of which each gives a shortcoming or None, and the first one counts.
Nothing here keeps a revision from serving: what does is found in the revision itself. This says what to install.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from weld_operator.domain.observation import Obstacle, condition
from weld_operator.kinds import Kind, Object

KSERVE_FLOOR = "0.16"
"""The first KServe that takes `Standard` as the name of a deployment mode (kserve/kserve pull request 4608).

An older one passes over that name, and runs the InferenceService in whatever mode is its default.
"""

GATEWAY_API_FLOOR = "1.0"
"""The first Gateway API that serves HTTPRoutes in v1."""

PROMETHEUS_FLOOR = (2, 24)
"""The version that VictoriaMetrics states; before 2.14 Prometheus states none."""

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
            "volumes",
            "model.args",
            "model.modelFormat",
            "model.protocolVersion",
            "model.resources",
            "model.runtime",
            "model.storageUri",
            "model.volumeMounts",
        )
    ),
    "status.servingRuntimeName",
)
"""Fields of an InferenceService that the operator writes, and one that came with KSERVE_FLOOR and not before.

A published schema does not tell its KServe's version, nor which names of a deployment mode it takes.
"""


CANARY_FIELD = "spec.canary"
"""What serving.traffic Native needs of an InferenceService. KServe 0.20 has it, and does not divide requests."""

SCALING_FIELD = "spec.predictor.autoScaling.behavior"
"""What scaling by readings needs of an InferenceService (kserve/kserve pull request 4570), with what is beside it."""

OPTIONAL_FIELDS = (CANARY_FIELD, SCALING_FIELD)
"""What only some WeldModels need."""

BackendName = Literal["Gateway", "Knative", "Native"]
"""What divides a WeldModel's requests between its revisions."""


class Demand(NamedTuple):
    """What WeldModels need of the platform by what they ask for.

    backend: what divides their requests
    follows_readings: whether their replicas are to follow the readings that they answer
    """

    backend: BackendName = "Gateway"
    follows_readings: bool = False


PLAIN = Demand()
"""Of WeldModels that say nothing of their traffic and of their replicas."""


class GatewayName(NamedTuple):
    """The Gateway that requests come through."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class PrometheusObservation:
    """What a Prometheus at `url` says of itself, or why it answers no queries (`fault`).

    application: what other stores that speak Prometheus' HTTP API call themselves, such as Grafana Mimir
    version: empty where it states none
    """

    url: str
    application: str = ""
    version: str = ""
    fault: str = ""


@dataclass(frozen=True)
class PlatformObservation:
    """What is there.

    served: kinds that the cluster knows, of those that the operator needs
    missing_fields: those of NEEDED_FIELDS and OPTIONAL_FIELDS that the schema of an InferenceService lacks
    knative: whether Knative Services are known
    keda: whether KEDA's ScaledObjects are known
    gateway_api_versions: versions of the Gateway API that are served
    gateway: the Gateway, None when there is none; `gateway_fault` says why it cannot be read
    prometheus: None where none is asked for
    """

    gateway_name: GatewayName
    served: frozenset[Kind] = frozenset()
    missing_fields: tuple[str, ...] = ()
    knative: bool = False
    keda: bool = False
    gateway_api_versions: tuple[str, ...] = ()
    gateway: Object | None = None
    gateway_fault: str = ""
    prometheus: PrometheusObservation | None = None


Check = Callable[[PlatformObservation], Obstacle | None]


def kserve_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """InferenceServices are unknown."""
    if _serves(seen, "InferenceService"):
        return None
    message = f"The cluster does not know InferenceServices: install KServe, {KSERVE_FLOOR} or later"
    return Obstacle("KServeMissing", message)


def kserve_is_too_old(seen: PlatformObservation) -> Obstacle | None:
    """InferenceServices lack a field that is needed."""
    missing = [each for each in seen.missing_fields if each not in OPTIONAL_FIELDS]
    if not _serves(seen, "InferenceService") or not missing:
        return None
    fields = ", ".join(missing)
    message = f"KServe is older than {KSERVE_FLOOR}, its InferenceService has no {fields}: upgrade KServe"
    return Obstacle("KServeTooOld", message)


def knative_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """Knative Services are unknown: KServe takes an InferenceService in Knative mode then, and never serves it."""
    if seen.knative:
        return None
    message = "serving.mode is Knative and the cluster does not know Knative Services: install Knative Serving"
    return Obstacle("KnativeMissing", message)


def canary_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """InferenceServices have no `spec.canary`."""
    if not _serves(seen, "InferenceService") or CANARY_FIELD not in seen.missing_fields:
        return None
    message = f"serving.traffic is Native and KServe's InferenceService has no {CANARY_FIELD}: upgrade KServe to 0.21"
    return Obstacle("CanaryMissing", message)


def gateway_api_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """HTTPRoutes are unknown, in every version."""
    if _serves(seen, "HTTPRoute") or seen.gateway_api_versions:
        return None
    message = f"The cluster does not know HTTPRoutes: install the Gateway API, {GATEWAY_API_FLOOR} or later"
    return Obstacle("GatewayApiMissing", message)


def gateway_api_is_too_old(seen: PlatformObservation) -> Obstacle | None:
    """HTTPRoutes are known in an older version alone."""
    if _serves(seen, "HTTPRoute") or not seen.gateway_api_versions:
        return None
    versions = ", ".join(seen.gateway_api_versions)
    floor = f"upgrade the Gateway API to {GATEWAY_API_FLOOR} or later"
    return Obstacle(
        "GatewayApiTooOld", f"The cluster knows the Gateway API in {versions}, but no HTTPRoutes in v1: {floor}"
    )


def gateway_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """The Gateway is not there, or cannot be seen."""
    if seen.gateway is not None:
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
    """The Prometheus that is asked for states an older version than the operator knows how to ask, or none.

    Other stores count their versions in their own way. Those that do not say who they are, such as Thanos, are known
    by a version that begins with 0.
    """
    store = seen.prometheus
    if store is None or store.fault or store.application not in ("", "Prometheus"):
        return None
    version = _numbers(store.version)
    if version >= PROMETHEUS_FLOOR or version[:1] == (0,):
        return None
    floor = ".".join(map(str, PROMETHEUS_FLOOR))
    states = f"states version {store.version}" if store.version else "states no version"
    return Obstacle("PrometheusTooOld", f"Prometheus at {store.url} {states}: upgrade it to {floor} or later")


def prometheus_is_not_named(seen: PlatformObservation) -> Obstacle | None:
    """There is no Prometheus that KEDA could ask."""
    if seen.prometheus is not None:
        return None
    return _unfollowed("PrometheusNotNamed", "this installation names no Prometheus: set monitoring.prometheusUrl")


def keda_is_missing(seen: PlatformObservation) -> Obstacle | None:
    """ScaledObjects are unknown."""
    if seen.keda:
        return None
    return _unfollowed("KedaMissing", "the cluster does not know ScaledObjects: install KEDA")


def kserve_cannot_scale_by_readings(seen: PlatformObservation) -> Obstacle | None:
    """InferenceServices have no place for what KEDA is to be told."""
    if not _serves(seen, "InferenceService") or SCALING_FIELD not in seen.missing_fields:
        return None
    return _unfollowed(
        "AutoScalingMissing", f"KServe's InferenceService has no {SCALING_FIELD}: upgrade KServe to {KSERVE_FLOOR}"
    )


Unfollowed = Literal["PrometheusNotNamed", "KedaMissing", "AutoScalingMissing"]
UNFOLLOWED: frozenset[str] = frozenset(get_args(Unfollowed))
"""Why replicas cannot follow readings."""


def _unfollowed(reason: Unfollowed, lack: str) -> Obstacle:
    message = f"scaling.target.readingsPerSecond is asked for and {lack}; replicas follow the CPU until then"
    return Obstacle(reason, message)


PARTS: Mapping[str, tuple[Check, ...]] = {
    "KServe": (kserve_is_missing, kserve_is_too_old),
    "Knative": (knative_is_missing,),
    "Canary": (canary_is_missing,),
    "GatewayApi": (gateway_api_is_missing, gateway_api_is_too_old),
    "Gateway": (gateway_is_missing, gateway_is_not_programmed),
    "Prometheus": (prometheus_is_unreachable, prometheus_is_too_old),
    "Scaling": (prometheus_is_not_named, keda_is_missing, kserve_cannot_scale_by_readings),
}
"""The gravest first."""

NEEDED_BY: Mapping[BackendName, tuple[str, ...]] = {
    "Gateway": ("KServe", "GatewayApi", "Gateway", "Prometheus"),
    "Knative": ("KServe", "Knative", "Prometheus"),
    "Native": ("KServe", "Canary", "GatewayApi", "Prometheus"),
}
"""Where KServe routes by itself, the Gateway is that of KServe's own configuration, and its statuses speak of it."""

Findings = Mapping[str, Obstacle | None]
"""By part: its shortcoming, or None where it is as needed. What nobody asks for, or cannot be seen yet, is left out."""


def findings(seen: PlatformObservation, demand: Demand = PLAIN) -> Findings:
    """What is to be said of each part that is needed, the gravest first."""
    parts = (*NEEDED_BY[demand.backend], *(("Scaling",) if demand.follows_readings else ()))
    return {
        part: next((found for check in PARTS[part] if (found := check(seen)) is not None), None)
        for part in parts
        if _can_be_judged(part, seen)
    }


def shortcomings(found: Findings) -> tuple[Obstacle, ...]:
    """All that is missing or too old, the gravest first."""
    return tuple(each for each in found.values() if each is not None)


def can_follow_readings(lacking: Sequence[Obstacle] | None) -> bool:
    """Whether replicas can follow readings, by what is lacking for WeldModels that ask for it; None: not known yet."""
    return lacking is not None and not any(each.reason in UNFOLLOWED for each in lacking)


def _can_be_judged(part: str, seen: PlatformObservation) -> bool:
    if part == "Gateway":
        return _serves(seen, "HTTPRoute")
    return part != "Prometheus" or seen.prometheus is not None


def _serves(seen: PlatformObservation, name: str) -> bool:
    return any(kind.name == name for kind in seen.served)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.removeprefix("v").split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
