"""The Node object: made, kept Ready, and its Lease renewed, which is a node's heartbeat."""

from __future__ import annotations

import asyncio
import logging
import platform
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from tests.sandbox.kube_api import STRATEGIC, ApiError, KubeApi, Object, path_of
from tests.sandbox.watching import Cache

logger = logging.getLogger(__name__)

LEASE_SECONDS = 40
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True)
class NodeDescription:
    """What a node says of itself; `cpu` and `memory` are quantities that the scheduler may give out."""

    name: str
    zone: str
    region: str
    address: str
    cpu: str
    memory: str
    pods: int = 110


def node_object(node: NodeDescription, now: datetime) -> Object:
    """The Node as it is registered."""
    machine = platform.machine()
    labels = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _ARCHITECTURES.get(machine, machine),
        "topology.kubernetes.io/zone": node.zone,
        "topology.kubernetes.io/region": node.region,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {},
        "status": node_status(node, now),
    }


def node_status(node: NodeDescription, now: datetime) -> Object:
    """The status of a node that is Ready and has room."""
    room = {"cpu": node.cpu, "memory": node.memory, "ephemeral-storage": "100Gi", "pods": str(node.pods)}
    conditions = [_condition("Ready", "True", "KubeletReady", "the stand-in node runs Pods", now)]
    conditions += [_condition(kind, "False", f"KubeletHasNo{kind}", "", now) for kind in _PRESSURES]
    return {
        "capacity": room,
        "allocatable": room,
        "addresses": [
            {"type": "InternalIP", "address": node.address},
            {"type": "Hostname", "address": node.name},
        ],
        "conditions": conditions,
        "nodeInfo": {"kubeletVersion": "v0.0.0-stand-in", "operatingSystem": "linux"},
    }


def lease(name: str, now: datetime) -> Object:
    """The Lease whose renewal says that the node is alive."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }


def is_ready(node: Object) -> bool:
    """Whether the Node's Ready condition is True."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


class Registration:
    """Keeps one Node registered and Ready; `nodes` is a running cache that has that Node alone."""

    def __init__(self, api: KubeApi, node: NodeDescription, nodes: Cache, heartbeat_seconds: float) -> None:
        self._api = api
        self._node = node
        self._nodes = nodes
        self._heartbeat_seconds = heartbeat_seconds

    async def run(self) -> None:
        """Beat for ever; a beat that fails is left to the next."""
        await self._nodes.synced.wait()
        while True:
            try:
                await self._beat(datetime.now(UTC))
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                logger.info("a heartbeat did not arrive: %s", error)
            await asyncio.sleep(self._heartbeat_seconds)

    async def _beat(self, now: datetime) -> None:
        name = self._node.name
        known = self._nodes.get("", name)
        if known is None:
            await self._register(now)
        elif not is_ready(known):
            patch = {"status": node_status(self._node, now)}
            await self._api.patch(
                path_of("v1", "nodes", name=name, subresource="status"), patch, content_type=STRATEGIC
            )
        path = path_of("coordination.k8s.io/v1", "leases", "kube-node-lease", name)
        await self._api.apply(path, lease(name, now), manager="stand-in-node")

    async def _register(self, now: datetime) -> None:
        try:
            await self._api.create(path_of("v1", "nodes"), node_object(self._node, now))
        except ApiError as error:
            if error.reason != "AlreadyExists":  # the cache is a moment behind
                raise


def _condition(kind: str, status: str, reason: str, message: str, now: datetime) -> Object:
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": moment,
        "lastTransitionTime": moment,
    }
