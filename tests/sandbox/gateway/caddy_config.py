"""Caddy's configuration, derived from a Gateway, its HTTPRoutes, Services and Pods."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.sandbox.gateway.backends import Backend, Services
from tests.sandbox.gateway.rules import EVERY_PATH, Rule, ordered_rules
from tests.sandbox.gateway.slots import interleaved, member_weights
from tests.sandbox.kube_api import Object

HEADER_FILTERS = {"RequestHeaderModifier": "request", "ResponseHeaderModifier": "response"}

# A connection that is idle for longer than the upstream keeps it open could swallow a request: below uvicorn's 5 s.
UPSTREAM_IDLE = "2s"
UPSTREAM_CONNECTIONS = 256
DIAL_TIMEOUT = "1s"
# After three failures within a second an upstream is passed over, until a second has gone by without one.
FAILURES, FAILURE_MEMORY = 3, "1s"
STOP_GRACE = "5s"


@dataclass(frozen=True)
class Addresses:
    """Where Caddy listens, as host:port: for clients, for its administration, and for itself.

    A share of the requests that belongs to a backend which does not exist, or has no ready Pod, is sent to one of the
    last two, which answer 500 and 503.
    """

    listen: str
    admin: str
    no_backend: str
    no_endpoint: str


def caddy_config(
    gateway: Object | None,
    routes: Iterable[Object],
    services: Iterable[Object],
    pods: Iterable[Object],
    addresses: Addresses,
) -> Object:
    """The whole configuration; without a Gateway every request is answered with 404."""
    found = Services(services, pods)
    rules = ordered_rules(gateway, routes) if gateway is not None else []
    served = [_route(rule, found, addresses) for rule in rules]
    servers = {
        "gateway": _server(addresses.listen, [*served, _answer(404)]),
        "no-backend": _server(addresses.no_backend, [_answer(500)]),
        "no-endpoint": _server(addresses.no_endpoint, [_answer(503)]),
    }
    return {
        "admin": {"listen": addresses.admin, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {"http": {"grace_period": STOP_GRACE, "servers": servers}},
    }


def _server(listen: str, routes: list[Object]) -> Object:
    return {"listen": [listen], "protocols": ["h1"], "automatic_https": {"disable": True}, "routes": routes}


def _answer(status: int) -> Object:
    return {"handle": [{"handler": "static_response", "status_code": status}]}


def _route(rule: Rule, services: Services, addresses: Addresses) -> Object:
    route: Object = {"handle": _handlers(rule, services, addresses), "terminal": True}
    if matcher := _matcher(rule.hostname, rule.match):
        route["match"] = [matcher]
    return route


def _matcher(hostname: str, match: Object) -> Object:
    """One set of Caddy's matchers, all of which must hold; empty when every request matches."""
    path = _path_pattern(match.get("path", EVERY_PATH))
    headers = {one["name"]: {"pattern": _value_pattern(one)} for one in match.get("headers", [])}
    matcher: Object = {}
    if hostname.startswith("*."):
        # Caddy's own wildcard stands for one label, that of the Gateway API for one or more.
        headers["Host"] = {"pattern": rf"(?i)^[^:]+{re.escape(hostname[1:])}(:\d+)?$"}
    elif hostname:
        matcher["host"] = [hostname]
    if path:
        matcher["path_regexp"] = {"pattern": path}  # its plain path matcher ignores the case of letters
    if headers:
        matcher["header_regexp"] = headers
    if "method" in match:
        matcher["method"] = [match["method"]]
    if match.get("queryParams"):
        matcher["query"] = {one["name"]: [one["value"]] for one in match["queryParams"]}
    return matcher


def _path_pattern(path: Object) -> str:
    value: str = path.get("value", "/")
    kind = path.get("type", "PathPrefix")
    if kind == "Exact":
        return f"^{re.escape(value)}$"
    if kind == "RegularExpression":
        return f"^(?:{value})$"
    # A prefix matches whole elements of the path: /v2 is a prefix of /v2/models and not of /v2models.
    prefix = value.rstrip("/")
    return f"^{re.escape(prefix)}(/.*)?$" if prefix else ""


def _value_pattern(header: Object) -> str:
    value: str = header["value"]
    return f"^(?:{value})$" if header.get("type") == "RegularExpression" else f"^{re.escape(value)}$"


def _handlers(rule: Rule, services: Services, addresses: Addresses) -> list[Object]:
    filters = rule.rule.get("filters", [])
    if any(one["type"] not in HEADER_FILTERS for one in filters):
        return [{"handler": "static_response", "status_code": 500}]
    backends = [services.backend(one, rule.namespace) for one in rule.rule.get("backendRefs", [])]
    weighted = [one for one in backends if one.weight > 0]
    if not weighted:
        return [*map(_header_handler, filters), {"handler": "static_response", "status_code": 500}]
    return [*map(_header_handler, filters), _proxy(weighted, rule.rule.get("timeouts", {}), addresses)]


def _header_handler(modifier: Object) -> Object:
    side = HEADER_FILTERS[modifier["type"]]
    change = modifier[f"{side}HeaderModifier"]
    operations: Object = {
        kind: {one["name"]: [one["value"]] for one in change[kind]} for kind in ("set", "add") if change.get(kind)
    }
    if change.get("remove"):
        operations["delete"] = change["remove"]
    if side == "response":
        operations["deferred"] = True  # after the upstream has written its own
    return {"handler": "headers", side: operations}


def _proxy(backends: list[Backend], timeouts: Object, addresses: Addresses) -> Object:
    upstreams = _upstreams(backends, addresses)
    distinct = len(set(upstreams))
    transport: Object = {
        "protocol": "http",
        "compression": False,
        "dial_timeout": DIAL_TIMEOUT,
        "keep_alive": {"idle_timeout": UPSTREAM_IDLE, "max_idle_conns_per_host": UPSTREAM_CONNECTIONS},
    }
    limit = timeouts.get("backendRequest") or timeouts.get("request")
    if limit:
        transport["response_header_timeout"] = limit
    proxy: Object = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream} for upstream in upstreams],
        "transport": transport,
        # A retry follows a refused connection whatever the method, and a broken one only with GET; without a pause,
        # because a reload of the configuration would end a request that pauses.
        "load_balancing": {"selection_policy": {"policy": "round_robin"}, "retries": 2 * distinct},
    }
    if distinct > 1:
        proxy["health_checks"] = {"passive": {"fail_duration": FAILURE_MEMORY, "max_fails": FAILURES}}
    return proxy


def _upstreams(backends: list[Backend], addresses: Addresses) -> list[str]:
    """The upstreams to go round in: a list in which each occurs as often as its share says."""
    members = [one.endpoints or (_stand_in(one, addresses),) for one in backends]
    weights = member_weights([(one.weight, len(them)) for one, them in zip(backends, members, strict=True)])
    each = [(member, weight) for them, weight in zip(members, weights, strict=True) for member in them]
    return [each[index][0] for index in interleaved([weight for _, weight in each])]


def _stand_in(backend: Backend, addresses: Addresses) -> str:
    return addresses.no_backend if backend.problem else addresses.no_endpoint
