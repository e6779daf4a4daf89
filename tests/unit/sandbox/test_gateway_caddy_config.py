"""What Caddy is told to do for a Gateway and its routes."""

from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.gateway.attachment import attachments
from tests.sandbox.gateway.backends import Services
from tests.sandbox.gateway.caddy_config import caddy_config
from tests.sandbox.gateway.data_plane import DataPlane
from tests.sandbox.gateway.rules import ordered_rules
from tests.sandbox.gateway.slots import interleaved, shares
from tests.sandbox.gateway.upstreams import SlotFiles, slot_contents
from tests.unit.sandbox.gateway_examples import PODS, SERVICES, gateway, pod, route, service, to

PLANE = DataPlane(3, "127.0.0.1:1", "127.0.0.1:500", "127.0.0.1:503", Path("/slots"))


def served(*routes: dict[str, Any]) -> list[dict[str, Any]]:
    """What Caddy is told for these routes, without the answer to all other requests."""
    found = caddy_config(ordered_rules(gateway(), routes), PLANE)
    routes_of_caddy: list[dict[str, Any]] = found["apps"]["http"]["servers"]["gateway"]["routes"]
    return routes_of_caddy[:-1]


def upstreams(*backends: tuple[str, int], pods: list[dict[str, Any]] | None = None) -> Counter[str]:
    """How many of a hundred requests each upstream of a route to these backends gets."""
    rules = ordered_rules(gateway(), [route(to(*backends))])
    return Counter(slot_contents(rules, Services(SERVICES, PODS if pods is None else pods), PLANE).values())


def test_each_backend_has_its_share_whatever_its_number_of_pods() -> None:
    found = upstreams(("old", 80), ("new", 20))
    assert found["127.1.1.3:8080"] == 20
    assert sorted(found[f"127.1.{node}.2:8080"] for node in (1, 2, 3)) == [26, 27, 27]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([80, 20], [80, 20]),
        ([4, 1], [80, 20]),
        ([1, 1, 1], [34, 33, 33]),
        ([7], [100]),
        ([1_000_000, 1], [99, 1]),
        ([0, 3], [0, 100]),
        ([999_999, 1, 1, 1], [97, 1, 1, 1]),
    ],
)
def test_shares_are_whole_slots_and_none_vanishes(weights: list[int], expected: list[int]) -> None:
    assert shares(weights) == expected


def test_a_round_is_spread_evenly() -> None:
    assert interleaved([4, 1]) == [0, 0, 1, 0, 0]
    longest = max(len(list(run)) for value, run in groupby(interleaved([95, 5])) if value == 0)
    assert longest == 19


def test_a_backend_of_weight_zero_gets_nothing() -> None:
    assert upstreams(("old", 0), ("new", 1)) == {"127.1.1.3:8080": 100}


def test_without_any_weight_the_answer_is_500() -> None:
    assert upstreams(("old", 0), ("new", 0)) == {PLANE.no_backend: 100}
    assert upstreams() == {PLANE.no_backend: 100}


def test_the_share_of_a_missing_backend_is_500_and_of_one_without_ready_pods_503() -> None:
    assert upstreams(("absent", 1), ("new", 3)) == {PLANE.no_backend: 25, "127.1.1.3:8080": 75}
    assert upstreams(("old", 1), pods=[]) == {PLANE.no_endpoint: 100}


def test_pods_and_weights_change_files_and_not_the_configuration() -> None:
    first, second = route(to(("old", 1))), route(to(("old", 9), ("new", 1)))
    assert served(first) == served(second)
    proxy = served(first)[0]["handle"][-1]
    assert proxy["upstreams"][7] == {"dial": "{file./slots/plant-a/north/0/07}"}


def test_slot_files_follow_what_they_are_told(tmp_path: Path) -> None:
    files = SlotFiles(tmp_path)
    files.write({"a/0/00": "127.1.1.2:8080", "a/0/01": "127.1.1.3:8080"})
    files.write({"a/0/00": "127.1.1.4:8080"})
    files.remove_others(["a/0/00"])
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["127.1.1.4:8080"]


def test_only_ready_pods_that_are_not_being_deleted_get_requests() -> None:
    pods = [
        pod("new", "127.1.1.3"),
        pod("new", "127.1.1.4", ready=False),
        pod("new", "127.1.1.5", deletionTimestamp="2026-11-23T12:00:00Z"),
        pod("new", "127.1.1.6", namespace="plant-b"),
        pod("other", "127.1.1.7"),
    ]
    assert upstreams(("new", 1), pods=pods) == {"127.1.1.3:8080": 100}


def test_a_target_port_may_be_a_name_of_the_container() -> None:
    found = Services([service("new", "http1")], PODS).backend({"name": "new", "port": 80}, "plant-a")
    assert found.endpoints == ("127.1.1.3:8080",)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ({"name": "absent", "port": 80}, "BackendNotFound"),
        ({"name": "new", "port": 81}, "BackendNotFound"),
        ({"name": "new", "port": 80, "namespace": "plant-b"}, "RefNotPermitted"),
        ({"name": "new", "kind": "InferencePool", "group": "x"}, "InvalidKind"),
    ],
)
def test_a_reference_that_does_not_resolve_says_why(reference: dict[str, Any], reason: str) -> None:
    assert Services(SERVICES, PODS).backend(reference, "plant-a").problem == reason


def test_a_match_becomes_matchers_that_must_all_hold() -> None:
    match = {
        "path": {"type": "PathPrefix", "value": "/v2/"},
        "headers": [{"name": "x-trial", "value": "a.b"}],
        "method": "POST",
    }
    found = served(route(to(("new", 1), matches=[match]), hostnames=["north.plant-a.example"]))[0]["match"]
    assert found == [
        {
            "host": ["north.plant-a.example"],
            "path_regexp": {"pattern": "^/v2(/.*)?$"},
            "header_regexp": {"x-trial": {"pattern": r"^a\.b$"}},
            "method": ["POST"],
        }
    ]


def test_a_rule_without_matches_takes_every_request_of_its_hosts() -> None:
    assert "match" not in served(route(to(("new", 1))))[0]
    assert served(route(to(("new", 1)), hostnames=["*.example.com"]))[0]["match"] == [
        {"header_regexp": {"Host": {"pattern": r"(?i)^[^:]+\.example\.com(:\d+)?$"}}}
    ]


def test_more_specific_rules_come_first() -> None:
    def match(path: str, kind: str = "PathPrefix", **more: Any) -> dict[str, Any]:
        return {"path": {"type": kind, "value": path}} | more

    matches = [
        match("/"),
        match("/v2"),
        match("/v2", headers=[{"name": "a", "value": "b"}]),
        match("/v2", method="GET"),
        match("/v2/models"),
        match("/v2", "Exact"),
    ]
    found = ordered_rules(gateway(), [route(to(("new", 1), matches=matches))])
    assert [matches.index(rule.match) for rule in found] == [5, 4, 3, 2, 1, 0]
    hosts = route(to(("new", 1)), hostnames=["*.example.com", "a.example.com"])
    assert [rule.hostname for rule in ordered_rules(gateway(), [hosts])] == ["a.example.com", "*.example.com"]


def test_of_equal_rules_the_older_route_wins() -> None:
    young, old = route(to(("new", 1)), name="a"), route(to(("old", 1)), name="b")
    old["metadata"]["creationTimestamp"] = "2026-11-22T12:00:00Z"
    first = ordered_rules(gateway(), [young, old])[0]
    assert first.rule["backendRefs"][0]["name"] == "old"


def test_header_modifiers_come_before_the_proxy_and_unknown_filters_answer_500() -> None:
    change = {"set": [{"name": "x-a", "value": "1"}], "remove": ["x-b"]}
    known = {"type": "RequestHeaderModifier", "requestHeaderModifier": change}
    handlers = served(route(to(("new", 1), filters=[known])))[0]["handle"]
    assert handlers[0] == {"handler": "headers", "request": {"set": {"x-a": ["1"]}, "delete": ["x-b"]}}
    assert handlers[1]["handler"] == "reverse_proxy"
    handlers = served(route(to(("new", 1), filters=[{"type": "RequestMirror"}])))[0]["handle"]
    assert handlers == [{"handler": "static_response", "status_code": 500}]


def test_what_no_route_serves_is_answered_with_404() -> None:
    config = caddy_config([], PLANE)
    only = [{"handle": [{"handler": "static_response", "status_code": 404}]}]
    assert config["apps"]["http"]["servers"]["gateway"]["routes"] == only


@pytest.mark.parametrize(
    ("listener", "hostnames", "expected"),
    [
        ({}, [], ("Accepted", ())),
        ({}, ["a.example.com"], ("Accepted", ("a.example.com",))),
        ({"hostname": "*.example.com"}, [], ("Accepted", ("*.example.com",))),
        ({"hostname": "*.example.com"}, ["a.example.com", "b.org"], ("Accepted", ("a.example.com",))),
        ({"hostname": "a.example.com"}, ["*.example.com"], ("Accepted", ("a.example.com",))),
        ({"hostname": "*.example.com"}, ["b.org"], ("NoMatchingListenerHostname", ())),
        ({"hostname": "*.example.com"}, ["example.com"], ("NoMatchingListenerHostname", ())),
        ({"allowedRoutes": {"namespaces": {"from": "Same"}}}, [], ("NotAllowedByListeners", ())),
        ({"protocol": "HTTPS"}, [], ("NotAllowedByListeners", ())),
    ],
)
def test_a_route_is_accepted_for_the_hosts_that_it_shares_with_a_listener(
    listener: dict[str, Any], hostnames: list[str], expected: tuple[str, tuple[str, ...]]
) -> None:
    (found,) = attachments(gateway(**listener), route(hostnames=hostnames))
    assert (found.reason, found.hostnames) == expected


def test_a_route_of_another_gateway_or_listener_is_not_served() -> None:
    assert attachments(gateway(), route(parentRefs=[{"name": "other"}])) == []
    parent = {"name": "kserve-ingress-gateway", "namespace": "kserve", "sectionName": "https"}
    assert attachments(gateway(), route(parentRefs=[parent]))[0].reason == "NoMatchingParent"
