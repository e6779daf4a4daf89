"""The InferenceService of one revision, in KServe's Standard mode."""

from __future__ import annotations

import math
from datetime import timedelta

from weld_api import names
from weld_api.predictor_settings import PredictorSettings, to_args
from weld_api.quantity import parse_duration
from weld_api.spec import WeldModelSpec
from weld_operator.desired.metadata import metadata, pod_labels
from weld_operator.desired.target import Target
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.subject import Subject
from weld_operator.kinds import INFERENCE_SERVICE, Object

GRACE_MARGIN = timedelta(seconds=15)
"""What a predictor has to end by itself, after it has drained and finished what was under way, before it is killed."""


def inference_service(owner: Subject, revision: DesiredRevision, target: Target) -> Object:
    """The InferenceService: the bundle, the runtime and its arguments, the replicas and how they are spread.

    Labels and annotations reach the Pods, so that a change in one of them replaces every Pod.
    """
    about = metadata(owner, revision.name, revision.name)
    about["labels"]["networking.kserve.io/visibility"] = "cluster-local"
    about["annotations"] = {
        names.MODE_ANNOTATION: revision.spec.serving.mode,
        "serving.kserve.io/autoscalerClass": "hpa",
        names.DIGEST_ANNOTATION: revision.digest,
        names.VERSION_ANNOTATION: revision.spec.model.version,
    }
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.name,
        "metadata": about,
        "spec": {"predictor": _predictor(owner, revision, target)},
    }


def _predictor(owner: Subject, revision: DesiredRevision, target: Target) -> Object:
    spec = revision.spec
    account = spec.model.service_account_name or target.predictor_service_account
    return {
        **({} if account is None else {"serviceAccountName": account}),
        "minReplicas": revision.min_replicas,
        "maxReplicas": spec.serving.scaling.max_replicas,
        "scaleMetric": "cpu",
        "scaleTarget": spec.serving.scaling.target.cpu_utilization,
        "terminationGracePeriodSeconds": _grace_seconds(),
        "topologySpreadConstraints": [_spread(key, revision.name) for key in spec.serving.availability.spread_across],
        "model": {
            "modelFormat": {"name": names.MODEL_FORMAT},
            "protocolVersion": "v2",
            "runtime": target.runtime,
            "storageUri": spec.model.uri,
            "resources": _resources(spec),
            # KServe appends these to the runtime's own arguments.
            "args": to_args(PredictorSettings.for_model(owner.name, spec)),
        },
    }


def _grace_seconds() -> int:
    fields = PredictorSettings.model_fields
    ending = [parse_duration(fields[name].default) for name in ("drain", "finish_within")]
    return math.ceil(sum(ending, GRACE_MARGIN).total_seconds())


def _spread(key: str, revision: str) -> Object:
    return {
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": pod_labels(revision)},
    }


def _resources(spec: WeldModelSpec) -> Object:
    amounts = spec.model.resources.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in amounts.items() if value}
