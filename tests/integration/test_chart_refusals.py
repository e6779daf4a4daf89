"""What is wrong in a chart's values is refused in a sentence that names it."""

from __future__ import annotations

import pytest

from tests.integration.rendered_charts import COUNTRY, EVERYTHING, RELEASE, rendered
from tests.sandbox.helm import Helm, HelmError
from tests.sandbox.kube_api import Object


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
        await rendered(helm, {**COUNTRY, **wrong})
    assert sentence in str(refused.value)


async def test_monitors_where_nothing_knows_them_are_refused(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"the cluster does not know monitoring\.coreos\.com/v1"):
        await helm.template(RELEASE, "weldserve", RELEASE, EVERYTHING)
