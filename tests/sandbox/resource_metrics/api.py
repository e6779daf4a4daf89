"""The answers of `metrics.k8s.io/v1beta1`: discovery, and what Pods use. Pure.

Of Nodes nothing is said: all stand-in nodes are one machine.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.sandbox.kube_api import Object
from tests.sandbox.resource_metrics.rates import Rate, Rates

NAME = "resource-metrics"
"""Of the server, its certificate and its Service."""

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
ROOT = f"/apis/{API_VERSION}"

RESOURCES: Object = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": API_VERSION,
    "resources": [
        {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
    ],
}


def pod_metrics_list(pods: Iterable[Object], rates: Rates) -> Object:
    """Of those Pods of which every container that runs has been seen for long enough, as metrics-server does it."""
    items = [item for pod in pods if (item := _pod_metrics(pod, rates)) is not None]
    return {"kind": "PodMetricsList", "apiVersion": API_VERSION, "metadata": {}, "items": items}


def _pod_metrics(pod: Object, rates: Rates) -> Object | None:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    running = {each["name"]: rates.of(_session(each)) for each in statuses if "running" in each["state"]}
    known = {name: rate for name, rate in running.items() if rate is not None}
    if not known or len(known) < len(running):
        return None
    newest = max(known.values(), key=lambda rate: rate.at)
    about = pod["metadata"]
    return {
        "kind": "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": {key: about[key] for key in ("name", "namespace", "labels") if key in about},
        "timestamp": newest.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "window": f"{newest.window.total_seconds():.3f}s",
        "containers": [{"name": name, "usage": _usage(rate)} for name, rate in known.items()],
    }


def _session(status: Object) -> int:
    """The session of a container of a stand-in node: its first process began it."""
    return int(status["containerID"].removeprefix("process://").partition("-")[0])


def _usage(rate: Rate) -> Object:
    return {"cpu": f"{round(rate.cores * 1e9)}n", "memory": f"{rate.memory_bytes // 1024}Ki"}
