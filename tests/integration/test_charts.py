"""The charts fit the code, and ask for no more rights than they state."""

import json
import re
import tomllib
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.integration.rendered_charts import (
    CHOICES,
    COUNTRY,
    EVERYTHING,
    RELEASE,
    WHOLE_CLUSTER,
    all_of,
    containers_of,
    one_of,
    rendered,
    rules_of,
)
from tests.sandbox.helm import CHARTS, Helm
from tests.sandbox.kube_api import Object
from tests.unit.operator.cluster_objects import SPEC
from weld_api.names import MODEL_FORMAT
from weld_api.predictor_settings import PredictorSettings, to_args
from weld_api.spec import WeldModelSpec
from weld_operator.metrics import Metrics
from weld_operator.settings import OperatorSettings
from weld_predictor.metrics import PredictorMetrics

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("chart", ["weldserve", "weldserve-crds"])
def test_chart_and_product_have_one_version(chart: str) -> None:
    product = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    about = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    assert (about["version"], about["appVersion"]) == (product, product)


def test_every_value_is_explained_and_in_the_schema() -> None:
    schema = json.loads((CHARTS / "weldserve" / "values.schema.json").read_text())
    lines = (CHARTS / "weldserve" / "values.yaml").read_text().splitlines()
    values = yaml.safe_load("\n".join(lines))
    assert set(values) == set(schema["properties"]) - {"global"}
    for name in values:
        (number,) = [number for number, line in enumerate(lines) if line.startswith(f"{name}:")]
        assert lines[number - 1].startswith("#"), f"{name} has no comment above it"


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_everything_says_whose_it_is(helm: Helm, values: Object) -> None:
    for document in await rendered(helm, values):
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "weldserve"
        assert labels["app.kubernetes.io/instance"] == RELEASE
        assert labels["weldserve.io/country"] == "br"


@pytest.mark.parametrize("country", ["no", "on", "y"])
async def test_a_country_whose_name_is_a_word_of_yaml_stays_a_name(helm: Helm, country: str) -> None:
    for document in await rendered(helm, {**EVERYTHING, "country": country}):
        assert document["metadata"]["labels"]["weldserve.io/country"] == country
    rules = one_of(await rendered(helm, {**EVERYTHING, "country": country}), "PrometheusRule")
    assert {rule["labels"]["country"] for group in rules["spec"]["groups"] for rule in group["rules"]} == {country}


async def test_nothing_is_for_the_whole_cluster_unless_it_is_asked_for(helm: Helm) -> None:
    for values in (COUNTRY, EVERYTHING):
        documents = await rendered(helm, values)
        assert not [document["kind"] for document in documents if document["kind"].startswith("Cluster")]
        namespaces = {document["metadata"]["namespace"] for document in documents}
        gateway = values.get("gateway", {}).get("namespace", "kserve")
        assert namespaces == {RELEASE, "plant-a", "plant-b", gateway}
        # In the gateway's namespace, to look at the Gateway and nothing else.
        there = [each for each in documents if each["metadata"]["namespace"] == gateway]
        assert {each["kind"] for each in there} == {"Role", "RoleBinding"}
    whole = await rendered(helm, WHOLE_CLUSTER)
    (name,) = {
        each["metadata"]["name"] for each in whole if each["kind"] in ("ClusterRole", "ClusterServingRuntime")
    } - {
        f"{RELEASE}-operator",
        f"{RELEASE}-test-models",
    }
    assert name == RELEASE


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_no_right_is_wider_than_it_must_be(helm: Helm, values: Object) -> None:
    for rule in rules_of(await rendered(helm, values)):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert "secrets" not in rule["resources"]
        assert "escalate" not in rule["verbs"]


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_every_container_may_do_nothing_that_it_does_not_need(helm: Helm, values: Object) -> None:
    containers = list(containers_of(await rendered(helm, values)))
    assert {container["name"] for container in containers} == {"operator", "kserve-container", "try"}
    for container in containers:
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["resources"]["requests"]
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]


async def test_the_operator_is_spread_and_may_lose_one_replica(helm: Helm) -> None:
    documents = await rendered(helm, COUNTRY)
    deployment, budget = one_of(documents, "Deployment"), one_of(documents, "PodDisruptionBudget")
    assert deployment["spec"]["replicas"] == 2
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]
    pod = deployment["spec"]["template"]["spec"]
    spread = [each["topologyKey"] for each in pod["topologySpreadConstraints"]]
    assert spread == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    (container,) = pod["containers"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)


async def test_each_shard_has_a_lease_that_the_operator_may_write(helm: Helm) -> None:
    documents = await rendered(helm, EVERYTHING)
    (container,) = one_of(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert OperatorSettings.from_args(container["args"]).shards == 3
    names = [f"{RELEASE}-operator", *(f"{RELEASE}-operator-{number}" for number in range(3))]
    assert names in [rule.get("resourceNames") for rule in rules_of(documents) if rule["resources"] == ["leases"]]
    rule = one_of(documents, "PrometheusRule")["spec"]["groups"][0]["rules"][0]
    assert rule["alert"] == "WeldserveOperatorHasNoLeader"
    assert "< 3 or" in rule["expr"]


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_the_operator_takes_the_arguments_that_it_is_started_with(helm: Helm, values: Object) -> None:
    (container,) = one_of(await rendered(helm, values), "Deployment")["spec"]["template"]["spec"]["containers"]
    settings = OperatorSettings.from_args(container["args"])
    assert container["command"] == ["python3", "-m", "weld_operator"]
    assert container["ports"] == [{"name": "http", "containerPort": settings.http_port}]
    assert settings.namespaces == tuple(values.get("namespaces", ()))
    assert settings.runtime == RELEASE
    whole = values.get("clusterWide", False)
    assert settings.predictor_service_account == (None if whole else f"{RELEASE}-predictor")
    assert settings.lease_namespace == RELEASE
    assert settings.lease_name == f"{RELEASE}-operator"
    assert settings.prometheus_url == values.get("monitoring", {}).get("prometheusUrl")
    assert settings.gateway_name == values.get("gateway", {}).get("name", "kserve-ingress-gateway")


async def test_without_further_values_the_operator_s_own_defaults_hold(helm: Helm) -> None:
    (container,) = one_of(await rendered(helm, COUNTRY), "Deployment")["spec"]["template"]["spec"]["containers"]
    settings = OperatorSettings.from_args(container["args"])
    defaults = OperatorSettings.from_args([])
    assert settings.country == "BR"
    chosen = {"namespaces", "runtime", "predictor_service_account", "lease_namespace", "lease_name", "identity"}
    chosen |= {"country"}
    for name in set(OperatorSettings.model_fields) - chosen:
        assert getattr(settings, name) == getattr(defaults, name), name


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_the_runtime_s_and_the_operator_s_arguments_together_start_a_predictor(
    helm: Helm, values: Object
) -> None:
    documents = await rendered(helm, values)
    runtimes = all_of(documents, "ServingRuntime") + all_of(documents, "ClusterServingRuntime")
    assert len(runtimes) == len(values.get("namespaces", ["one"]))
    for runtime in runtimes:
        (container,) = runtime["spec"]["containers"]
        own = to_args(PredictorSettings.for_model("north-line", WeldModelSpec.model_validate(SPEC)))
        told = PredictorSettings.from_args([*container["args"], *own])
        assert [port["containerPort"] for port in container["ports"]] == [told.http_port, told.grpc_port]
        assert told.termination_log == Path(container["terminationMessagePath"])
        assert runtime["metadata"]["name"] == RELEASE
        assert runtime["spec"]["supportedModelFormats"][0]["name"] == MODEL_FORMAT


async def test_what_running_predictors_need_stays_when_the_release_goes(helm: Helm) -> None:
    documents = await rendered(helm, EVERYTHING)
    kept = {
        (each["kind"], each["metadata"]["name"])
        for each in documents
        if each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {
        ("ServingRuntime", RELEASE),
        ("ServiceAccount", f"{RELEASE}-predictor"),
        ("NetworkPolicy", f"{RELEASE}-predictors"),
    }
    (account, _) = [
        each for each in all_of(documents, "ServiceAccount") if each["metadata"]["name"].endswith("-predictor")
    ]
    assert account["secrets"] == [{"name": "store"}]
    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert account["metadata"]["annotations"]["iam"] == "role"
    assert account["automountServiceAccountToken"] is False


async def test_images_are_named_by_registry_and_digest_or_tag(helm: Helm) -> None:
    images = {container["name"]: container["image"] for container in containers_of(await rendered(helm, EVERYTHING))}
    assert images["operator"] == f"registry.example:5000/weldserve/operator@sha256:{'a' * 64}"
    assert images["kserve-container"] == "weldserve/predictor:1.2.3"
    plain = {container["name"]: container["image"] for container in containers_of(await rendered(helm, COUNTRY))}
    assert plain["operator"] == "weldserve/operator:0.1.0"


def _metric_names() -> set[str]:
    """Every series that the operator and a predictor can give."""
    registry = CollectorRegistry()
    PredictorMetrics(registry, model="m", version="v", site="s").watch_queue(lambda: 0)
    names: set[str] = set()
    for families in (registry.collect(), Metrics().registry.collect()):
        for family in families:
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
            names |= {family.name + suffix for suffix in suffixes}
    return names


async def test_alerts_and_dashboard_ask_for_metrics_that_there_are(helm: Helm) -> None:
    for values in (EVERYTHING, {**WHOLE_CLUSTER, "monitoring": EVERYTHING["monitoring"]}):
        documents = await rendered(helm, values)
        groups = one_of(documents, "PrometheusRule")["spec"]["groups"]
        board = json.loads(one_of(documents, "ConfigMap")["data"][f"{RELEASE}.json"])
        queries = [rule["expr"] for group in groups for rule in group["rules"]]
        queries += [
            target["expr"].replace("$namespace", ".*").replace("$model", ".*")
            for panel in board["panels"]
            for target in panel["targets"]
        ]
        assert len(queries) > 20
        for query in queries:
            promql_parser.parse(query)  # raises ValueError
            assert set(re.findall(r"\bweldserve_\w+", query)) <= _metric_names(), query


async def test_where_there_is_no_operator_nobody_is_told_that_it_is_silent(helm: Helm) -> None:
    elsewhere = {"operator": {"enabled": False}, "remoteAccess": {"enabled": True}}
    values = {**COUNTRY, **elsewhere, "monitoring": EVERYTHING["monitoring"]}
    (group,) = one_of(await rendered(helm, values), "PrometheusRule")["spec"]["groups"]
    assert group["name"] == f"{RELEASE}-predictors"


async def test_the_notes_name_the_next_commands(helm: Helm) -> None:
    for chart, values, words in (
        ("weldserve", COUNTRY, "kubectl get wm --namespace plant-a --watch"),
        ("weldserve-crds", {}, "helm install weldserve-br"),
    ):
        arguments = ("install", RELEASE, str(CHARTS / chart), f"--namespace={RELEASE}", "--dry-run=client")
        assert words in await helm.run(*arguments, values=values)
