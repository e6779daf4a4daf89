"""The HTTPRoute through which sensors reach the revision that answers."""

from __future__ import annotations

from collections.abc import Sequence

from weld_api.names import predictor_name
from weld_operator.desired.metadata import metadata
from weld_operator.desired.target import Target
from weld_operator.domain.decision import Backend
from weld_operator.domain.subject import Subject
from weld_operator.kinds import HTTP_ROUTE, Object

PREDICTOR_SERVICE_PORT = 80
"""The port that KServe gives to a predictor's Service."""


def http_route(owner: Subject, backends: Sequence[Backend], target: Target) -> Object:
    """One rule for every path of the WeldModel's host; each backend gets its share of the requests."""
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.name,
        "metadata": metadata(owner, owner.name),
        "spec": {
            "parentRefs": [
                {
                    "group": HTTP_ROUTE.group,
                    "kind": "Gateway",
                    "namespace": target.gateway_namespace,
                    "name": target.gateway_name,
                }
            ],
            "hostnames": [target.host(owner.name, owner.namespace)],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [_reference(backend) for backend in backends],
                }
            ],
        },
    }


def _reference(backend: Backend) -> Object:
    return {
        "group": "",
        "kind": "Service",
        "name": predictor_name(backend.revision),
        "port": PREDICTOR_SERVICE_PORT,
        "weight": backend.weight,
    }
