"""Recordings of KServe: how they are read, and what it means for something seen to be the same as recorded."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.sandbox.kube_api import Object

FOLDER = Path(__file__).parent / "recordings"
GENERATED = "(generated)"
SERVICE_LABEL = "serving.kserve.io/inferenceservice"

TOPOLOGY_PREFIX = "topology.kubernetes.io/"
POD_SPEC_FIELDS = ("initContainers", "containers", "volumes", "terminationGracePeriodSeconds", "securityContext")
METADATA_FIELDS = ("name", "namespace", "labels", "annotations", "ownerReferences")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Step:
    """One step of a scenario.

    `applied` is None for a deletion; `refused` the webhook's words; `statuses` the distinct ones that were seen, None
    for an absent one; `objects` what existed at the end; `pods` Pods of it that existed; `stored` the InferenceService.
    """

    applied: Object | None
    refused: str | None
    statuses: tuple[Object | None, ...]
    objects: tuple[Object, ...]
    pods: tuple[Object, ...]
    stored: Object | None


@dataclass(frozen=True)
class Recording:
    """A scenario: its own name, the InferenceService's name, and the steps."""

    name: str
    service: str
    steps: tuple[Step, ...]

    @property
    def needs_keda(self) -> bool:
        return any(item["apiVersion"].startswith("keda.sh/") for step in self.steps for item in step.objects)


def paths() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def read(path: Path) -> Recording:
    content = yaml.load(path.read_text(), _LOADER)
    service = content["steps"][0]["applied"]["metadata"]["name"]
    return Recording(content["scenario"], service, tuple(_step(step, service) for step in content["steps"]))


def _step(step: Object, service: str) -> Step:
    objects = step.get("objects") or []
    pods = [item for item in objects if item["kind"] == "Pod"]
    return Step(
        applied=None if step["applied"] == "delete" else step["applied"],
        refused=step.get("refused"),
        statuses=tuple(_status(seen["status"]) for seen in step.get("status_seen") or []),
        objects=tuple(item for item in objects if item["kind"] != "Pod"),
        # The recorder took the first Pod whose name begins with the scenario's: it may be of another scenario.
        pods=tuple(pod for pod in pods if pod["metadata"]["labels"][SERVICE_LABEL] == service),
        stored=step.get("stored"),
    )


def _status(status: Object) -> Object | None:
    return None if status.get("(absent)") else status


# What a cluster generates is replaced in both, before they are compared.


def normalised(item: Object) -> Object:
    """An object that KServe makes, without what a cluster generates and without its status, which Kubernetes writes."""
    kept = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    result: Object = copy.deepcopy({**kept, "metadata": _metadata(item["metadata"])})
    spec = result.get("spec", {})
    for field in ("clusterIP", "clusterIPs"):
        if field in spec:
            spec[field] = GENERATED
    spec.get("template", {}).get("metadata", {}).pop("creationTimestamp", None)
    return result


def normalised_pod(pod: Object) -> Object:
    """A Pod: what the recordings hold of its spec, and its metadata without what a ReplicaSet generates.

    Kubernetes copies a node's zone and region to the labels of its Pods; the recordings' node had neither.
    """
    metadata = _metadata({**pod["metadata"], "name": GENERATED})
    metadata.pop("namespace", None)
    metadata.pop("ownerReferences", None)
    labels = {key: value for key, value in metadata["labels"].items() if not key.startswith(TOPOLOGY_PREFIX)}
    metadata["labels"] = {**labels, "pod-template-hash": GENERATED}
    spec = {field: pod["spec"][field] for field in POD_SPEC_FIELDS if field in pod["spec"]}
    renamed = _renamed(spec, r"^kube-api-access-\w+$", f"kube-api-access-{GENERATED}")
    return {"metadata": metadata, "spec": renamed}


def normalised_service(service: Object) -> Object:
    """An InferenceService as it is stored, without its status and what the API server adds."""
    metadata = {**_metadata(service["metadata"]), "finalizers": service["metadata"].get("finalizers")}
    return {"metadata": metadata, "spec": service["spec"]}


def normalised_status(status: Object | None, ready_replicas: int) -> Object | None:
    """A status without times and generated names.

    `copies.totalCopies` counts each ready Pod with the predictor's label, also Pods that are on their way out: where a
    container's first process leaves SIGTERM unhandled they stay ready for the whole grace period, and in the recordings
    some stayed from an earlier run. On the rig a process ends at once. So no more than the Deployment's
    `ready_replicas` are counted.
    """
    if status is None:
        return None
    result = copy.deepcopy(status)
    for condition in result.get("conditions", []):
        condition.pop("lastTransitionTime", None)
        if "message" in condition:
            condition["message"] = _without_hash(condition["message"])
    copies = (result.get("modelStatus") or {}).get("copies") or {}
    if "totalCopies" in copies:
        copies["totalCopies"] = min(copies["totalCopies"], ready_replicas)
    return result


def ready_replicas(objects: Iterable[Object], service: str) -> int:
    """Of the stable predictor's Deployment."""
    statuses = (
        item.get("status") or {}
        for item in objects
        if item["kind"] == "Deployment" and item["metadata"]["name"] == f"{service}-predictor"
    )
    return sum(status.get("readyReplicas", 0) for status in statuses)


def _metadata(metadata: Object) -> Object:
    kept = {field: metadata[field] for field in METADATA_FIELDS if metadata.get(field)}
    if "ownerReferences" in kept:
        kept["ownerReferences"] = [
            {key: value for key, value in reference.items() if key != "uid"} for reference in kept["ownerReferences"]
        ]
    return kept


def _renamed(value: object, pattern: str, name: str) -> object:
    if isinstance(value, dict):
        return {key: _renamed(item, pattern, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, pattern, name) for item in value]
    return re.sub(pattern, name, value) if isinstance(value, str) else value


def _without_hash(message: str) -> str:
    return re.sub(r'(ReplicaSet ".*)-[0-9a-z]+"', rf'\1-{GENERATED}"', message)


# How conditions and the model's state went, one after the other.


class State(NamedTuple):
    """What a condition said, or the model's state; all empty where there was none."""

    value: str = ""
    reason: str = ""
    message: str = ""


MODEL_TRACK = "modelStatus"

# A Deployment that was just made has no conditions yet. It lasts milliseconds: polled every 0.2 s, some scenarios show
# it and some do not.
PASSING = {name: {State("False")} for name in ("PredictorReady", "Ready")}


def tracks(statuses: Iterable[Object | None]) -> dict[str, list[State]]:
    """For each condition, and for the model, the states it went through; repeats count once."""
    moments = [_moment(status) for status in statuses]
    names = sorted({name for moment in moments for name in moment})
    return {name: [state for state, _ in groupby(moment.get(name, State()) for moment in moments)] for name in names}


def track_difference(name: str, recorded: Sequence[State], seen: Sequence[State]) -> str | None:
    """None when what was seen went the same way as what was recorded.

    The recorder looked every 0.2 s and the replay sees each change, so that two things may be seen that are not
    recorded: the state in which the step began, and a state that `PASSING` lists.
    """
    rest = list(recorded)
    last: State | None = None
    for position, state in enumerate(seen):
        if rest and state == rest[0]:
            last = rest.pop(0)
        elif state != last and position > 0 and state not in PASSING.get(name, set()):
            return f"{name}: recorded {_way(recorded)}, seen {_way(seen)}"
    return f"{name}: recorded {_way(recorded)}, seen {_way(seen)}" if rest else None


def _moment(status: Object | None) -> dict[str, State]:
    if status is None:
        return {}
    moment = {
        condition["type"]: State(
            condition["status"], condition.get("reason", ""), _without_hash(condition.get("message", ""))
        )
        for condition in status.get("conditions", [])
    }
    model = status.get("modelStatus") or {}
    states = model.get("states") or {}
    moment[MODEL_TRACK] = State(
        model.get("transitionStatus", ""), states.get("activeModelState", ""), states.get("targetModelState", "")
    )
    return moment


def _way(states: Sequence[State]) -> str:
    return " -> ".join(" ".join(filter(None, state)) or "nothing" for state in states)


# Differences in words.


def differences(recorded: object, seen: object, place: str = "") -> list[str]:
    """Each place where two JSON values differ, and what stands there."""
    if isinstance(recorded, dict) and isinstance(seen, dict):
        found = []
        for key in sorted({*recorded, *seen}, key=str):
            found += differences(recorded.get(key), seen.get(key), f"{place}.{key}")
        return found
    if isinstance(recorded, list) and isinstance(seen, list) and len(recorded) == len(seen):
        pairs = enumerate(zip(recorded, seen, strict=True))
        return [line for index, (one, other) in pairs for line in differences(one, other, f"{place}[{index}]")]
    return [] if recorded == seen else [f"{place}: recorded {recorded!r}, seen {seen!r}"]


def by_title(objects: Iterable[Object]) -> Mapping[str, Object]:
    """Objects by kind and name."""
    return {f"{item['kind']} {item['metadata']['name']}": normalised(item) for item in objects}
