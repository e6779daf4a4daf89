"""The kinds of Kubernetes objects that the operator reads or writes."""

from __future__ import annotations

from typing import Any, NamedTuple

from weld_api import names

Object = dict[str, Any]
"""A Kubernetes object as JSON."""


class Key(NamedTuple):
    """Which WeldModel."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Kind(NamedTuple):
    """A kind of object, and the word for it in URLs."""

    api_version: str
    name: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    def __str__(self) -> str:
        return self.name


WELD_MODEL = Kind(names.API_VERSION, names.KIND, names.PLURAL)
INFERENCE_SERVICE = Kind("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
POD = Kind("v1", "Pod", "pods")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
GATEWAY = Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways")
KNATIVE_SERVICE = Kind("serving.knative.dev/v1", "Service", "services")
SCALED_OBJECT = Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
SECRET = Kind("v1", "Secret", "secrets")
EVENT = Kind("v1", "Event", "events")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")

OWNED_KINDS = (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, CONFIG_MAP, HTTP_ROUTE)
"""What the operator makes of a WeldModel, in the order in which it is written."""

WATCHED_KINDS = (WELD_MODEL, *OWNED_KINDS, DEPLOYMENT)
"""What tells the operator that something happened."""
