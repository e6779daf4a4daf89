"""Caddy's configuration, derived from the rules of a Gateway's HTTPRoutes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.sandbox.gateway.data_plane import DataPlane
from tests.sandbox.gateway.rules import EVERY_PATH, Rule
from tests.sandbox.gateway.upstreams import slot_names
from tests.sandbox.kube_api import Object

HEADER_FILTERS = {"RequestHeaderModifier": "request", "ResponseHeaderModifier": "response"}

# A connection that is idle for longer than the upstream keeps it open could swallow a request: below uvicorn's 5 s.
UPSTREAM_IDLE = "2s"
UPSTREAM_CONNECTIONS = 256
DIAL_TIMEOUT = "1s"
# With one of two Pods lost and unlucky turns, one request in a million exhausts them.
RETRIES = 20
STOP_GRACE = "5s"


def caddy_config(rules: Iterable[Rule], plane: DataPlane) -> Object:
    """The whole configuration that serves the rules, in their order, and answers other requests with 404."""
    servers = {
        "gateway": _server(f"fd/{plane.client_socket}", [*(_route(rule, plane) for rule in rules), _answer(404)]),
        "no-backend": _server(plane.no_backend, [_answer(500)]),
        "no-endpoint": _server(plane.no_endpoint, [_answer(503)]),
    }
    return {
        "admin": {"listen": plane.admin, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {"http": {"grace_period": STOP_GRACE, "servers": servers}},
    }


def _server(listen: str, routes: list[Object]) -> Object:
    return {"listen": [listen], "protocols": ["h1"], "automatic_https": {"disable": True}, "routes": routes}


def _answer(status: int) -> Object:
    return {"handle": [{"handler": "static_response", "status_code": status}]}


def _route(rule: Rule, plane: DataPlane) -> Object:
    route: Object = {"handle": _handlers(rule, plane), "terminal": True}
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


def _handlers(rule: Rule, plane: DataPlane) -> list[Object]:
    filters = rule.rule.get("filters", [])
    if any(one["type"] not in HEADER_FILTERS for one in filters):
        return [{"handler": "static_response", "status_code": 500}]
    return [*map(_header_handler, filters), _proxy(rule, plane)]


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


def _proxy(rule: Rule, plane: DataPlane) -> Object:
    transport: Object = {
        "protocol": "http",
        "compression": False,
        "dial_timeout": DIAL_TIMEOUT,
        "keep_alive": {"idle_timeout": UPSTREAM_IDLE, "max_idle_conns_per_host": UPSTREAM_CONNECTIONS},
    }
    timeouts = rule.rule.get("timeouts", {})
    if limit := timeouts.get("backendRequest") or timeouts.get("request"):
        transport["response_header_timeout"] = limit
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{{file.{plane.slots / name}}}"} for name in slot_names(rule)],
        "transport": transport,
        # A retry goes to the next slot. It follows a refused connection whatever the method, since nothing was sent
        # then, and a broken one only with GET. It comes without a pause, which a reload would break off. Caddy's
        # passive health checks would judge a slot, not the Pod in it, so there are none.
        "load_balancing": {"selection_policy": {"policy": "round_robin"}, "retries": RETRIES},
    }
