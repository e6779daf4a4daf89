"""What a platform team applies to have a Gateway: its namespace, its class and itself."""

from __future__ import annotations

from tests.sandbox.kube_api import Object


def gateway_objects(gateway: tuple[str, str], port: int) -> list[Object]:
    """`gateway`: its namespace and name. Routes of every namespace may use it."""
    namespace, name = gateway
    listener = {
        "name": "http",
        "port": port,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "sandbox"},
            "spec": {"controllerName": "weldserve.io/sandbox-gateway"},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"gatewayClassName": "sandbox", "listeners": [listener]},
        },
    ]
