"""The HTTPRoutes of an InferenceService that is not cluster-local, and what their status says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.sandbox.kserve import names
from tests.sandbox.kserve.canaries import canaries_of
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kube_api import Object

DEFAULT_TIMEOUT_SECONDS = 60


def routes(service: Object, cluster: Cluster) -> list[Object]:
    """The predictor's HTTPRoute and the InferenceService's own."""
    return [_route(name, service, cluster) for name in (names.route_name(service), str(service["metadata"]["name"]))]


def readiness(service: Object, observed: Mapping[str, Object], *, predictor_ready: bool) -> tuple[bool, str, str]:
    """Whether the HTTPRoutes carry traffic, and if not, the reason and the message.

    `observed` are the routes that exist, by name; they are made as soon as the predictor is ready.
    """
    for name, component in (
        (names.route_name(service), "Predictor"),
        (service["metadata"]["name"], "InferenceService"),
    ):
        route = observed.get(name)
        if route is None and not predictor_ready:
            return False, f"{component} Deployment NotReady", f"{component} HTTPRoute not created"
        parents = ((route or {}).get("status") or {}).get("parents") or []
        if not parents:
            return False, "ParentStatusNotAvailable", f"{component} HttpRouteNotReady"
        if refusal := _refusal(parents):
            return False, refusal["reason"], f"{component} {refusal['message']}"
    return True, "", ""


def _refusal(parents: Sequence[Object]) -> Object | None:
    conditions = (condition for parent in parents for condition in parent.get("conditions") or [])
    return next((condition for condition in conditions if condition["status"] == "False"), None)


def _route(name: str, service: Object, cluster: Cluster) -> Object:
    namespace = service["metadata"]["namespace"]
    gateway_namespace, gateway = cluster.gateway
    metadata: Object = {
        "name": name,
        "namespace": namespace,
        "annotations": {
            key: value
            for key, value in names.annotations_of(service).items()
            if key not in names.UNPROPAGATED_ANNOTATIONS
        },
        "ownerReferences": [names.owner_reference(service)],
    }
    if labels := names.labels_of(service):
        metadata["labels"] = labels
    parent = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": gateway_namespace,
        "name": gateway,
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata,
        "spec": {
            "hostnames": [names.host(name, service, cluster)],
            "parentRefs": [parent],
            "rules": [_rule(service, cluster)],
        },
    }


def _rule(service: Object, cluster: Cluster) -> Object:
    seconds = service["spec"]["predictor"].get("timeout", DEFAULT_TIMEOUT_SECONDS)
    headers = [
        {"name": "KServe-Isvc-Name", "value": service["metadata"]["name"]},
        {"name": "KServe-Isvc-Namespace", "value": service["metadata"]["namespace"]},
    ]
    return {
        "matches": [{"path": {"type": "RegularExpression", "value": "^/.*$"}}],
        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": headers}}],
        "backendRefs": _backends(service, cluster),
        "timeouts": {"request": f"{seconds}s"},
    }


def _backends(service: Object, cluster: Cluster) -> list[Object]:
    stable = names.predictor_name(service, service["spec"]["predictor"])
    canaries = canaries_of(service)
    if not canaries or not cluster.divides:
        return [_backend(stable, service, 1)]
    shares = [(names.predictor_name(service, canary["predictor"]), canary["trafficPercent"]) for canary in canaries]
    rest = 100 - sum(share for _, share in shares)
    return [_backend(name, service, share) for name, share in [(stable, rest), *shares]]


def _backend(name: str, service: Object, weight: int) -> Object:
    return {
        "group": "",
        "kind": "Service",
        "name": name,
        "namespace": service["metadata"]["namespace"],
        "port": 80,
        "weight": weight,
    }
