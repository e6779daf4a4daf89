"""What KServe's webhooks do to an InferenceService before it is stored: fill it in, or refuse it. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

from tests.sandbox.kserve import names
from tests.sandbox.kserve.canaries import canaries_of
from tests.sandbox.kserve.knative import BY_CPU, BY_REQUESTS, CLASS_ANNOTATION
from tests.sandbox.kube_api import Object

NAME_PATTERN = "[a-z]([-a-z0-9]*[a-z0-9])?"
AUTOSCALER_CLASSES = ("hpa", "keda", "external", "none")
HPA_METRICS = ("cpu", "memory")
REQUEST_METRICS = ("concurrency", "rps")
CANARY_FORBIDDEN = ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling")


class RefusedError(Exception):
    """The InferenceService is refused; the text is the webhook's."""


def defaulted(service: Object) -> Object:
    """The InferenceService as it will be stored."""
    filled = copy.deepcopy(service)
    annotations = names.annotations_of(filled)
    annotations.setdefault(names.DEPLOYMENT_MODE, names.STANDARD)
    model = filled["spec"]["predictor"].get("model")
    if model is not None:
        annotations[names.MODEL_FORMAT] = model["modelFormat"]["name"]
    filled["metadata"]["annotations"] = annotations
    for predictor in _predictors(filled):
        if predictor.get("model") is not None:
            # Go writes a container's name even where it is empty.
            predictor["model"].setdefault("name", "")
    return filled


def validate(service: Object, old: Object | None = None) -> None:
    """Raise RefusedError for what KServe does not accept; `old` is what an update replaces."""
    if old is not None and not service["metadata"].get("deletionTimestamp"):
        _same_mode(service, old)
    for check in CHECKS:
        check(service)


def _predictors(service: Object) -> list[Object]:
    return [service["spec"]["predictor"], *(canary["predictor"] for canary in canaries_of(service))]


def _same_mode(service: Object, old: Object) -> None:
    was = (old.get("status") or {}).get("deploymentMode")
    wanted = names.annotations_of(service).get(names.DEPLOYMENT_MODE)
    if was and wanted and wanted != was:
        raise RefusedError(f"update rejected: deploymentMode cannot be changed from '{was}' to '{wanted}'")


def _name(service: Object) -> None:
    name = service["metadata"]["name"]
    if not re.fullmatch(NAME_PATTERN, name):
        raise RefusedError(
            f'the InferenceService "{name}" is invalid: a InferenceService name must consist of lower case alphanumeric'
            ' characters or \'-\', and must start with alphabetical character. (e.g. "my-name" or "abc-123", regex'
            f" used for validation is '{NAME_PATTERN}')"
        )


def _autoscaler_class(service: Object) -> None:
    wanted = names.annotations_of(service).get(names.AUTOSCALER_CLASS)
    if wanted is not None and wanted not in AUTOSCALER_CLASSES:
        raise RefusedError(f"[{wanted}] is not a supported autoscaler class type")


def _model_name(service: Object) -> None:
    if (service["spec"]["predictor"].get("model") or {}).get("name"):
        raise RefusedError("the 'name' field is not allowed in standard predictor")


def _replicas(service: Object) -> None:
    predictor = service["spec"]["predictor"]
    least = 1 if predictor.get("minReplicas") is None else predictor["minReplicas"]
    most = predictor.get("maxReplicas") or 0
    if least < 0:
        raise RefusedError("'MinReplicas' cannot be less than 0")
    if most < 0:
        raise RefusedError("'MaxReplicas' cannot be less than 0")
    if most and least > most:
        raise RefusedError("'MinReplicas' cannot be greater than MaxReplicas")


def _scaling(service: Object) -> None:
    """In Standard mode only where the annotations on the object say both the mode and the class."""
    annotations = names.annotations_of(service)
    predictor = service["spec"]["predictor"]
    if annotations.get(names.DEPLOYMENT_MODE) != names.STANDARD:
        _knative_scaling(predictor, annotations.get(CLASS_ANNOTATION, BY_REQUESTS))
        return
    match annotations.get(names.AUTOSCALER_CLASS):
        case "hpa":
            _hpa_scaling(predictor)
        case "keda":
            _keda_scaling(predictor)


def _knative_scaling(predictor: Object, scaler: str) -> None:
    """As documented: Knative's own autoscaler follows requests, another one the CPU."""
    if scaler == BY_CPU:
        _hpa_scaling(predictor)
    elif predictor.get("scaleMetric", "concurrency") not in REQUEST_METRICS:
        raise RefusedError(f"[{predictor['scaleMetric']}] is not a supported metric")


def _hpa_scaling(predictor: Object) -> None:
    metric = predictor.get("scaleMetric", "cpu")
    if metric not in HPA_METRICS:
        raise RefusedError(f"[{metric}] is not a supported metric")
    target = predictor.get("scaleTarget")
    if target is not None and metric == "cpu" and not 1 <= target <= 100:
        raise RefusedError("the target utilization percentage should be a [1-100] integer")
    for source in (predictor.get("autoScaling") or {}).get("metrics") or []:
        if source["type"] != "Resource":
            raise RefusedError(
                f"invalid HPA metric source type with value [{source['type']}],valid metric source types are Resource"
            )


def _keda_scaling(predictor: Object) -> None:
    if predictor.get("scaleMetric") is not None:
        raise RefusedError("ScaleMetric is not supported for KEDA")


def _canary_set(service: Object) -> None:
    """As documented in KServe's pull request 5672, the words are not KServe's."""
    canaries = canaries_of(service)
    if not canaries:
        return
    if names.mode_of(service) != names.STANDARD:
        raise RefusedError("canary is only supported in Standard deployment mode")
    called = [predictor.get("name", "") for predictor in _predictors(service)]
    if "" in called[1:] or len(set(called)) < len(called):
        raise RefusedError("each canary must have a predictor.name of its own")
    if sum(canary["trafficPercent"] for canary in canaries) > 100:
        raise RefusedError("the sum of the canaries' trafficPercent must not be above 100")


def _canaries(service: Object) -> None:
    for canary in canaries_of(service):
        name = canary["predictor"].get("name", "")
        for field in CANARY_FORBIDDEN:
            if canary["predictor"].get(field) is not None:
                raise RefusedError(f'canary "{name}" must not set {field} (canary uses fixed replicas)')


CHECKS: tuple[Callable[[Object], None], ...] = (
    _name,
    _autoscaler_class,
    _model_name,
    _canary_set,
    _canaries,
    _replicas,
    _scaling,
)
