"""Which autoscaler a revision has, what that is told, and that it and a rollout leave each other alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.operator.cluster_objects import (
    NOW,
    TARGET,
    URL,
    digest,
    remembered,
    revision_of,
    route_to,
    seen,
    spec_of,
    subject,
    weighed,
)
from weld_api.spec import WeldModelSpec
from weld_api.status import Revision
from weld_operator.desired.objects import desired_objects
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.backend import Found
from weld_operator.desired.traffic.gateway import GatewayBackend
from weld_operator.domain.decision import decide
from weld_operator.domain.observation import Observation
from weld_operator.domain.subject import Subject
from weld_operator.kinds import INFERENCE_SERVICE, Object

STORE = "http://prometheus.monitoring:9090"
FOLLOWING = replace(TARGET, prometheus_url=STORE, follows_readings=True)
BY_READINGS = {"target": {"readingsPerSecond": 100_000}}
BY_CPU = {"target": {"cpuUtilization": 55}}


def _stable(letter: str, scaling: Object) -> Revision:
    spec = WeldModelSpec.model_validate(spec_of(letter, scaling=scaling))
    return remembered(letter, "Stable", spec=spec.model_dump(mode="json", exclude_none=True))


def _services(about: Subject, target: Target, found: Found | None = None) -> dict[str, Object]:
    """The InferenceServices that are wanted, by name, where the Stable revision a is all that is seen."""
    observed = Observation({revision_of("a"): seen("a")}, route_to("a"), weighed(a=100))
    decision = decide(about, observed, URL, NOW)
    wanted = desired_objects(about, decision, GatewayBackend(), found or {}, target)
    return {body["metadata"]["name"]: body for kind, body in wanted if kind == INFERENCE_SERVICE}


def _service(scaling: Object, target: Target, there: Object | None = None) -> Object:
    found = {} if there is None else {INFERENCE_SERVICE: {revision_of("a"): there}}
    return _services(subject("a", _stable("a", scaling), scaling=scaling), target, found)[revision_of("a")]


def _class_of(service: Object) -> str:
    return str(service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"])


@pytest.mark.parametrize(("scaling", "percent"), [(BY_CPU, 55), ({"target": {}}, 70), ({}, 70)])
def test_a_revision_follows_the_cpu(scaling: Object, percent: int) -> None:
    for target in (TARGET, FOLLOWING):
        service = _service(scaling, target)
        predictor = service["spec"]["predictor"]
        assert _class_of(service) == "hpa"
        assert (predictor["scaleMetric"], predictor["scaleTarget"]) == ("cpu", percent)
        assert "autoScaling" not in predictor


def test_a_revision_follows_the_readings_of_its_own_pods() -> None:
    service = _service(BY_READINGS, FOLLOWING)
    predictor = service["spec"]["predictor"]
    assert _class_of(service) == "keda"
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 4)
    assert not {"scaleMetric", "scaleTarget"} & predictor.keys(), "KServe refuses them beside KEDA"
    (metric,) = predictor["autoScaling"]["metrics"]
    assert metric == {
        "type": "External",
        "external": {
            "metric": {
                "backend": "prometheus",
                "serverAddress": STORE,
                "query": "sum(rate(weldserve_readings_total"
                '{namespace="plant-a",pod=~"north-line-aaaaaaaa-predictor-.+"}[1m]))',
            },
            "target": {"type": "Value", "value": "100000"},
        },
    }


def test_it_grows_at_once_and_shrinks_slowly() -> None:
    assert _service(BY_READINGS, FOLLOWING)["spec"]["predictor"]["autoScaling"]["behavior"] == {
        "scaleUp": {"stabilizationWindowSeconds": 0},
        "scaleDown": {"stabilizationWindowSeconds": 300},
    }


@pytest.mark.parametrize(
    "target",
    [
        replace(TARGET, follows_readings=True),
        replace(TARGET, prometheus_url=STORE),
    ],
    ids=["no Prometheus", "no KEDA"],
)
def test_without_what_it_takes_it_follows_the_cpu(target: Target) -> None:
    service = _service(BY_READINGS, target)
    assert _class_of(service) == "hpa"
    assert service["spec"]["predictor"]["scaleTarget"] == 70


@pytest.mark.parametrize(
    ("scaling", "target", "expected"),
    [
        (BY_READINGS, replace(TARGET, prometheus_url=STORE), "keda"),
        (BY_READINGS, TARGET, "hpa"),
        (BY_CPU, FOLLOWING, "hpa"),
    ],
    ids=["KEDA is out of sight", "the installation has no Prometheus any more", "the CPU is asked for"],
)
def test_what_keda_scales_is_left_to_it_while_it_cannot_be_seen(scaling: Object, target: Target, expected: str) -> None:
    """Another class would replace every Pod, and again when KEDA is back."""
    assert _class_of(_service(scaling, target, there=_service(BY_READINGS, FOLLOWING))) == expected


def test_what_follows_the_cpu_for_want_of_keda_follows_readings_once_it_is_there() -> None:
    there = _service(BY_READINGS, replace(TARGET, prometheus_url=STORE))
    assert _class_of(there) == "hpa"
    assert _class_of(_service(BY_READINGS, FOLLOWING, there)) == "keda"


def _with_rollout(letter: str, scaling: Object, *revisions: Revision) -> Subject:
    about = subject(letter, *revisions)
    spec: dict[str, Any] = spec_of(letter, scaling=scaling) | {"rollout": {}}
    return replace(about, spec=WeldModelSpec.model_validate(spec))


def test_each_of_two_revisions_is_scaled_by_its_own_signal() -> None:
    about = _with_rollout("b", BY_READINGS, _stable("a", BY_READINGS))
    services = _services(about, FOLLOWING)
    queries = {
        name: body["spec"]["predictor"]["autoScaling"]["metrics"][0]["external"]["metric"]["query"]
        for name, body in services.items()
    }
    assert set(queries) == {revision_of("a"), revision_of("b")}
    for name, query in queries.items():
        assert f'pod=~"{name}-predictor-.+"' in query
        assert sum(other in query for other in queries) == 1


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(BY_CPU, BY_READINGS, "hpa"), (BY_READINGS, BY_CPU, "keda")],
    ids=["to readings", "to the CPU"],
)
def test_another_signal_comes_with_the_next_bundle_and_replaces_no_pod_of_the_stable_one(
    before: Object, after: Object, expected: str
) -> None:
    about = _with_rollout("b", after | {"maxReplicas": 9}, _stable("a", before))
    services = _services(about, FOLLOWING)
    stable, candidate = services[revision_of("a")], services[revision_of("b")]
    assert _class_of(stable) == expected
    assert _class_of(candidate) != expected
    assert stable["spec"]["predictor"]["maxReplicas"] == 9, "how many there may be follows the spec"


def test_another_value_of_the_same_signal_is_followed_at_once() -> None:
    about = _with_rollout("b", {"target": {"readingsPerSecond": 50_000}}, _stable("a", BY_READINGS))
    stable = _services(about, FOLLOWING)[revision_of("a")]["spec"]["predictor"]
    assert stable["autoScaling"]["metrics"][0]["external"]["target"]["value"] == "50000"


def test_the_stable_revision_keeps_its_size_while_a_candidate_is_tried_whatever_its_signal() -> None:
    grown = _stable("a", BY_READINGS)
    about = _with_rollout("b", BY_READINGS, grown)
    observed = Observation({revision_of("a"): seen("a", available=4, desired=4)}, route_to("a"), weighed(a=100))
    decision = decide(about, observed, URL, NOW)
    assert decision.stable is not None
    assert decision.stable.digest == digest("a")
    assert decision.stable.min_replicas == 4
    assert decision.candidate is not None
    assert decision.candidate.min_replicas == 2
