"""The rules of attached routes in the order in which the Gateway API tries them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.sandbox.gateway.attachment import attachments
from tests.sandbox.kube_api import Object

_PATH_ORDER = ("Exact", "RegularExpression", "PathPrefix")
EVERY_PATH: Object = {"type": "PathPrefix", "value": "/"}


@dataclass(frozen=True)
class Rule:
    """One match of one rule, the `number`-th of a route, for one host name (empty: every host)."""

    hostname: str
    match: Object
    rule: Object
    namespace: str
    route: str
    number: int


def ordered_rules(gateway: Object, routes: Iterable[Object]) -> list[Rule]:
    """All that the Gateway serves, most specific first.

    The order is that of the HTTPRoute specification: host name, path, method, number of headers, number of query
    parameters; then the older route, its name, and the place in it.
    """
    found: list[tuple[tuple[object, ...], Rule]] = []
    for route in routes:
        created = route["metadata"].get("creationTimestamp", "")
        for place, rule in _rules(gateway, route):
            key = (*_specificity(rule), created, rule.namespace, rule.route, rule.number, place)
            found.append((key, rule))
    return [rule for _, rule in sorted(found, key=lambda one: one[0])]


def _rules(gateway: Object, route: Object) -> Iterator[tuple[int, Rule]]:
    """Each match of each rule, with its place in the rule, for each host name of the route."""
    namespace, name = route["metadata"]["namespace"], route["metadata"]["name"]
    for hostname in _hostnames(gateway, route):
        for number, rule in enumerate(route["spec"].get("rules", [])):
            for place, match in enumerate(rule.get("matches") or [{}]):
                yield place, Rule(hostname, match, rule, namespace, name, number)


def _hostnames(gateway: Object, route: Object) -> list[str]:
    accepted = [one for one in attachments(gateway, route) if one.accepted]
    names = [name for one in accepted for name in (one.hostnames or ("",))]
    return list(dict.fromkeys(names))


def _specificity(rule: Rule) -> tuple[object, ...]:
    hostname, match = rule.hostname, rule.match
    path = match.get("path", EVERY_PATH)
    return (
        not hostname or hostname.startswith("*"),
        -len(hostname),
        _PATH_ORDER.index(path.get("type", "PathPrefix")),
        -len(path.get("value", "/")),
        "method" not in match,
        -len(match.get("headers", [])),
        -len(match.get("queryParams", [])),
    )
