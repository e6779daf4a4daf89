"""The words that KServe puts on objects, and how it calls what it makes."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sandbox.kube_api import Object

API_VERSION = "serving.kserve.io/v1beta1"
KIND = "InferenceService"
FINALIZER = "inferenceservice.finalizers"

DEPLOYMENT_MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER_CLASS = "serving.kserve.io/autoscalerClass"
STOP = "serving.kserve.io/stop"
SOURCE_URI = "internal.serving.kserve.io/storage-initializer-sourceuri"
AGENT = "internal.serving.kserve.io/agent"
AGENT_CONFIG_MOUNT = "internal.serving.kserve.io/configMountPath"
AGENT_CONFIG_VOLUME = "internal.serving.kserve.io/configVolumeName"
AGENT_MODEL_FOLDER = "internal.serving.kserve.io/modelDir"
METRIC_AGGREGATION = "serving.kserve.io/enable-metric-aggregation"
PROMETHEUS_SCRAPING = "serving.kserve.io/enable-prometheus-scraping"
MODEL_FORMAT = "modelFormat"

SERVICE_LABEL = "serving.kserve.io/inferenceservice"
COMPONENT_LABEL = "component"
VISIBILITY = "networking.kserve.io/visibility"
CLUSTER_LOCAL = "cluster-local"

STANDARD = "Standard"
KNATIVE = "Knative"
PREDICTOR = "predictor"
MODEL_CONTAINER = "kserve-container"
MODEL_FOLDER = "/mnt/models"
CONFIG_FOLDER = "/mnt/configs"

# What stays on the InferenceService and does not pass to its objects.
UNPROPAGATED_ANNOTATIONS = frozenset(
    {
        MODEL_FORMAT,
        SOURCE_URI,
        "autoscaling.knative.dev/max-scale",
        "autoscaling.knative.dev/min-scale",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)

# Of the objects that KServe makes: the API version and the plural.
KINDS = {
    "ConfigMap": ("v1", "configmaps"),
    "Deployment": ("apps/v1", "deployments"),
    "Service": ("v1", "services"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "ScaledObject": ("keda.sh/v1alpha1", "scaledobjects"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes"),
    "Revision": ("serving.knative.dev/v1", "revisions"),
}


@dataclass(frozen=True)
class Cluster:
    """What KServe is told, or sees, of its cluster; `gateway` is the namespace and the name of a Gateway.

    `divides`: whether its HTTPRoutes divide requests by `spec.canary`, as they do from KServe 0.21 on.
    """

    domain: str
    gateway: tuple[str, str] = ("kserve", "kserve-ingress-gateway")
    keda: bool = False
    knative: bool = False
    divides: bool = True


def predictor_name(service: Object, predictor: Object) -> str:
    """What the Deployment, Service and autoscaler of a predictor are called; a named one is a canary."""
    infix = f"-{predictor['name']}" if predictor.get("name") else ""
    return f"{service['metadata']['name']}{infix}-predictor"


def route_name(service: Object) -> str:
    """What the HTTPRoute of a predictor is called, and begins its host name: whichever predictor it is."""
    return f"{service['metadata']['name']}-predictor"


def host(name: str, service: Object, cluster: Cluster) -> str:
    return f"{name}-{service['metadata']['namespace']}.{cluster.domain}"


def app_label(workload: str) -> str:
    return f"isvc.{workload}"


def annotations_of(service: Object) -> dict[str, str]:
    return dict(service["metadata"].get("annotations") or {})


def labels_of(service: Object) -> dict[str, str]:
    return dict(service["metadata"].get("labels") or {})


def is_stopped(service: Object) -> bool:
    return annotations_of(service).get(STOP, "").lower() == "true"


def is_cluster_local(service: Object) -> bool:
    return labels_of(service).get(VISIBILITY) == CLUSTER_LOCAL


def mode_of(service: Object) -> str:
    """The deployment mode; Standard is the cluster's default, and older names are understood."""
    mode = annotations_of(service).get(DEPLOYMENT_MODE, STANDARD)
    return {"RawDeployment": STANDARD, "Serverless": "Knative"}.get(mode, mode)


def owner_reference(service: Object) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": service["metadata"]["name"],
        "uid": service["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
