"""An InferenceService of ours that asks for what was asked for in the recording `autoscaler-keda-installed`."""

from __future__ import annotations

from dataclasses import replace

from tests.sandbox.kube_api import Object
from tests.unit.operator.cluster_objects import TARGET, revision_of, spec_of, subject
from weld_api.spec import WeldModelSpec
from weld_operator.desired.inference_service import inference_service
from weld_operator.domain.decision import DesiredRevision

STORE = "http://prometheus.monitoring:9090"


def following_readings() -> Object:
    scaling = {"minReplicas": 2, "maxReplicas": 4, "target": {"readingsPerSecond": 1000}}
    spec = WeldModelSpec.model_validate(spec_of("a", scaling=scaling))
    revision = DesiredRevision(revision_of("a"), "a" * 64, spec, 2)
    target = replace(TARGET, prometheus_url=STORE, follows_readings=True)
    body = inference_service(subject("a"), revision, spec, target)
    body["metadata"]["uid"] = "uid"
    return body
