"""What the stand-in for KServe decides where no recording shows it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.kserve import names
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.plan import Observed, Plan, plan
from tests.sandbox.kube_api import Object

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 13, tzinfo=UTC)
CLUSTER = Cluster("example.com")
RUNTIME: Object = {
    "metadata": {"name": "weldserve", "namespace": "plant-a"},
    "spec": {
        "supportedModelFormats": [{"name": "weldserve", "autoSelect": True}],
        "protocolVersions": ["v2"],
        "tolerations": [{"key": "edge", "operator": "Exists"}],
        "containers": [
            {
                "name": "kserve-container",
                "image": "predictor",
                "args": ["--name={{.Name}}", "--where={{ .Namespace }}"],
                "env": [{"name": "A", "value": "runtime"}, {"name": "B", "value": "runtime"}],
            }
        ],
    },
}
AVAILABLE: Object = {
    "observedGeneration": 1,
    "availableReplicas": 1,
    "conditions": [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "available"},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "progressed"},
    ],
}


def _service(*, local: bool = True, **predictor: Any) -> Object:
    model: Object = {"modelFormat": {"name": "weldserve"}, "protocolVersion": "v2", "storageUri": "pvc://bundles/b"}
    model |= predictor.pop("model", {})
    labels = {names.VISIBILITY: names.CLUSTER_LOCAL} if local else {}
    metadata: Object = {"name": "line", "namespace": "plant-a", "uid": "u", "labels": labels, "annotations": {}}
    return {"metadata": metadata, "spec": {"predictor": {"model": model, **predictor}}}


def _plan(service: Object, **owned: dict[str, Object]) -> Plan:
    return plan(service, Observed(owned=owned, runtimes=[RUNTIME]), CLUSTER, NOW)


def _written(decided: Plan, kind: str) -> Object:
    return next(item for item in decided.write if item["kind"] == kind)


def _condition(status: Object | None, name: str) -> Object:
    assert status is not None
    found: Object = next(condition for condition in status["conditions"] if condition["type"] == name)
    return found


def _deployment(status: Object) -> dict[str, Object]:
    return {"line-predictor": {"metadata": {"name": "line-predictor"}, "status": status}}


def test_a_models_env_overrides_the_runtimes_by_name() -> None:
    decided = _plan(_service(model={"env": [{"name": "B", "value": "model"}, {"name": "C", "value": "model"}]}))
    container = _written(decided, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert [(variable["name"], variable["value"]) for variable in container["env"]] == [
        ("A", "runtime"),
        ("B", "model"),
        ("C", "model"),
        ("INFERENCE_SERVICE_NAME", "line"),
    ]


def test_name_and_namespace_are_filled_into_the_runtimes_args() -> None:
    container = _written(_plan(_service()), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["--name=line", "--where=plant-a"]


def test_the_runtimes_and_the_predictors_pod_fields_reach_the_pods() -> None:
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]
    spec = _written(_plan(_service(topologySpreadConstraints=spread)), "Deployment")["spec"]["template"]["spec"]
    assert spec["topologySpreadConstraints"] == spread
    assert spec["tolerations"] == RUNTIME["spec"]["tolerations"]


def test_a_runtime_of_the_namespace_comes_before_one_of_the_cluster() -> None:
    elsewhere = copy.deepcopy(RUNTIME)
    elsewhere["metadata"] = {"name": "weldserve"}
    observed = Observed(runtimes=[RUNTIME], cluster_runtimes=[elsewhere])
    decided = plan(_service(model={"runtime": "weldserve"}), observed, CLUSTER, NOW)
    assert decided.status is not None
    assert decided.status["servingRuntimeName"] == "weldserve"
    assert "clusterServingRuntimeName" not in decided.status


def test_a_cluster_wide_runtime_is_named_as_such() -> None:
    observed = Observed(cluster_runtimes=[RUNTIME])
    decided = plan(_service(model={"runtime": "weldserve"}), observed, CLUSTER, NOW)
    assert decided.status is not None
    assert decided.status["clusterServingRuntimeName"] == "weldserve"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"runtime": "weldserve", "protocolVersion": "v1"}, "NoSupportingRuntime"),
        ({"runtime": "weldserve", "modelFormat": {"name": "other"}}, "NoSupportingRuntime"),
        ({"runtime": "nobody"}, "RuntimeNotRecognized"),
    ],
)
def test_a_runtime_that_does_not_fit_is_told_in_the_models_status(model: Object, reason: str) -> None:
    decided = _plan(_service(model=model))
    assert decided.write == ()
    assert decided.status is not None
    assert decided.status["modelStatus"]["lastFailureInfo"]["reason"] == reason


def test_a_model_without_storage_brings_the_agents_configuration() -> None:
    config = _written(_plan(_service(model={"storageUri": None})), "ConfigMap")
    assert config["metadata"]["name"] == "modelconfig-line-0"
    assert config["data"] == {"models.json": "[]"}


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    service = _service()
    observed = Observed(owned={"Deployment": _deployment({})}, runtimes=[RUNTIME])
    service["status"] = plan(service, observed, CLUSTER, NOW).status
    assert plan(service, observed, CLUSTER, LATER).status == service["status"]
    available = Observed(owned={"Deployment": _deployment(AVAILABLE)}, runtimes=[RUNTIME])
    changed = plan(service, available, CLUSTER, LATER).status
    assert _condition(changed, "Ready")["lastTransitionTime"] == "2026-11-23T13:00:00Z"
    assert _condition(changed, "IngressReady")["lastTransitionTime"] == "2026-11-23T12:00:00Z"


def test_a_rollout_that_is_stuck_is_told_with_its_words() -> None:
    stuck: Object = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no"}
    decided = _plan(_service(), Deployment=_deployment({"conditions": [stuck]}))
    condition = _condition(decided.status, "PredictorReady")
    assert (condition["status"], condition["reason"]) == ("False", "ProgressDeadlineExceeded")


def test_an_exposed_one_is_ready_when_its_gateway_accepts_both_routes() -> None:
    accepted: Object = {"status": {"parents": [{"conditions": [{"type": "Accepted", "status": "True"}]}]}}
    routes = {"line": accepted, "line-predictor": accepted}
    decided = _plan(_service(local=False), Deployment=_deployment(AVAILABLE), HTTPRoute=routes)
    assert decided.status is not None
    assert _condition(decided.status, "Ready")["status"] == "True"
    assert decided.status["url"] == "http://line-plant-a.example.com"


def test_an_exposed_one_tells_why_its_gateway_refuses() -> None:
    refused: Object = {"type": "Accepted", "status": "False", "reason": "NoMatchingParent", "message": "no such"}
    route: Object = {"status": {"parents": [{"conditions": [refused]}]}}
    decided = _plan(_service(local=False), Deployment=_deployment(AVAILABLE), HTTPRoute={"line-predictor": route})
    condition = _condition(decided.status, "IngressReady")
    assert (condition["reason"], condition["message"]) == ("NoMatchingParent", "Predictor no such")


def test_a_canary_takes_its_share_of_replicas_from_the_stable_predictor() -> None:
    service = _service(minReplicas=10)
    service["spec"]["canary"] = [{"trafficPercent": 15, "predictor": {"name": "v2"}}]
    scalers = {
        item["metadata"]["name"]: item["spec"] for item in _plan(service).write if "scaleTargetRef" in item["spec"]
    }
    assert scalers["line-v2-predictor"]["minReplicas"] == 2
    assert scalers["line-predictor"]["minReplicas"] == 8


def test_a_canary_without_traffic_and_minimum_has_no_replicas() -> None:
    service = _service(minReplicas=2)
    service["spec"]["canary"] = [{"trafficPercent": 0, "predictor": {"name": "v2"}}]
    canary = next(item for item in _plan(service).write if item["metadata"]["name"] == "line-v2-predictor")
    assert canary["spec"]["replicas"] == 0


def test_a_predictor_of_another_kind_is_left_alone() -> None:
    service = _service()
    del service["spec"]["predictor"]["model"]
    assert _plan(service) == Plan()


def test_stopping_deletes_what_runs() -> None:
    service = _service()
    service["metadata"]["annotations"][names.STOP] = "true"
    decided = _plan(service, Deployment=_deployment(AVAILABLE), Service={"line-predictor": {}})
    assert decided.write == ()
    assert set(decided.delete) == {("Deployment", "line-predictor"), ("Service", "line-predictor")}
