"""One request to the API server, as it understands it, and one answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.kube_api import APPLY

Object = dict[str, Any]

WRITE_VERBS = frozenset({"create", "update", "patch", "apply", "delete"})

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Call:
    """A request. `resource` is the plural with its subresource (`weldmodels/status`), empty for what is no resource.

    `verb`: get, list, watch, create, update, patch, apply (server-side) or delete. `body` is empty where there is none.
    """

    verb: str
    resource: str = ""
    namespace: str = ""
    name: str = ""
    body: Object = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        return self.verb in WRITE_VERBS and bool(self.resource)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.verb, self.resource, self.name)))


@dataclass(frozen=True)
class Answer:
    """What comes back: the status, the headers that matter, and the body as bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def object(self) -> Object:
        """The body as JSON; empty where it is none."""
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}


def call_of(method: str, path: str, query: Mapping[str, str], content_type: str, body: bytes) -> Call:
    """The call that an HTTP request makes; `path` without its query."""
    resource, namespace, name = _place(path)
    verb = _VERBS.get(method)
    if verb is None:
        verb = "watch" if query.get("watch") in ("true", "1") else "get" if name else "list"
    elif verb == "patch" and content_type == APPLY:
        verb = "apply"
    parsed = Answer(0, body=body).object
    name = name or str(parsed.get("metadata", {}).get("name", "")) if verb == "create" else name
    return Call(verb, resource, namespace, name, parsed)


def _place(path: str) -> tuple[str, str, str]:
    """Resource, namespace and name; empty where the path has none of them."""
    parts = path.strip("/").split("/")
    match parts:
        case ["api", _, *rest] | ["apis", _, _, *rest]:
            pass
        case _:
            return "", "", ""
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, *subresource = [*rest, "", ""]
    return "/".join(filter(None, (resource, *subresource))), namespace, name


def refusal(status: int, reason: str, message: str, **headers: str) -> Answer:
    """An answer as the API server words its refusals; underscores in names of headers are dashes."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": status,
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": "application/json", **named}, json.dumps(body).encode())
