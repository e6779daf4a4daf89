"""KServe's own canary: what is asked of it, and what it shows."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from tests.unit.operator.cluster_objects import TARGET, UID, deployment, digest, revision_of, spec_of, subject
from weld_api import names
from weld_api.spec import WeldModelSpec
from weld_operator.desired.traffic.backend import Found, TrafficPlan
from weld_operator.desired.traffic.choice import backend_of
from weld_operator.desired.traffic.native import NativeBackend
from weld_operator.domain.decision import DesiredRevision
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, Object

OWNER = subject("a", traffic="Native")
BACKEND = NativeBackend()
SCALING = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")


def _revision(letter: str, replicas: int = 2, **serving: Any) -> DesiredRevision:
    spec = WeldModelSpec.model_validate(spec_of(letter, traffic="Native", **serving))
    return DesiredRevision(revision_of(letter), digest(letter), spec, replicas)


A, B, C = (_revision(letter) for letter in "abc")


def _spec(plan: TrafficPlan, found: Found | None = None) -> Object:
    spec: Object = dict(BACKEND.objects(OWNER, plan, found or {}, TARGET))[INFERENCE_SERVICE]["spec"]
    return spec


def _found(plan: TrafficPlan, *, routed: dict[str, int], seen: dict[str, int] | None = None) -> Found:
    """What a KServe makes of a plan: `routed` are the weights of its HTTPRoute, `seen` the canaries of its status."""
    service = copy.deepcopy(dict(BACKEND.objects(OWNER, plan, {}, TARGET))[INFERENCE_SERVICE])
    service["metadata"] |= {
        "uid": "uid-of-the-service",
        "creationTimestamp": "2026-11-23T11:00:00Z",
        "generation": 9,
        "ownerReferences": [{"uid": UID}],
    }
    service["status"] = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "observedGeneration": 1,
        "url": "http://north-line-plant-a.example.com",
        "canaryStatuses": [
            {"name": letter * 8, "ready": True, "trafficPercent": percent} for letter, percent in (seen or {}).items()
        ],
    }
    backends = [
        {"name": f"{revision_of(letter)}-predictor", "port": 80, "weight": weight} for letter, weight in routed.items()
    ]
    path = {"type": "RegularExpression", "value": "^/.*$"}
    route: Object = {
        "metadata": {
            "name": "north-line",
            "namespace": "plant-a",
            "generation": 1,
            "ownerReferences": [{"uid": "uid-of-the-service"}],
        },
        "spec": {
            "hostnames": ["north-line-plant-a.example.com"],
            "parentRefs": [{"name": "kserve-ingress-gateway", "namespace": "kserve"}],
            "rules": [{"matches": [{"path": path}], "backendRefs": backends}],
        },
    }
    revisions = [each for each in (plan.stable, plan.candidate, *plan.retiring) if each is not None]
    return {
        INFERENCE_SERVICE: {"north-line": service},
        HTTP_ROUTE: {"north-line": route},
        DEPLOYMENT: {f"{each.name}-predictor": deployment(each.name[-1], available=2, desired=2) for each in revisions},
    }


def test_each_predictor_is_named_by_its_bundle_and_the_inference_service_by_none() -> None:
    wanted = dict(BACKEND.objects(OWNER, TrafficPlan(A, B, 5), {}, TARGET))[INFERENCE_SERVICE]
    assert wanted["metadata"]["name"] == "north-line"
    assert names.DIGEST_ANNOTATION not in wanted["metadata"]["annotations"], "it would reach the Pods of both"
    assert names.REVISION_LABEL not in wanted["metadata"]["labels"]
    predictor, (canary,) = wanted["spec"]["predictor"], wanted["spec"]["canary"]
    assert predictor["name"] == "a" * 8
    assert canary["trafficPercent"] == 5
    assert canary["predictor"]["name"] == "b" * 8
    assert canary["predictor"]["labels"] == {names.REVISION_LABEL: "b" * 8}
    assert canary["predictor"]["annotations"][names.DIGEST_ANNOTATION] == digest("b")


def test_before_anything_is_stable_the_candidate_is_the_predictor() -> None:
    spec = _spec(TrafficPlan(None, A))
    assert spec["predictor"]["name"] == "a" * 8
    assert "canary" not in spec


def test_the_replicas_that_kserve_takes_from_the_predictor_are_added_to_it() -> None:
    predictor = _spec(TrafficPlan(A, replace(B, min_replicas=3), 5))["predictor"]
    assert predictor["minReplicas"] - 3 == A.min_replicas
    assert predictor["maxReplicas"] >= predictor["minReplicas"], "KServe would refuse it"
    alone = _spec(TrafficPlan(A, None))["predictor"]
    assert (alone["minReplicas"], alone["maxReplicas"]) == (2, 4)


def test_a_candidate_has_a_fixed_number_of_replicas() -> None:
    (canary,) = _spec(TrafficPlan(A, replace(B, min_replicas=3), 5))["canary"]
    assert canary["predictor"]["minReplicas"] == 3
    assert not {"maxReplicas", "scaleMetric", "scaleTarget"} & canary["predictor"].keys()


def test_a_promotion_changes_nothing_that_reaches_pods() -> None:
    trial, promoted = _spec(TrafficPlan(A, B, 50)), _spec(TrafficPlan(B, None, retiring=(A,)))
    before = {**trial["canary"][0]["predictor"]}
    after = {**promoted["predictor"]}
    for fields in (before, after):
        for name in SCALING:
            fields.pop(name, None)
    assert before == after
    (kept,) = promoted["canary"]
    assert (kept["predictor"]["name"], kept["trafficPercent"]) == ("a" * 8, 0)


def test_weights_are_those_of_kserve_s_route_and_not_those_that_were_asked_for() -> None:
    seen = BACKEND.read(OWNER, _found(TrafficPlan(A, B, 25), routed={"a": 95, "b": 5}, seen={"b": 5}))
    assert seen.weights == {revision_of("a"): 95, revision_of("b"): 5}
    assert seen.obstacle is None, "it will follow"
    assert seen.url == "http://north-line-plant-a.example.com"
    assert seen.revisions.keys() == {revision_of("a"), revision_of("b")}
    assert all(each.is_ready(2) for each in seen.revisions.values())


def test_a_kserve_that_names_no_candidate_in_its_route_divides_nothing() -> None:
    seen = BACKEND.read(OWNER, _found(TrafficPlan(A, B, 25), routed={"a": 1}, seen={"b": 25}))
    assert seen.obstacle is not None
    assert seen.obstacle.reason == "TrafficNotDivided"
    assert seen.weights == {revision_of("a"): 100}


def test_nothing_is_said_against_it_before_it_has_seen_the_percentage() -> None:
    for status in ({}, {"b": 0}):
        assert BACKEND.read(OWNER, _found(TrafficPlan(A, B, 25), routed={"a": 1}, seen=status)).obstacle is None
    assert BACKEND.read(OWNER, _found(TrafficPlan(A, B, 0), routed={"a": 1}, seen={"b": 0})).obstacle is None


def test_a_route_that_is_not_kserve_s_shows_nothing() -> None:
    found = _found(TrafficPlan(A, None), routed={"a": 1})
    found[HTTP_ROUTE]["north-line"]["metadata"]["ownerReferences"] = [{"uid": "somebody"}]
    assert BACKEND.read(OWNER, found).weights is None


def test_a_header_reaches_the_candidate_by_a_route_beside_kserve_s() -> None:
    plan = TrafficPlan(A, B, 0)
    found = _found(plan, routed={"a": 100, "b": 0}, seen={"b": 0})
    (route,) = [body for kind, body in BACKEND.objects(OWNER, plan, found, TARGET) if kind == HTTP_ROUTE]
    assert route["metadata"]["name"] == revision_of("b")
    theirs = found[HTTP_ROUTE]["north-line"]["spec"]
    assert (route["spec"]["hostnames"], route["spec"]["parentRefs"]) == (theirs["hostnames"], theirs["parentRefs"])
    for match, value in zip(route["spec"]["rules"][0]["matches"], ("candidate", "b" * 8), strict=True):
        assert match["path"] == theirs["rules"][0]["matches"][0]["path"], "only headers may make it more specific"
        assert match["headers"] == [{"type": "Exact", "name": "weldserve-revision", "value": value}]
    without = BACKEND.objects(OWNER, TrafficPlan(A, None), found, TARGET)
    assert all(kind != HTTP_ROUTE for kind, _ in without)
    assert not BACKEND.stays(HTTP_ROUTE, revision_of("b"), OWNER, frozenset({revision_of("b")}))


def test_a_revision_of_which_nobody_knows_the_spec_stays_as_it_is_there() -> None:
    found = _found(TrafficPlan(A, None), routed={"a": 1})
    spec = _spec(TrafficPlan(replace(A, spec=None), B, 5), found)
    assert spec["predictor"]["name"] == "a" * 8
    assert spec["predictor"]["model"] == found[INFERENCE_SERVICE]["north-line"]["spec"]["predictor"]["model"]
    assert BACKEND.objects(OWNER, TrafficPlan(replace(A, spec=None), None), {}, TARGET) == []


def test_the_spec_chooses_the_backend() -> None:
    assert backend_of(OWNER.spec).name == "Native"
    assert backend_of(subject("a").spec).name == "Gateway"
    assert backend_of(None).name == "Gateway"
