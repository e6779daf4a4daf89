"""The objects that the country's chart makes, for the least values, for all of them, and for a whole cluster."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from tests.sandbox.helm import CHARTS, Helm
from tests.sandbox.kube_api import Object

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


async def rendered(helm: Helm, values: Object) -> list[Object]:
    chart = str(CHARTS / "weldserve")
    output = await helm.run("template", RELEASE, chart, f"--namespace={RELEASE}", KNOWN_APIS, values=values)
    return [document for document in yaml.safe_load_all(output) if document]


def all_of(documents: list[Object], kind: str) -> list[Object]:
    return [document for document in documents if document["kind"] == kind]


def one_of(documents: list[Object], kind: str, name: str = "") -> Object:
    (found,) = [each for each in all_of(documents, kind) if name in ("", each["metadata"]["name"])]
    return found


def rules_of(documents: list[Object]) -> Iterator[Object]:
    for kind in ("Role", "ClusterRole"):
        for role in all_of(documents, kind):
            yield from role["rules"]


def containers_of(documents: list[Object]) -> Iterator[Object]:
    for document in documents:
        spec = document.get("spec", {})
        for holder in (spec, spec.get("template", {}).get("spec", {}) if isinstance(spec, dict) else {}):
            yield from holder.get("containers", [])
