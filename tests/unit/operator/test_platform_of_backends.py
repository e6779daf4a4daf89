"""What a platform lacks depends on what divides a WeldModel's requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weld_operator.domain.platform import (
    CANARY_FIELD,
    SCALING_FIELD,
    BackendName,
    Demand,
    GatewayName,
    PlatformObservation,
    PrometheusObservation,
    can_follow_readings,
    findings,
    shortcomings,
)
from weld_operator.kinds import WATCHED_KINDS, Object

GATEWAY: Object = {
    "status": {"conditions": [{"type": kind, "status": "True"} for kind in ("Accepted", "Programmed")]},
}
WHOLE = PlatformObservation(
    gateway_name=GatewayName("kserve", "kserve-ingress-gateway"),
    served=frozenset(WATCHED_KINDS),
    knative=True,
    keda=True,
    gateway_api_versions=("v1",),
    gateway=GATEWAY,
)


@pytest.mark.parametrize("backend", ["Gateway", "Knative", "Native"])
def test_a_whole_platform_serves_every_backend(backend: BackendName) -> None:
    assert shortcomings(findings(WHOLE, Demand(backend))) == ()


@pytest.mark.parametrize(("backend", "reasons"), [("Gateway", ["GatewayMissing"]), ("Knative", []), ("Native", [])])
def test_our_own_gateway_matters_only_where_our_own_route_needs_it(backend: BackendName, reasons: list[str]) -> None:
    found = shortcomings(findings(replace(WHOLE, gateway=None), Demand(backend)))
    assert [each.reason for each in found] == reasons


@pytest.mark.parametrize(("backend", "reasons"), [("Gateway", []), ("Knative", ["KnativeMissing"]), ("Native", [])])
def test_knative_is_missed_only_in_its_mode(backend: BackendName, reasons: list[str]) -> None:
    found = shortcomings(findings(replace(WHOLE, knative=False), Demand(backend)))
    assert [each.reason for each in found] == reasons


@pytest.mark.parametrize(("backend", "reasons"), [("Gateway", []), ("Knative", []), ("Native", ["CanaryMissing"])])
def test_a_kserve_without_canaries_is_old_for_those_alone_who_use_them(
    backend: BackendName, reasons: list[str]
) -> None:
    found = shortcomings(findings(replace(WHOLE, missing_fields=(CANARY_FIELD,)), Demand(backend)))
    assert [each.reason for each in found] == reasons


def test_a_field_that_is_needed_makes_kserve_too_old_for_all() -> None:
    seen = replace(WHOLE, missing_fields=("spec.predictor.scaleTarget", CANARY_FIELD, SCALING_FIELD))
    (found,) = shortcomings(findings(seen))
    assert found.reason == "KServeTooOld"
    assert CANARY_FIELD not in found.message
    assert SCALING_FIELD not in found.message


FOLLOWING = Demand(follows_readings=True)
WITH_STORE = replace(WHOLE, prometheus=PrometheusObservation("http://prometheus.monitoring:9090", version="3.1.0"))

UNFOLLOWED: dict[str, tuple[PlatformObservation, str, str]] = {
    "an installation without Prometheus": (
        replace(WITH_STORE, prometheus=None),
        "PrometheusNotNamed",
        "this installation names no Prometheus: set monitoring.prometheusUrl",
    ),
    "a cluster without KEDA": (
        replace(WITH_STORE, keda=False),
        "KedaMissing",
        "the cluster does not know ScaledObjects: install KEDA",
    ),
    "a KServe that cannot tell KEDA": (
        replace(WITH_STORE, missing_fields=(SCALING_FIELD,)),
        "AutoScalingMissing",
        "has no spec.predictor.autoScaling.behavior: upgrade KServe",
    ),
}


@pytest.mark.parametrize(("seen", "reason", "words"), UNFOLLOWED.values(), ids=UNFOLLOWED.keys())
def test_what_readings_cannot_be_followed_for_is_said_to_those_who_ask_for_it(
    seen: PlatformObservation, reason: str, words: str
) -> None:
    (found,) = shortcomings(findings(seen, FOLLOWING))
    assert found.reason == reason
    assert words in found.message
    assert found.message.endswith("replicas follow the CPU until then")
    assert not can_follow_readings((found,))
    assert shortcomings(findings(seen)) == (), "nobody else needs it"


def test_readings_are_followed_where_all_is_there_whatever_else_is_lacking() -> None:
    assert can_follow_readings(shortcomings(findings(WITH_STORE, FOLLOWING)))
    assert can_follow_readings(shortcomings(findings(replace(WITH_STORE, gateway=None), FOLLOWING)))
    assert not can_follow_readings(None), "nothing is known before the first look"
