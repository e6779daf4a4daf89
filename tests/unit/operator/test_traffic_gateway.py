"""Our own HTTPRoute: what it sends where, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.cluster_objects import (
    TARGET,
    UID,
    deployment,
    digest,
    inference_service,
    revision_of,
    spec_of,
    subject,
)
from weld_api.spec import WeldModelSpec
from weld_operator.desired.traffic.backend import Found, TrafficPlan
from weld_operator.desired.traffic.gateway import GatewayBackend
from weld_operator.desired.traffic.routes import is_taken_on, shown_weights
from weld_operator.domain.decision import DesiredRevision
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, Object

OWNER = subject("a")
BACKEND = GatewayBackend()
OURS: Object = {"ownerReferences": [{"uid": UID}]}


def _revision(letter: str) -> DesiredRevision:
    return DesiredRevision(revision_of(letter), digest(letter), WeldModelSpec.model_validate(spec_of(letter)), 2)


A, B = _revision("a"), _revision("b")
BOTH_HAVE_PODS: Found = {
    DEPLOYMENT: {f"{revision_of(each)}-predictor": deployment(each, available=2, desired=2) for each in "ab"}
}


def _rules(plan: TrafficPlan, found: Found = BOTH_HAVE_PODS) -> list[Object]:
    rules: list[Object] = dict(BACKEND.objects(OWNER, plan, found, TARGET))[HTTP_ROUTE]["spec"]["rules"]
    return rules


def _weights(rule: Object) -> dict[str, int]:
    return {each["name"].removesuffix("-predictor")[-1]: each["weight"] for each in rule["backendRefs"]}


@pytest.mark.parametrize(
    ("weight", "shares"), [(0, {"a": 100}), (5, {"a": 95, "b": 5}), (50, {"a": 50, "b": 50}), (100, {"b": 100})]
)
def test_requests_go_by_weights_and_what_gets_none_is_not_named(weight: int, shares: dict[str, int]) -> None:
    assert _weights(_rules(TrafficPlan(A, B, weight))[0]) == shares


def test_a_header_reaches_the_candidate_as_such_and_by_its_digits() -> None:
    _, rule = _rules(TrafficPlan(A, B))
    assert _weights(rule) == {"b": 100}
    headers = [match["headers"] for match in rule["matches"]]
    assert headers == [
        [{"type": "Exact", "name": "weldserve-revision", "value": value}] for value in ("candidate", "b" * 8)
    ]


def test_there_is_no_header_without_a_candidate() -> None:
    assert len(_rules(TrafficPlan(A, None))) == 1


def test_the_route_leads_to_no_service_that_kserve_has_not_made() -> None:
    assert _rules(TrafficPlan(A, B), {}) == _rules(TrafficPlan(A, None), {})


def test_a_promotion_changes_the_route_alone() -> None:
    trial, promoted = (
        {(kind, body["metadata"]["name"]): body for kind, body in BACKEND.objects(OWNER, plan, {}, TARGET)}
        for plan in (TrafficPlan(A, B, 50), TrafficPlan(B, None, retiring=(A,)))
    )
    same = [place for place, body in promoted.items() if trial[place] == body]
    assert same == [(INFERENCE_SERVICE, B.name), (POD_DISRUPTION_BUDGET, B.name)]
    for kind in (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET):
        assert BACKEND.stays(kind, A.name, OWNER, frozenset({A.name, B.name}))
    assert not BACKEND.stays(INFERENCE_SERVICE, A.name, OWNER, frozenset({B.name}))


def test_a_revision_of_which_nobody_knows_the_spec_is_routed_to_and_left_as_it_is() -> None:
    wanted = BACKEND.objects(OWNER, TrafficPlan(replace(A, spec=None), None), {}, TARGET)
    assert [kind for kind, _ in wanted] == [HTTP_ROUTE]


def test_what_is_shown_is_what_the_route_says_and_not_what_others_made() -> None:
    service, others = inference_service("a"), inference_service("b")
    service["metadata"] |= OURS
    route = dict(BACKEND.objects(OWNER, TrafficPlan(A, B, 25), BOTH_HAVE_PODS, TARGET))[HTTP_ROUTE]
    found: Found = {
        **BOTH_HAVE_PODS,
        INFERENCE_SERVICE: {A.name: service, B.name: others},
        HTTP_ROUTE: {"north-line": route, "another": {"metadata": {"name": "another"}}},
    }
    seen = BACKEND.read(OWNER, found)
    assert seen.weights == {A.name: 75, B.name: 25}
    assert seen.revisions.keys() == {A.name}
    assert seen.route == route
    assert seen.url is None


def test_without_a_route_nothing_is_shown() -> None:
    assert BACKEND.read(OWNER, {}).weights is None


@pytest.mark.parametrize(
    ("observed", "in_force"), [((), True), ((3,), True), ((2,), False), ((3, 2), False), ((4, 3), True)]
)
def test_weights_are_in_force_once_every_controller_speaks_of_them(observed: tuple[int, ...], in_force: bool) -> None:
    parents = [{"conditions": [{"type": "Accepted", "observedGeneration": each}]} for each in observed]
    assert is_taken_on({"metadata": {"generation": 3}, "status": {"parents": parents}}) is in_force


def test_a_controller_that_speaks_of_no_generation_is_taken_at_its_word() -> None:
    parents = [{"conditions": [{"type": "Accepted", "status": "True"}]}]
    assert is_taken_on({"metadata": {"generation": 3}, "status": {"parents": parents}})


def _references(names: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    weighted = st.fixed_dictionaries({"name": names}, optional={"weight": st.integers(0, 1_000_000)})
    return st.lists(weighted, max_size=6)


@given(_references(st.sampled_from(["a", "b", "c"])))
def test_whatever_a_route_says_the_shares_sum_to_100(references: list[dict[str, Any]]) -> None:
    shares = shown_weights({"spec": {"rules": [{"backendRefs": references}]}})
    weighed = {each["name"] for each in references if each.get("weight", 1) > 0}
    if not weighed:
        assert shares is None
    else:
        assert shares is not None
        assert shares.keys() == weighed
        assert sum(shares.values()) == 100


@given(st.integers(0, 100))
def test_what_is_written_is_what_is_read(weight: int) -> None:
    found: Found = {**BOTH_HAVE_PODS, HTTP_ROUTE: dict(_route(TrafficPlan(A, B, weight)))}
    shown = BACKEND.read(OWNER, found).weights
    assert shown is not None
    assert shown.get(B.name, 0) == weight
    assert sum(shown.values()) == 100


def _route(plan: TrafficPlan) -> Iterator[tuple[str, Object]]:
    for kind, body in BACKEND.objects(OWNER, plan, BOTH_HAVE_PODS, TARGET):
        if kind == HTTP_ROUTE:
            yield body["metadata"]["name"], body
