"""Ports by number or by the name that a container gives them."""

from __future__ import annotations

from tests.sandbox.kube_api import Object


def port_number(port: int | str, container: Object) -> int:
    """A probe's port as a number; ValueError for a name that the container does not declare."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for declared in container.get("ports", []):
        if declared.get("name") == port:
            return int(declared["containerPort"])
    raise ValueError(f'container "{container["name"]}" has no port named "{port}"')
