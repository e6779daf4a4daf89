"""What a backendRef leads to: the ready Pods of a Service, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.sandbox.kube_api import Object


@dataclass(frozen=True)
class Backend:
    """One backendRef with its weight.

    `endpoints` are `address:port` of ready Pods, in order; `problem` is the Gateway API's reason why the reference
    does not resolve, empty when it does.
    """

    weight: int
    endpoints: tuple[str, ...] = ()
    problem: str = ""
    message: str = ""


class Services:
    """The Services and Pods that backendRefs are looked up in."""

    def __init__(self, services: Iterable[Object], pods: Iterable[Object]) -> None:
        self._services = {_key(service): service for service in services}
        self._pods: dict[str, list[Object]] = {}
        for pod in sorted(pods, key=_key):
            self._pods.setdefault(pod["metadata"]["namespace"], []).append(pod)

    def backend(self, reference: Object, namespace: str) -> Backend:
        """Resolve a backendRef of a route in `namespace`."""
        weight = int(reference.get("weight", 1))
        kind = f"{reference.get('group', '')}/{reference.get('kind', 'Service')}"
        if kind != "/Service":
            return Backend(weight, problem="InvalidKind", message=f"{kind} is not a Service")
        if reference.get("namespace", namespace) != namespace:
            message = f"Service {reference['namespace']}/{reference['name']} is in another namespace"
            return Backend(weight, problem="RefNotPermitted", message=message)
        service = self._services.get((namespace, reference["name"]))
        if service is None:
            message = f'Service "{namespace}/{reference["name"]}" not found'
            return Backend(weight, problem="BackendNotFound", message=message)
        ports = [port for port in service["spec"].get("ports", []) if port["port"] == reference.get("port")]
        if not ports:
            message = f'Service "{namespace}/{reference["name"]}" has no port {reference.get("port")}'
            return Backend(weight, problem="BackendNotFound", message=message)
        return Backend(weight, tuple(self._endpoints(service, ports[0])))

    def _endpoints(self, service: Object, port: Object) -> Iterable[str]:
        selector = service["spec"].get("selector")
        if not selector:
            return
        for pod in self._pods.get(service["metadata"]["namespace"], []):
            if is_ready(pod) and _selected(pod, selector):
                number = target_port(pod, port)
                if number is not None:
                    yield f"{pod['status']['podIP']}:{number}"


def is_ready(pod: Object) -> bool:
    """Whether the Pod may get requests: it is Ready, has an address, and is not being deleted."""
    status = pod.get("status", {})
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))
    return ready and "podIP" in status and "deletionTimestamp" not in pod["metadata"]


def target_port(pod: Object, port: Object) -> int | None:
    """The number of a Service port's target in a Pod; None when the Pod has no port of that name."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for declared in container.get("ports", []):
            if declared.get("name") == target:
                return int(declared["containerPort"])
    return None


def _selected(pod: Object, selector: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels", {})
    return all(labels.get(key) == value for key, value in selector.items())


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]
