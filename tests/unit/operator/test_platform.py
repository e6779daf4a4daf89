"""What the platform lacks is named, and heals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.operator.cluster_objects import (
    NOW,
    TARGET,
    URL,
    remembered,
    route_to,
    seen,
    subject,
    weighed,
)
from weld_operator.desired.objects import desired_objects
from weld_operator.desired.traffic.gateway import GatewayBackend
from weld_operator.domain.decision import decide
from weld_operator.domain.observation import Observation, Obstacle
from weld_operator.domain.platform import (
    NEEDED_FIELDS,
    GatewayName,
    PlatformObservation,
    PrometheusObservation,
    findings,
    shortcomings,
)
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, WATCHED_KINDS, Object

GATEWAY = GatewayName("kserve", "kserve-ingress-gateway")


def _gateway(accepted: str = "True", programmed: str = "True") -> Object:
    conditions = [
        {"type": "Accepted", "status": accepted, "reason": "Pending", "message": ""},
        {"type": "Programmed", "status": programmed, "reason": "AddressNotAssigned", "message": "no address is left"},
    ]
    return {"metadata": {"name": GATEWAY.name}, "status": {"conditions": conditions}}


WHOLE = PlatformObservation(
    gateway_name=GATEWAY, served=frozenset(WATCHED_KINDS), gateway_api_versions=("v1", "v1beta1"), gateway=_gateway()
)
STORE = "http://prometheus.monitoring.svc:9090"

FALLING_SHORT: dict[str, tuple[PlatformObservation, str, str]] = {
    "KServe is not installed": (
        replace(WHOLE, served=WHOLE.served - {INFERENCE_SERVICE}),
        "KServeMissing",
        "0.16 or later",
    ),
    "an old KServe": (
        replace(WHOLE, missing_fields=("status.servingRuntimeName",)),
        "KServeTooOld",
        "no status.servingRuntimeName",
    ),
    "the Gateway API is not installed": (
        replace(WHOLE, served=WHOLE.served - {HTTP_ROUTE}, gateway_api_versions=(), gateway=None),
        "GatewayApiMissing",
        "1.0 or later",
    ),
    "an old Gateway API": (
        replace(WHOLE, served=WHOLE.served - {HTTP_ROUTE}, gateway_api_versions=("v1beta1",), gateway=None),
        "GatewayApiTooOld",
        "in v1beta1",
    ),
    "no Gateway": (replace(WHOLE, gateway=None), "GatewayMissing", "kserve/kserve-ingress-gateway does not exist"),
    "a Gateway that may not be read": (
        replace(WHOLE, gateway=None, gateway_fault="gateways is forbidden"),
        "GatewayUnreadable",
        "gateways is forbidden",
    ),
    "a Gateway without a controller": (
        replace(WHOLE, gateway={"metadata": {}, "status": {}}),
        "GatewayNotProgrammed",
        "no controller",
    ),
    "a Gateway that is refused": (replace(WHOLE, gateway=_gateway("False")), "GatewayNotProgrammed", "Pending"),
    "a Gateway without an address": (
        replace(WHOLE, gateway=_gateway(programmed="False")),
        "GatewayNotProgrammed",
        "no address is left",
    ),
    "a Prometheus that is away": (
        replace(WHOLE, prometheus=PrometheusObservation(STORE, fault="connection refused")),
        "PrometheusUnreachable",
        "connection refused",
    ),
    "an old Prometheus": (
        replace(WHOLE, prometheus=PrometheusObservation(STORE, version="2.9.1")),
        "PrometheusTooOld",
        "states version 2.9.1",
    ),
    "a Prometheus that says nothing of itself": (
        replace(WHOLE, prometheus=PrometheusObservation(STORE)),
        "PrometheusTooOld",
        "states no version: upgrade it to 2.24 or later",
    ),
    "a Prometheus of no release": (
        replace(WHOLE, prometheus=PrometheusObservation(STORE, version="main")),
        "PrometheusTooOld",
        "states version main",
    ),
}


@pytest.mark.parametrize(("observed", "reason", "words"), FALLING_SHORT.values(), ids=FALLING_SHORT.keys())
def test_what_falls_short_is_named(observed: PlatformObservation, reason: str, words: str) -> None:
    (found,) = shortcomings(findings(observed))
    assert found.reason == reason
    assert words in found.message


def test_nothing_is_said_against_a_platform_that_is_whole() -> None:
    assert findings(WHOLE) == {"KServe": None, "GatewayApi": None, "Gateway": None}


@pytest.mark.parametrize(
    "store",
    [
        PrometheusObservation(STORE, version="3.1.0"),
        PrometheusObservation(STORE, version="v2.24.0"),
        PrometheusObservation(STORE, "Prometheus", "2.53.1"),
        PrometheusObservation(STORE, "Grafana Mimir", "2.14.0"),
        PrometheusObservation(STORE, version="0.37.2"),
    ],
    ids=["Prometheus", "VictoriaMetrics", "Prometheus by name", "Mimir", "Thanos"],
)
def test_nothing_is_said_against_a_store_that_answers_queries(store: PrometheusObservation) -> None:
    assert findings(replace(WHOLE, prometheus=store))["Prometheus"] is None


def test_an_empty_cluster_is_told_of_kserve_and_the_gateway_api_at_once() -> None:
    empty = PlatformObservation(gateway_name=GATEWAY, served=frozenset({DEPLOYMENT}))
    found = findings(empty)
    assert [each.reason for each in shortcomings(found)] == ["KServeMissing", "GatewayApiMissing"]
    assert "Gateway" not in found, "nothing can be known of it"


def test_the_fields_that_are_needed_are_those_that_are_written() -> None:
    about = subject("a", remembered("a", "Stable"))
    decision = decide(
        about, Observation({each.name: each for each in (seen("a"),)}, route_to("a"), weighed(a=100)), URL, NOW
    )
    target = replace(TARGET, predictor_service_account="weldserve-predictor")
    predictor = dict(desired_objects(about, decision, GatewayBackend(), {}, target))[INFERENCE_SERVICE]["spec"][
        "predictor"
    ]
    written = {f"spec.predictor.{name}" for name in predictor if name != "model"}
    written |= {f"spec.predictor.model.{name}" for name in predictor["model"]}
    assert written | {"status.servingRuntimeName"} == set(NEEDED_FIELDS)


def test_a_shortcoming_is_a_condition_of_its_own_and_does_not_stop_what_serves() -> None:
    about = subject("a", remembered("a", "Stable"))
    lacking = (Obstacle("GatewayMissing", "no Gateway"), Obstacle("PrometheusUnreachable", "no Prometheus"))
    observed = Observation(
        {each.name: each for each in (seen("a"),)}, route_to("a"), weighed(a=100), shortcomings=lacking
    )
    status = decide(about, observed, URL, NOW).status
    serving, progressing, platform = status.conditions
    assert (serving.status, progressing.status) == ("True", "True")
    assert status.phase == "Serving"
    assert (platform.type, platform.status, platform.reason) == ("PlatformReady", "False", "GatewayMissing")
    assert platform.message == "no Gateway. no Prometheus"
    healed = decide(about, replace(observed, shortcomings=()), URL, NOW).status.conditions[2]
    assert (healed.status, healed.reason) == ("True", "AllFound")
    unseen = decide(replace(about, status=status), replace(observed, shortcomings=None), URL, NOW).status.conditions
    assert unseen[2] == platform, "until the platform is looked at, the condition stays as it was"
    assert len(decide(about, replace(observed, shortcomings=None), URL, NOW).status.conditions) == 2
