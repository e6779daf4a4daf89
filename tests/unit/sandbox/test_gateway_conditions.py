"""The statuses that the gateway's controller writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sandbox.gateway.backends import Services
from tests.sandbox.gateway.conditions import CONTROLLER, gateway_status, route_parents
from tests.unit.sandbox.gateway_examples import PODS, SERVICES, gateway, route, to

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
FOUND = Services(SERVICES, PODS)


def condition(conditions: list[dict[str, Any]], kind: str) -> tuple[str, str]:
    found = next(one for one in conditions if one["type"] == kind)
    return found["status"], found["reason"]


def test_a_served_route_is_accepted_and_resolved() -> None:
    (parent,) = route_parents(gateway(), route(to(("new", 1))), FOUND, NOW)
    assert parent["controllerName"] == CONTROLLER
    assert condition(parent["conditions"], "Accepted") == ("True", "Accepted")
    assert condition(parent["conditions"], "ResolvedRefs") == ("True", "ResolvedRefs")


def test_a_missing_service_is_named_and_the_route_stays_accepted() -> None:
    (parent,) = route_parents(gateway(), route(to(("absent", 0))), FOUND, NOW)
    assert condition(parent["conditions"], "Accepted") == ("True", "Accepted")
    assert condition(parent["conditions"], "ResolvedRefs") == ("False", "BackendNotFound")
    assert 'Service "plant-a/absent" not found' in str(parent["conditions"])


def test_a_filter_that_is_not_done_is_not_accepted() -> None:
    (parent,) = route_parents(gateway(), route(to(("new", 1), filters=[{"type": "RequestMirror"}])), FOUND, NOW)
    assert condition(parent["conditions"], "Accepted") == ("False", "UnsupportedValue")


def test_what_another_controller_wrote_stays() -> None:
    other = {"controllerName": "example.com/other", "parentRef": {"name": "other"}, "conditions": []}
    served = route(to(("new", 1))) | {"status": {"parents": [other]}}
    assert route_parents(gateway(), served, FOUND, NOW)[0] == other


def test_a_status_is_the_same_as_long_as_nothing_changes() -> None:
    served = route(to(("new", 1)))
    first = route_parents(gateway(), served, FOUND, NOW)
    assert route_parents(gateway(), served | {"status": {"parents": first}}, FOUND, LATER) == first
    status = gateway_status(gateway(), [served], "127.0.0.1", "", NOW)
    assert gateway_status(gateway() | {"status": status}, [served], "127.0.0.1", "", LATER) == status


def test_a_gateway_counts_its_routes_and_says_where_it_listens() -> None:
    status = gateway_status(gateway(), [route(to(("new", 1))), route(parentRefs=[])], "127.0.0.1", "", NOW)
    assert status["addresses"] == [{"type": "IPAddress", "value": "127.0.0.1"}]
    assert status["listeners"][0]["attachedRoutes"] == 1
    assert condition(status["conditions"], "Programmed") == ("True", "Programmed")


def test_a_gateway_says_what_caddy_refused() -> None:
    status = gateway_status(gateway(), [], "127.0.0.1", "no such handler", NOW)
    assert condition(status["conditions"], "Programmed") == ("False", "Invalid")
    assert "no such handler" in str(status["conditions"])
