"""Who decides the number of a predictor's replicas, and the object that says so."""

from __future__ import annotations

import copy

from tests.sandbox.kserve import names
from tests.sandbox.kserve.workload import Workload
from tests.sandbox.kube_api import Object

DEFAULT_MIN_REPLICAS = 1
DEFAULT_CPU_PERCENT = 80

# Of a ScaledObject, in seconds, where the InferenceService says nothing else; of its behavior nothing else counts.
KEDA_WINDOWS = {"scaleDown": 300, "scaleUp": 0}


def class_of(service: Object) -> str:
    """hpa, keda, external or none; hpa unless the annotation says otherwise."""
    return names.annotations_of(service).get(names.AUTOSCALER_CLASS, "hpa")


def min_replicas(predictor: Object) -> int:
    wanted = predictor.get("minReplicas")
    return DEFAULT_MIN_REPLICAS if wanted is None else int(wanted)


def max_replicas(predictor: Object) -> int:
    return max(int(predictor.get("maxReplicas") or 0), min_replicas(predictor))


def fixed_replicas(service: Object, predictor: Object) -> int | None:
    """The number that KServe writes into the Deployment; None when it leaves that to another."""
    return min_replicas(predictor) if class_of(service) == "none" else None


def horizontal(workload: Workload, predictor: Object) -> Object:
    """The HorizontalPodAutoscaler."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": workload.owned_metadata(),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
            "minReplicas": max(min_replicas(predictor), DEFAULT_MIN_REPLICAS),
            "maxReplicas": max(max_replicas(predictor), DEFAULT_MIN_REPLICAS),
            "metrics": _resource_metrics(predictor),
            "behavior": {},  # the API server fills it
        },
    }


def scaled_object(workload: Workload, predictor: Object) -> Object:
    """KEDA's ScaledObject."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": workload.owned_metadata(),
        "spec": {
            "scaleTargetRef": {"name": workload.name},
            "minReplicaCount": min_replicas(predictor),
            "maxReplicaCount": max_replicas(predictor),
            "advanced": {
                "horizontalPodAutoscalerConfig": {"behavior": _keda_behavior(predictor)},
                "scalingModifiers": {},
            },
            "triggers": [_trigger(metric) for metric in _metrics(predictor)],
        },
    }


def _keda_behavior(predictor: Object) -> Object:
    said: Object = (predictor.get("autoScaling") or {}).get("behavior") or {}
    window = "stabilizationWindowSeconds"
    return {way: {window: (said.get(way) or {}).get(window, usual)} for way, usual in KEDA_WINDOWS.items()}


def _metrics(predictor: Object) -> list[Object]:
    metrics: list[Object] = (predictor.get("autoScaling") or {}).get("metrics") or []
    return metrics


def _resource_metrics(predictor: Object) -> list[Object]:
    """What the HorizontalPodAutoscaler looks at: the listed resources, or one by scaleMetric and scaleTarget."""
    listed = [metric["resource"] for metric in _metrics(predictor) if metric["type"] == "Resource"]
    if not listed:
        target: Object = {
            "type": "Utilization",
            "averageUtilization": predictor.get("scaleTarget", DEFAULT_CPU_PERCENT),
        }
        listed = [{"name": predictor.get("scaleMetric", "cpu"), "target": target}]
    return [{"type": "Resource", "resource": copy.deepcopy(resource)} for resource in listed]


def _trigger(metric: Object) -> Object:
    if metric["type"] == "Resource":
        resource = metric["resource"]
        kind = resource["target"]["type"]
        value = resource["target"]["averageUtilization" if kind == "Utilization" else "averageValue"]
        return {"type": resource["name"], "metricType": kind, "metadata": {"value": str(value)}}
    source = metric["external"]
    metadata = {key: value for key, value in source["metric"].items() if key != "backend"}
    return {"type": source["metric"]["backend"], "metadata": {**metadata, "threshold": str(source["target"]["value"])}}
