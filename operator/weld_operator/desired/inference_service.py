"""InferenceServices: what serves a revision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

from weld_api import names
from weld_api.predictor_settings import PredictorSettings, to_args
from weld_api.quantity import parse_duration
from weld_api.spec import Availability, WeldModelSpec
from weld_operator.desired.autoscaling import autoscaler_class, by_cpu, by_readings
from weld_operator.desired.metadata import metadata, pod_labels
from weld_operator.desired.shadow_config_map import shadow_mount, shadow_volume
from weld_operator.desired.target import Target
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.subject import Subject
from weld_operator.kinds import INFERENCE_SERVICE, Object

GRACE_MARGIN = timedelta(seconds=15)
"""What a predictor has to end by itself, after it has drained and finished what was under way, before it is killed."""


def inference_service(
    owner: Subject, revision: DesiredRevision, spec: WeldModelSpec, target: Target, there: Object | None = None
) -> Object:
    """The InferenceService that serves one revision alone; sensors reach it by a route of ours.

    `there` is what exists of it.
    """
    wanted = spec.serving.scaling.target
    scaled_by = autoscaler_class(wanted, target, there)
    scaling = by_cpu(wanted)
    if scaled_by == "keda":
        scaling = by_readings(wanted, target, owner.namespace, revision.name)
    about = metadata(owner, revision.name, revision.name)
    about["labels"][names.VISIBILITY_LABEL] = "cluster-local"
    about["annotations"] = {
        names.MODE_ANNOTATION: spec.serving.mode,
        names.AUTOSCALER_ANNOTATION: scaled_by,
        **bundle_annotations(revision, spec),
    }
    return inference_service_body(about, {"predictor": {**predictor(owner, revision, spec, target), **scaling}})


def inference_service_body(about: Object, spec: Object) -> Object:
    """Labels and annotations of an InferenceService reach its Pods, so that a change in one of them replaces them."""
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.name,
        "metadata": about,
        "spec": spec,
    }


def bundle_annotations(revision: DesiredRevision, spec: WeldModelSpec) -> dict[str, str]:
    """What tells of an object which bundle it serves."""
    return {names.DIGEST_ANNOTATION: revision.digest, names.VERSION_ANNOTATION: spec.model.version}


def predictor(owner: Subject, revision: DesiredRevision, spec: WeldModelSpec, target: Target) -> Object:
    """The bundle, the runtime and its arguments, the replicas and how they are spread; not what they follow."""
    account = spec.model.service_account_name or target.predictor_service_account
    return {
        **({} if account is None else {"serviceAccountName": account}),
        **({"nodeSelector": dict(owner.node_selector)} if owner.node_selector else {}),
        "minReplicas": revision.min_replicas,
        "maxReplicas": spec.serving.scaling.max_replicas,
        "terminationGracePeriodSeconds": _grace_seconds(),
        "topologySpreadConstraints": spread(spec.serving.availability, pod_labels(revision.name)),
        "volumes": [shadow_volume(revision.name)],
        "model": {
            "modelFormat": {"name": names.MODEL_FORMAT},
            "protocolVersion": "v2",
            "runtime": target.runtime,
            "storageUri": spec.model.uri,
            "resources": _resources(spec),
            # KServe appends these to the runtime's own arguments.
            "args": to_args(PredictorSettings.for_model(owner.name, spec)),
            "volumeMounts": [shadow_mount()],
        },
    }


def spread(availability: Availability, pods: Mapping[str, str]) -> list[Object]:
    """Over what replicas are spread; `pods` are the labels by which they are known."""
    return [
        {
            "topologyKey": key,
            "maxSkew": 1,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(pods)},
        }
        for key in availability.spread_across
    ]


def _grace_seconds() -> int:
    fields = PredictorSettings.model_fields
    ending = [parse_duration(fields[name].default) for name in ("drain", "finish_within")]
    return math.ceil(sum(ending, GRACE_MARGIN).total_seconds())


def _resources(spec: WeldModelSpec) -> Object:
    amounts = spec.model.resources.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in amounts.items() if value}
