"""Whom the Stable revision's predictors forward to, and how much."""

from __future__ import annotations

from collections.abc import Iterator

from weld_api.rollout import Shadow
from weld_api.shadow import ShadowOrder
from weld_api.status import Revision
from weld_operator.domain.observation import RevisionObservation, condition_status
from weld_operator.kinds import Object

HTTP_PORT_NAME = "http1"
"""What a serving runtime calls the port of the Open Inference Protocol over HTTP."""

DEFAULT_PORT = 8080
"""KServe's, where a container names none."""

MOST_ADDRESSES = 1000


def shadow_order(candidate: Revision, shadow: Shadow, seen: RevisionObservation | None) -> ShadowOrder:
    """The order to forward to each ready replica of the candidate; to none while none is ready."""
    addresses = sorted(_addresses(() if seen is None else seen.pods))
    return ShadowOrder(
        digest=candidate.digest,
        version=candidate.version,
        share=shadow.share,
        addresses=tuple(addresses[:MOST_ADDRESSES]),
    )


def _addresses(pods: tuple[Object, ...]) -> Iterator[str]:
    for pod in pods:
        address = pod.get("status", {}).get("podIP", "")
        if address and "deletionTimestamp" not in pod["metadata"] and condition_status(pod, "Ready") == "True":
            yield f"{f'[{address}]' if ':' in address else address}:{_port(pod)}"


def _port(pod: Object) -> int:
    for container in pod.get("spec", {}).get("containers", []):
        for port in container.get("ports", []):
            if port.get("name") == HTTP_PORT_NAME:
                return int(port["containerPort"])
    return DEFAULT_PORT
