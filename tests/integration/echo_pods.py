"""Pods that run the echo server, and how they are waited for, for the tests of nodes and gateway."""

from typing import Any

from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.waiting import wait_for


def echo_container(**more: Any) -> Object:
    """A container that is ready when the echo server answers."""
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    return {
        "name": "echo",
        "image": "example.com/echo:1",
        "command": ["python3", "-m", "tests.sandbox.echo_server"],
        "args": ["--listen=0.0.0.0"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": probe,
    } | more


def pod(name: str, *containers: Object, **spec: Any) -> Object:
    """A Pod of the scheduler's choice of node; its grace period is short."""
    whole = {"containers": list(containers), "terminationGracePeriodSeconds": 5} | spec
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": whole}


def deployment(name: str, replicas: int, **spec: Any) -> Object:
    """A Deployment of echo servers, labelled `app: <name>`."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name, echo_container(), **spec)["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def is_true(item: Object, condition: str) -> bool:
    """Whether a condition of the object is True."""
    conditions = item.get("status", {}).get("conditions", [])
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)


async def available(api: KubeApi, namespace: str, name: str, replicas: int) -> None:
    """Wait until a Deployment has so many available replicas."""
    path = path_of("apps/v1", "deployments", namespace, name)
    await wait_for(
        lambda: api.get(path),
        lambda found: found.get("status", {}).get("availableReplicas", 0) == replicas,
        seconds=60,
        what=f"{replicas} available replicas of {name}",
    )
