"""What was asked of the API server, and by whom: its audit log, one event per finished request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tests.sandbox.kube_api import Object

WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})

_COMPONENTS = ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]
_READ_VERBS = ["get", "list", "watch"]

AUDIT_POLICY: Object = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "None",
            "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/openapi*", "/api", "/api/*", "/apis", "/apis/*"],
        },
        {"level": "None", "users": _COMPONENTS, "verbs": _READ_VERBS},
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"], "verbs": _READ_VERBS},
        {"level": "Metadata"},
    ],
}


class Write(NamedTuple):
    """A kind of write: the verb, and the resource with its subresource (`inferenceservices`, `pods/status`)."""

    verb: str
    resource: str


def audit_events(
    log: Path, *, since: datetime | None = None, user: str | None = None, offset: int = 0
) -> Iterator[Object]:
    """The finished requests that reached the API server at or after `since`, of one user or of all, oldest first.

    `user` is the full name, such as `system:serviceaccount:weldserve-system:weldserve-operator`. `offset`: bytes of the
    log that are passed over, up to the end of a line. A line that is still being written is passed over.
    """
    with log.open("rb") as lines:
        lines.seek(offset)
        for line in lines:
            if not line.endswith(b"\n"):
                return
            event = json.loads(line)
            if event["stage"] != "ResponseComplete":
                continue
            if user is not None and event["user"].get("username") != user:
                continue
            if since is None or datetime.fromisoformat(event["requestReceivedTimestamp"]) >= since:
                yield event


def audit_writes(log: Path, *, since: datetime | None = None, user: str | None = None) -> Counter[Write]:
    """How often each kind of write was asked for, refused ones included; see `audit_events` for `since` and `user`."""
    writes: Counter[Write] = Counter()
    for event in audit_events(log, since=since, user=user):
        if event["verb"] in WRITE_VERBS and "objectRef" in event:
            reference = event["objectRef"]
            resource = "/".join(filter(None, (reference.get("resource"), reference.get("subresource"))))
            writes[Write(event["verb"], resource)] += 1
    return writes
