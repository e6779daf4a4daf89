"""The downward API: what a Pod may know of itself."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from tests.sandbox.kube_api import Object

_ENTRY = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


class ConfigError(Exception):
    """A container cannot be made from what its Pod says; the text is for `state.waiting.message`."""


@dataclass(frozen=True)
class Place:
    """Where a Pod runs: its own address, the name and address of its node, and the URL of the API server."""

    address: str
    node: str
    node_address: str
    api_server: str = ""


def field_value(pod: Object, field_path: str, place: Place) -> str:
    """The value of a `fieldRef`; ConfigError for a field that the downward API does not have."""
    if entry := _ENTRY.fullmatch(field_path):
        kind, key = entry.groups()
        return str(pod["metadata"].get(kind, {}).get(key, ""))
    if field_path in ("metadata.labels", "metadata.annotations"):
        entries: dict[str, str] = pod["metadata"].get(field_path.partition(".")[2], {})
        return "\n".join(f"{key}={json.dumps(value)}" for key, value in sorted(entries.items()))
    values = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": place.node,
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": place.address,
        "status.podIPs": place.address,
        "status.hostIP": place.node_address,
        "status.hostIPs": place.node_address,
    }
    if field_path not in values:
        raise ConfigError(f"fieldRef {field_path!r} is not a field that the downward API has")
    return str(values[field_path])
