"""The charts fit the code, ask for no more rights than they state, and refuse what is wrong in a sentence."""

import asyncio
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.sandbox.apply import Resource, served_kinds
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.helm import CHARTS, Helm, HelmError
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.schemas import install_schemas
from tests.sandbox.tools import ensure
from tests.unit.operator.cluster_objects import SPEC
from weld_api.names import MODEL_FORMAT
from weld_api.predictor_settings import PredictorSettings, to_args
from weld_api.spec import WeldModelSpec
from weld_operator.metrics import Metrics
from weld_operator.settings import OperatorSettings
from weld_predictor.metrics import PredictorMetrics

ROOT = Path(__file__).parents[2]
RELEASE = "weldserve-br"
COUNTRY: Object = {"country": "br", "namespaces": ["plant-a", "plant-b"]}
EVERYTHING: Object = {
    **COUNTRY,
    "imagePullSecrets": ["registry"],
    "gateway": {"namespace": "edge", "name": "public", "address": "http://public.edge.svc"},
    "operator": {
        "image": {"registry": "registry.example:5000", "digest": "sha256:" + "a" * 64},
        "nodeSelector": {"pool": "control"},
        "tolerations": [{"key": "control", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "extraArgs": ["--log-level=debug"],
        "replicas": 4,
        "shards": 3,
    },
    "predictor": {
        "image": {"tag": "1.2.3"},
        "nodeSelector": {"pool": "serving"},
        "tolerations": [{"key": "serving", "operator": "Exists"}],
        "env": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4318"}],
    },
    "storage": {"serviceAccount": {"annotations": {"iam": "role"}}, "secrets": ["store"]},
    "networkPolicy": {"gatewayNamespaces": ["envoy"], "predictorEgress": [{"ports": [{"port": 4318}]}]},
    "monitoring": {
        "prometheusUrl": "http://prometheus.monitoring.svc:9090",
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}
WHOLE_CLUSTER: Object = {"country": "br", "clusterWide": True, "runtime": {"clusterWide": True}}
CHOICES = {"least": COUNTRY, "everything": EVERYTHING, "whole cluster": WHOLE_CLUSTER}
KNOWN_APIS = "--api-versions=monitoring.coreos.com/v1"


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(ensure(["helm"])["helm"], tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
async def known(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that knows what KServe and the Gateway API bring."""
    async with control_plane.api() as api:
        await install_schemas(api)
    return control_plane


async def _rendered(helm: Helm, values: Object) -> list[Object]:
    chart = str(CHARTS / "weldserve")
    output = await helm.run("template", RELEASE, chart, f"--namespace={RELEASE}", KNOWN_APIS, values=values)
    return [document for document in yaml.safe_load_all(output) if document]


def _all(documents: list[Object], kind: str) -> list[Object]:
    return [document for document in documents if document["kind"] == kind]


def _one(documents: list[Object], kind: str, name: str = "") -> Object:
    (found,) = [each for each in _all(documents, kind) if name in ("", each["metadata"]["name"])]
    return found


def _rules(documents: list[Object]) -> Iterator[Object]:
    for kind in ("Role", "ClusterRole"):
        for role in _all(documents, kind):
            yield from role["rules"]


def _containers(documents: list[Object]) -> Iterator[Object]:
    for document in documents:
        spec = document.get("spec", {})
        for holder in (spec, spec.get("template", {}).get("spec", {}) if isinstance(spec, dict) else {}):
            yield from holder.get("containers", [])


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_helm_finds_nothing_to_say_against_the_charts(helm: Helm, values: Object) -> None:
    # Lint knows no APIs of a cluster.
    lintable = {**values, "monitoring": {"dashboard": {"enabled": True}}}
    for chart, given in (("weldserve", lintable), ("weldserve-crds", {})):
        assert "0 chart(s) failed" in await helm.run("lint", "--strict", str(CHARTS / chart), values=given)


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
    for document in await _rendered(helm, values):
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "weldserve"
        assert labels["app.kubernetes.io/instance"] == RELEASE
        assert labels["weldserve.io/country"] == "br"


@pytest.mark.parametrize("country", ["no", "on", "y"])
async def test_a_country_whose_name_is_a_word_of_yaml_stays_a_name(helm: Helm, country: str) -> None:
    for document in await _rendered(helm, {**EVERYTHING, "country": country}):
        assert document["metadata"]["labels"]["weldserve.io/country"] == country
    rules = _one(await _rendered(helm, {**EVERYTHING, "country": country}), "PrometheusRule")
    assert {rule["labels"]["country"] for group in rules["spec"]["groups"] for rule in group["rules"]} == {country}


async def test_nothing_is_for_the_whole_cluster_unless_it_is_asked_for(helm: Helm) -> None:
    for values in (COUNTRY, EVERYTHING):
        documents = await _rendered(helm, values)
        assert not [document["kind"] for document in documents if document["kind"].startswith("Cluster")]
        namespaces = {document["metadata"]["namespace"] for document in documents}
        gateway = values.get("gateway", {}).get("namespace", "kserve")
        assert namespaces == {RELEASE, "plant-a", "plant-b", gateway}
        # In the gateway's namespace, to look at the Gateway and nothing else.
        there = [each for each in documents if each["metadata"]["namespace"] == gateway]
        assert {each["kind"] for each in there} == {"Role", "RoleBinding"}
    whole = await _rendered(helm, WHOLE_CLUSTER)
    (name,) = {
        each["metadata"]["name"] for each in whole if each["kind"] in ("ClusterRole", "ClusterServingRuntime")
    } - {
        f"{RELEASE}-operator",
        f"{RELEASE}-test-models",
    }
    assert name == RELEASE


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_no_right_is_wider_than_it_must_be(helm: Helm, values: Object) -> None:
    for rule in _rules(await _rendered(helm, values)):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert "secrets" not in rule["resources"]
        assert "escalate" not in rule["verbs"]


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_every_container_may_do_nothing_that_it_does_not_need(helm: Helm, values: Object) -> None:
    containers = list(_containers(await _rendered(helm, values)))
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
    documents = await _rendered(helm, COUNTRY)
    deployment, budget = _one(documents, "Deployment"), _one(documents, "PodDisruptionBudget")
    assert deployment["spec"]["replicas"] == 2
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]
    pod = deployment["spec"]["template"]["spec"]
    spread = [each["topologyKey"] for each in pod["topologySpreadConstraints"]]
    assert spread == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    (container,) = pod["containers"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)


async def test_each_shard_has_a_lease_that_the_operator_may_write(helm: Helm) -> None:
    documents = await _rendered(helm, EVERYTHING)
    (container,) = _one(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert OperatorSettings.from_args(container["args"]).shards == 3
    names = [f"{RELEASE}-operator", *(f"{RELEASE}-operator-{number}" for number in range(3))]
    assert names in [rule.get("resourceNames") for rule in _rules(documents) if rule["resources"] == ["leases"]]
    rule = _one(documents, "PrometheusRule")["spec"]["groups"][0]["rules"][0]
    assert rule["alert"] == "WeldserveOperatorHasNoLeader"
    assert "< 3 or" in rule["expr"]


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_the_operator_takes_the_arguments_that_it_is_started_with(helm: Helm, values: Object) -> None:
    (container,) = _one(await _rendered(helm, values), "Deployment")["spec"]["template"]["spec"]["containers"]
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
    (container,) = _one(await _rendered(helm, COUNTRY), "Deployment")["spec"]["template"]["spec"]["containers"]
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
    documents = await _rendered(helm, values)
    runtimes = _all(documents, "ServingRuntime") + _all(documents, "ClusterServingRuntime")
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
    documents = await _rendered(helm, EVERYTHING)
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
        each for each in _all(documents, "ServiceAccount") if each["metadata"]["name"].endswith("-predictor")
    ]
    assert account["secrets"] == [{"name": "store"}]
    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert account["metadata"]["annotations"]["iam"] == "role"
    assert account["automountServiceAccountToken"] is False


async def test_images_are_named_by_registry_and_digest_or_tag(helm: Helm) -> None:
    images = {container["name"]: container["image"] for container in _containers(await _rendered(helm, EVERYTHING))}
    assert images["operator"] == f"registry.example:5000/weldserve/operator@sha256:{'a' * 64}"
    assert images["kserve-container"] == "weldserve/predictor:1.2.3"
    plain = {container["name"]: container["image"] for container in _containers(await _rendered(helm, COUNTRY))}
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
        documents = await _rendered(helm, values)
        groups = _one(documents, "PrometheusRule")["spec"]["groups"]
        board = json.loads(_one(documents, "ConfigMap")["data"][f"{RELEASE}.json"])
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
    (group,) = _one(await _rendered(helm, values), "PrometheusRule")["spec"]["groups"]
    assert group["name"] == f"{RELEASE}-predictors"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"country": ""}, "country is missing: name the country that this release is for"),
        ({"country": "Brazil"}, "at '/country': 'Brazil' does not match pattern"),
        ({"country": False}, "at '/country': got boolean, want string"),
        ({"namespaces": []}, "namespaces is empty: name the namespaces that the country may use"),
        ({"namespaces": ["plant-a", "plant-a"]}, "at '/namespaces': items at 0 and 1 are equal"),
        ({"namespaces": ["Plant A"]}, "at '/namespaces/0': 'Plant A' does not match pattern"),
        ({"clusterWide": True}, "namespaces=plant-a,plant-b stands beside clusterWide=true"),
        ({"namespaces": [], "clusterWide": True}, "runtime.clusterWide=false does not go with clusterWide=true"),
        (
            {"test": {"namespaces": ["plant-x"]}},
            "test.namespaces has plant-x, which is not one of the country's namespaces (plant-a, plant-b)",
        ),
        ({"countries": ["br"]}, "additional properties 'countries' not allowed"),
        ({"operator": {"replica": 2}}, "at '/operator': additional properties 'replica' not allowed"),
        ({"operator": {"replicas": "two"}}, "at '/operator/replicas': got string, want integer"),
        ({"operator": {"image": {"digest": "sha256:12"}}}, "at '/operator/image/digest': 'sha256:12' does not match"),
        ({"operator": {"logLevel": "loud"}}, "at '/operator/logLevel': value must be one of 'debug'"),
        ({"operator": {"resync": "often"}}, "at '/operator/resync': 'often' does not match pattern"),
        ({"operator": {"shards": 0}}, "at '/operator/shards': minimum: got 0, want 1"),
        ({"operator": {"shards": 3}}, "operator.replicas=2 is below operator.shards=3"),
        ({"predictor": {"image": {"repository": ""}}}, "at '/predictor/image/repository'"),
        (
            {"networkPolicy": {"storePorts": [70000]}},
            "at '/networkPolicy/storePorts/0': maximum: got 70,000, want 65,535",
        ),
        ({"gateway": {"address": "gateway"}}, "at '/gateway/address': 'gateway' does not match pattern"),
        ({"countryCode": "br"}, "at '/countryCode': 'br' does not match pattern"),
        ({"residency": {"stores": ["s3://models-br"]}}, "at '/residency/stores/0': 's3://models-br' does not match"),
        ({"residency": {"countries": ["Brazil"]}}, "at '/residency/countries/0': 'Brazil' does not match pattern"),
        ({"published": {"route": {"enabled": True}}}, "published.route.enabled=true needs published.enabled=true"),
        (
            {"published": {"enabled": True, "tlsSecret": "tls", "route": {"enabled": True}}},
            "published.route.enabled=true does not go with published.tlsSecret",
        ),
    ],
)
async def test_wrong_values_are_refused_by_name(helm: Helm, wrong: Object, sentence: str) -> None:
    with pytest.raises(HelmError) as refused:
        await _rendered(helm, {**COUNTRY, **wrong})
    assert sentence in str(refused.value)


async def test_monitors_where_nothing_knows_them_are_refused(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"the cluster does not know monitoring\.coreos\.com/v1"):
        await helm.template(RELEASE, "weldserve", RELEASE, EVERYTHING)


async def test_the_notes_name_the_next_commands(helm: Helm) -> None:
    for chart, values, words in (
        ("weldserve", COUNTRY, "kubectl get wm --namespace plant-a --watch"),
        ("weldserve-crds", {}, "helm install weldserve-br"),
    ):
        arguments = ("install", RELEASE, str(CHARTS / chart), f"--namespace={RELEASE}", "--dry-run=client")
        assert words in await helm.run(*arguments, values=values)


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_the_api_server_takes_every_object(helm: Helm, values: Object, known: ControlPlane) -> None:
    documents = [
        document
        for document in await _rendered(helm, values)
        if not document["apiVersion"].startswith("monitoring.coreos.com")
    ]
    async with known.api() as api:
        resources: dict[str, dict[str, Resource]] = {}
        for document in documents:
            version = document["apiVersion"]
            if version not in resources:
                resources[version] = await served_kinds(api, version)
            resource = resources[version][document["kind"]]
            about = document["metadata"]
            namespace = "default" if resource.namespaced else None
            if resource.namespaced:
                about["namespace"] = namespace
            if document["kind"] == "Pod":
                document["spec"].pop("serviceAccountName", None)  # a dry run makes none
            path = path_of(version, resource.plural, namespace, about["name"])
            await api.apply(f"{path}?dryRun=All&fieldValidation=Strict", document, manager="charts")


async def test_a_namespace_belongs_to_one_country(
    tmp_path_factory: pytest.TempPathFactory, known: ControlPlane
) -> None:
    helm = Helm(ensure(["helm"])["helm"], tmp_path_factory.mktemp("helm"), known.kubeconfig)
    async with known.api() as api:
        for name in ("kserve", "plant-shared"):
            body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await api.apply(path_of("v1", "namespaces", name=name), body, manager="charts")

    def install(country: str) -> asyncio.Task[str]:
        values = {"country": country, "namespaces": ["plant-shared"], "operator": {"replicas": 0}}
        name = f"weldserve-{country}"
        arguments = ("install", name, str(CHARTS / "weldserve"), f"--namespace={name}", "--create-namespace")
        return asyncio.create_task(helm.run(*arguments, values=values))

    await install("br")
    with pytest.raises(HelmError) as refused:
        await install("no")
    expected = "namespaces has plant-shared, which belongs to country br already (release weldserve-br in weldserve-br)"
    assert expected in str(refused.value)
    await helm.run("uninstall", "weldserve-br", "--namespace=weldserve-br")
    await install("no")
    await helm.run("uninstall", "weldserve-no", "--namespace=weldserve-no")


NOT_FOLLOWED = {
    "CPU limit is not set": "a limit throttles at the very moment of a burst; requests share the cores fairly",
    "ImagePullPolicy is not set to Always": "an image is named by version or digest, and an air-gapped site pulls none",
    "The NetworkPolicys selector doesn't match any pods": "KServe makes the predictors' Pods, not the chart",
}
"""Words of the critic's findings that are no faults here, and why."""


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_a_critic_of_manifests_finds_nothing_that_is_not_explained(helm: Helm, values: Object) -> None:
    program = ensure(["kube-score"])["kube-score"]
    known = (
        "--output-format=ci",
        "--kubernetes-version=v1.29",
        "--enable-optional-test=container-seccomp-profile",
        "-",
    )
    process = await asyncio.create_subprocess_exec(
        program, "score", *known, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(yaml.safe_dump_all(await _rendered(helm, values)).encode())
    lines = output.decode().splitlines()
    assert sum(line.startswith("[OK]") for line in lines) > 20
    critical = [line for line in lines if line.startswith("[CRITICAL]")]
    assert not [line for line in critical if not any(line.endswith(words) for words in NOT_FOLLOWED)]
    assert critical, "if nothing is found any more, NOT_FOLLOWED is out of date"
