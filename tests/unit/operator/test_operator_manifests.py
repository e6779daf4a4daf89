"""The manifests fit the code that they run."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.unit.operator.cluster_objects import SPEC
from weld_api.names import MODEL_FORMAT
from weld_api.predictor_settings import PredictorSettings, to_args
from weld_api.spec import WeldModelSpec
from weld_operator.kinds import (
    DEPLOYMENT,
    EVENT,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    LEASE,
    POD,
    POD_DISRUPTION_BUDGET,
    WELD_MODEL,
    Object,
)
from weld_operator.settings import OperatorSettings

MANIFESTS = Path(__file__).parents[3] / "manifests"


def _documents(folder: str) -> list[Object]:
    files = sorted((MANIFESTS / folder).glob("*.yaml"))
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


def _one(folder: str, kind: str) -> Object:
    (found,) = [document for document in _documents(folder) if document["kind"] == kind]
    return found


def _rights(kind: str) -> dict[tuple[str, str], set[str]]:
    """Verbs by API group and resource."""
    return {
        (group, resource): set(rule["verbs"])
        for rule in _one("operator", kind)["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if "resourceNames" not in rule
    }


def test_the_operator_has_the_rights_that_it_uses_and_no_others() -> None:
    owned = {"get", "list", "watch", "create", "patch", "delete"}
    assert _rights("ClusterRole") == {
        (WELD_MODEL.group, "weldmodels"): {"get", "list", "watch"},
        (WELD_MODEL.group, "weldmodels/status"): {"patch"},
        (WELD_MODEL.group, "weldmodels/finalizers"): {"update"},
        (INFERENCE_SERVICE.group, INFERENCE_SERVICE.plural): owned,
        (HTTP_ROUTE.group, HTTP_ROUTE.plural): owned,
        (POD_DISRUPTION_BUDGET.group, POD_DISRUPTION_BUDGET.plural): owned,
        (DEPLOYMENT.group, DEPLOYMENT.plural): {"list", "watch"},
        (POD.group, POD.plural): {"list"},
        (EVENT.group, EVENT.plural): {"create"},
    }
    assert _rights("Role") == {(LEASE.group, LEASE.plural): {"create"}}


def test_the_one_lease_that_may_be_changed_is_the_operator_s() -> None:
    (named,) = [rule for rule in _one("operator", "Role")["rules"] if "resourceNames" in rule]
    assert named["resourceNames"] == [OperatorSettings.from_args([]).lease_name]
    assert set(named["verbs"]) == {"get", "update"}


def test_the_deployment_starts_the_operator_with_arguments_that_it_takes() -> None:
    spec = _one("operator", "Deployment")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    settings = OperatorSettings.from_args(container["args"])
    assert spec["replicas"] == 2
    assert container["command"] == ["python3", "-m", "weld_operator"]
    assert container["ports"][0]["containerPort"] == settings.http_port
    assert settings.lease_namespace == _one("operator", "Namespace")["metadata"]["name"]


def test_the_runtime_s_and_the_operator_s_arguments_together_start_a_predictor() -> None:
    runtime = _one("runtime", "ClusterServingRuntime")
    (container,) = runtime["spec"]["containers"]
    own = to_args(PredictorSettings.for_model("north-line", WeldModelSpec.model_validate(SPEC)))
    told = PredictorSettings.from_args([*container["args"], *own])
    assert told.http_port == container["ports"][0]["containerPort"]
    assert told.termination_log == Path(container["terminationMessagePath"])
    assert told.digest == "a" * 64
    assert runtime["metadata"]["name"] == OperatorSettings.from_args([]).runtime
    assert runtime["spec"]["supportedModelFormats"][0]["name"] == MODEL_FORMAT


def test_nothing_runs_with_more_rights_than_it_needs() -> None:
    (operator,) = _one("operator", "Deployment")["spec"]["template"]["spec"]["containers"]
    (predictor,) = _one("runtime", "ClusterServingRuntime")["spec"]["containers"]
    for container in (operator, predictor):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
