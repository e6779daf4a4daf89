"""A Pod's status, derived from what its node knows of its containers, as the kubelet derives it.

Pure: the time is an argument. The rules are those of `getPhase` and `status/generate.go` in Kubernetes 1.37.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.sandbox.kube_api import Object


@dataclass(frozen=True)
class Waiting:
    """Not started, or between two runs."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class Running:
    started_at: datetime


@dataclass(frozen=True)
class Terminated:
    """The end of one run; `reason` is Completed, Error or StartError."""

    exit_code: int
    reason: str
    message: str
    started_at: datetime
    finished_at: datetime


State = Waiting | Running | Terminated


@dataclass(frozen=True)
class ContainerRecord:
    """What the node knows of one container; `last` is the end of the run before the present state."""

    name: str
    image: str
    state: State
    last: Terminated | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False
    process: str = ""  # names the run, as a container id would; empty before the first

    @property
    def end(self) -> Terminated | None:
        """How the latest run ended: None while it runs, and before the first."""
        if isinstance(self.state, Terminated):
            return self.state
        return self.last if isinstance(self.state, Waiting) else None


@dataclass(frozen=True)
class PodRecord:
    """What the node knows of one Pod."""

    node_address: str
    address: str  # empty until the Pod has its volumes and address
    started_at: datetime
    init: tuple[ContainerRecord, ...]
    containers: tuple[ContainerRecord, ...]
    deleting: bool = False
    stopped: bool = False  # deleted, and every container has ended


def pod_status(pod: Object, record: PodRecord, before: Object, now: datetime) -> Object:
    """The status to report; `before` is the last one, whose transition times are kept where nothing changed."""
    phase = pod_phase(pod, record)
    status: Object = {
        "phase": phase,
        "conditions": _with_transition_times(_conditions(record, phase), before.get("conditions", []), now),
        "hostIP": record.node_address,
        "hostIPs": [{"ip": record.node_address}],
        "startTime": _time(record.started_at),
        "containerStatuses": [_container_status(one, record) for one in record.containers],
    }
    if record.init:
        status["initContainerStatuses"] = [_init_status(one) for one in record.init]
    if record.address:
        status |= {"podIP": record.address, "podIPs": [{"ip": record.address}]}
    return status


def restarts_after(policy: str, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` is started again under the Pod's restart policy."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def pod_phase(pod: Object, record: PodRecord) -> str:
    """Pending, Running, Succeeded or Failed."""
    policy: str = pod["spec"].get("restartPolicy", "Always")
    ends = [one.end for one in record.containers]
    succeeded = all(end is not None and end.exit_code == 0 for end in ends)
    if record.stopped:
        return "Succeeded" if succeeded else "Failed"
    failed_init = [one.end for one in record.init if one.end is not None and one.end.exit_code != 0]
    if any(not _init_restarts(policy) for _ in failed_init):
        return "Failed"
    if not _initialized(record):
        return "Pending"
    if any(isinstance(one.state, Waiting) and one.last is None for one in record.containers):
        return "Pending"
    if any(end is None or restarts_after(policy, end.exit_code) for end in ends):
        return "Running"
    return "Succeeded" if succeeded else "Failed"


def _init_restarts(policy: str) -> bool:
    """An init container that failed is tried again unless the Pod is never to be restarted."""
    return policy != "Never"


def _initialized(record: PodRecord) -> bool:
    begun = any(one.process for one in record.containers)
    return begun or all(_completed(one) for one in record.init)


def _completed(record: ContainerRecord) -> bool:
    return isinstance(record.state, Terminated) and record.state.exit_code == 0


def _ready(container: ContainerRecord, pod: PodRecord) -> bool:
    return container.ready and isinstance(container.state, Running) and not pod.deleting


def _conditions(record: PodRecord, phase: str) -> list[Object]:
    incomplete = [one.name for one in record.init if not _completed(one)]
    initialized = _condition("Initialized", True)
    if not _initialized(record):
        initialized = _condition("Initialized", False, "ContainersNotInitialized", _names("incomplete", incomplete))
    unready = [one.name for one in record.containers if not _ready(one, record)]
    if phase in ("Succeeded", "Failed"):
        ready: tuple[bool, str, str] = (False, "PodCompleted" if phase == "Succeeded" else "PodFailed", "")
    elif unready:
        ready = (False, "ContainersNotReady", _names("unready", unready))
    else:
        ready = (True, "", "")
    return [
        _condition("PodReadyToStartContainers", bool(record.address) and not record.stopped),
        initialized,
        _condition("ContainersReady", *ready),
        _condition("Ready", *ready),
    ]


def _names(what: str, names: Iterable[str]) -> str:
    return f"containers with {what} status: [{' '.join(names)}]"


def _condition(kind: str, true: bool, reason: str = "", message: str = "") -> Object:
    condition: Object = {"type": kind, "status": "True" if true else "False"}
    # Said even when empty: a merge would leave the reason of the time before.
    return condition | {"reason": reason or None, "message": message or None}


def _with_transition_times(conditions: list[Object], before: Sequence[Object], now: datetime) -> list[Object]:
    earlier = {one["type"]: one for one in before}
    for condition in conditions:
        known = earlier.get(condition["type"], {})
        kept = known.get("lastTransitionTime") if known.get("status") == condition["status"] else None
        condition["lastTransitionTime"] = kept or _time(now)
    return conditions


def _container_status(record: ContainerRecord, pod: PodRecord) -> Object:
    return _status(record) | {"ready": _ready(record, pod), "started": _runs(record) and record.started}


def _init_status(record: ContainerRecord) -> Object:
    """An init container is ready when it is done."""
    return _status(record) | {"ready": _completed(record), "started": _runs(record)}


def _runs(record: ContainerRecord) -> bool:
    return isinstance(record.state, Running)


def _status(record: ContainerRecord) -> Object:
    return {
        "name": record.name,
        "image": record.image,
        "imageID": "",
        "containerID": record.process,
        "restartCount": record.restarts,
        "state": _state(record.state),
        "lastState": {} if record.last is None else _state(record.last),
    }


def _state(state: State) -> Object:
    if isinstance(state, Waiting):
        return {"waiting": {"reason": state.reason, **({"message": state.message} if state.message else {})}}
    if isinstance(state, Running):
        return {"running": {"startedAt": _time(state.started_at)}}
    end: Object = {"exitCode": state.exit_code, "reason": state.reason}
    if state.message:
        end["message"] = state.message
    return {"terminated": end | {"startedAt": _time(state.started_at), "finishedAt": _time(state.finished_at)}}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
