"""A Gateway, routes, Services and Pods, as the API server has them, for the tests of the gateway."""

from typing import Any


def gateway(**listener: Any) -> dict[str, Any]:
    one = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    metadata = {"namespace": "kserve", "name": "kserve-ingress-gateway"}
    return {"metadata": metadata, "spec": {"listeners": [one | listener]}}


def route(*rules: dict[str, Any], name: str = "north", **spec: Any) -> dict[str, Any]:
    parent = {"name": "kserve-ingress-gateway", "namespace": "kserve"}
    metadata = {"namespace": "plant-a", "name": name, "creationTimestamp": "2026-11-23T12:00:00Z"}
    return {"metadata": metadata, "spec": {"parentRefs": [parent], "rules": list(rules)} | spec}


def to(*backends: tuple[str, int], **rule: Any) -> dict[str, Any]:
    return {"backendRefs": [{"name": name, "port": 80, "weight": weight} for name, weight in backends]} | rule


def service(name: str, target: int | str = 8080) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": target}]}
    return {"metadata": {"namespace": "plant-a", "name": name}, "spec": spec}


def pod(app: str, address: str, *, ready: bool = True, **metadata: Any) -> dict[str, Any]:
    named = {"namespace": "plant-a", "name": f"{app}-{address}", "labels": {"app": app}} | metadata
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    container = {"name": "c", "ports": [{"name": "http1", "containerPort": 8080}]}
    return {
        "metadata": named,
        "spec": {"containers": [container]},
        "status": {"podIP": address, "conditions": conditions},
    }


SERVICES = [service("old"), service("new")]
PODS = [pod("old", "127.1.1.2"), pod("old", "127.1.2.2"), pod("old", "127.1.3.2"), pod("new", "127.1.1.3")]
