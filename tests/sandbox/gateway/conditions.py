"""The status of a Gateway and of its HTTPRoutes, as the Gateway API wants it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from tests.sandbox.gateway.attachment import GROUP, Attachment, attachments
from tests.sandbox.gateway.backends import Backend, Services
from tests.sandbox.gateway.caddy_config import HEADER_FILTERS
from tests.sandbox.kube_api import Object

CONTROLLER = "weldserve.io/sandbox-gateway"


def route_parents(gateway: Object, route: Object, services: Services, now: datetime) -> list[Object]:
    """The whole `status.parents` of a route: what other controllers wrote, and what concerns this Gateway."""
    before: list[Object] = route.get("status", {}).get("parents", [])
    others = [one for one in before if one.get("controllerName") != CONTROLLER]
    mine = {_reference_key(one["parentRef"]): one for one in before if one.get("controllerName") == CONTROLLER}
    return others + [
        {
            "parentRef": one.parent_ref,
            "controllerName": CONTROLLER,
            "conditions": _with_transition_times(
                _route_conditions(route, one, services),
                mine.get(_reference_key(one.parent_ref), {}).get("conditions", []),
                route,
                now,
            ),
        }
        for one in attachments(gateway, route)
    ]


def gateway_status(gateway: Object, routes: Iterable[Object], address: str, refusal: str, now: datetime) -> Object:
    """The status of the Gateway; `refusal` is what Caddy said to its configuration, empty when it took it."""
    before = gateway.get("status", {})
    accepted = [one for route in routes for one in attachments(gateway, route) if one.accepted]
    programmed = _condition("Programmed", not refusal, "Invalid" if refusal else "Programmed", refusal)
    return {
        "addresses": [{"type": "IPAddress", "value": address}],
        "conditions": _with_transition_times(
            [_condition("Accepted", True, "Accepted"), dict(programmed)], before.get("conditions", []), gateway, now
        ),
        "listeners": [
            _listener_status(listener["name"], gateway, accepted, programmed, now)
            for listener in gateway["spec"]["listeners"]
        ],
    }


def _listener_status(
    name: str, gateway: Object, accepted: list[Attachment], programmed: Object, now: datetime
) -> Object:
    before: list[Object] = gateway.get("status", {}).get("listeners", [])
    known: Object = next((one for one in before if one["name"] == name), {})
    conditions = [
        _condition("Accepted", True, "Accepted"),
        dict(programmed),
        _condition("ResolvedRefs", True, "ResolvedRefs"),
    ]
    return {
        "name": name,
        "attachedRoutes": sum(name in one.listeners for one in accepted),
        "supportedKinds": [{"group": GROUP, "kind": "HTTPRoute"}],
        "conditions": _with_transition_times(conditions, known.get("conditions", []), gateway, now),
    }


def _route_conditions(route: Object, attachment: Attachment, services: Services) -> list[Object]:
    rules: list[Object] = route["spec"].get("rules", [])
    accepted = _condition("Accepted", attachment.accepted, attachment.reason, attachment.message)
    unknown = [one["type"] for rule in rules for one in rule.get("filters", []) if one["type"] not in HEADER_FILTERS]
    if attachment.accepted and unknown:
        accepted = _condition("Accepted", False, "UnsupportedValue", f"the filter {unknown[0]} is not supported")
    problem = _first_problem(rules, route["metadata"]["namespace"], services)
    if problem is None:
        return [accepted, _condition("ResolvedRefs", True, "ResolvedRefs")]
    return [accepted, _condition("ResolvedRefs", False, problem.problem, problem.message)]


def _first_problem(rules: list[Object], namespace: str, services: Services) -> Backend | None:
    references = [reference for rule in rules for reference in rule.get("backendRefs", [])]
    backends = (services.backend(reference, namespace) for reference in references)
    return next((one for one in backends if one.problem), None)


def _condition(kind: str, true: bool, reason: str, message: str = "") -> Object:
    return {"type": kind, "status": "True" if true else "False", "reason": reason, "message": message}


def _with_transition_times(conditions: list[Object], before: list[Object], item: Object, now: datetime) -> list[Object]:
    earlier = {one["type"]: one for one in before}
    for condition in conditions:
        known = earlier.get(condition["type"], {})
        kept = known.get("lastTransitionTime") if known.get("status") == condition["status"] else None
        condition["lastTransitionTime"] = kept or now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        condition["observedGeneration"] = item["metadata"].get("generation", 0)
    return conditions


def _reference_key(reference: Object) -> tuple[str, ...]:
    return tuple(str(reference.get(key, "")) for key in ("group", "kind", "namespace", "name", "sectionName", "port"))
