"""KServe's own spec.canary: candidates of a fixed size beside the stable predictor."""

from __future__ import annotations

import copy
import math

from tests.sandbox.kserve.autoscaling import min_replicas
from tests.sandbox.kube_api import Object

_AUTOSCALING_FIELDS = ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling")


def canaries_of(service: Object) -> list[Object]:
    canaries: list[Object] = service["spec"].get("canary") or []
    return canaries


def replicas_of(service: Object, canary: Object) -> int:
    """A canary's fixed number of replicas: as written, or its share of the stable predictor's, rounded up."""
    wanted = canary["predictor"].get("minReplicas")
    if wanted is not None:
        return int(wanted)
    share = int(canary.get("trafficPercent", 0))
    return math.ceil(min_replicas(service["spec"]["predictor"]) * share / 100)


def stable_predictor(service: Object) -> Object:
    """The stable predictor, made smaller by what its canaries take, but never smaller than one."""
    predictor: Object = copy.deepcopy(service["spec"]["predictor"])
    canaries = canaries_of(service)
    if canaries and predictor.get("minReplicas") is not None:
        taken = sum(replicas_of(service, canary) for canary in canaries)
        predictor["minReplicas"] = max(predictor["minReplicas"] - taken, 1)
    return predictor


def canary_predictor(service: Object, canary: Object) -> Object:
    """The stable predictor with the canary's fields over it; what it does not say, the stable one says."""
    predictor = _overlaid(service["spec"]["predictor"], canary["predictor"])
    for field in _AUTOSCALING_FIELDS:
        predictor.pop(field, None)
    predictor["minReplicas"] = replicas_of(service, canary)
    return predictor


def _overlaid(base: Object, overrides: Object) -> Object:
    """Objects by field; anything else is replaced where the override is not empty."""
    result = copy.deepcopy(base)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _overlaid(result[key], value)
        elif value or key not in result:
            result[key] = copy.deepcopy(value)
    return result
