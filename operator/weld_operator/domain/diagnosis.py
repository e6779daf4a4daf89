"""Why a revision is not ready: an ordered chain of checks over what Kubernetes and KServe say of it.

Each check looks for one kind of trouble and returns a finding or None; the first finding wins, so that what a
container said itself comes before what somebody inferred from it. KServe alone says little: it accepts a missing
runtime, an unknown format and an unknown scheme, and its conditions then stay Unknown for ever; a container that exits
at once is never more than MinimumReplicasUnavailable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from weld_api.names import MODE_ANNOTATION
from weld_operator.domain.observation import RevisionObservation, condition
from weld_operator.kinds import Object

REFUSED_EXIT_CODE = 3
"""What a predictor exits with after it has said, in one sentence, why it does not serve its bundle."""

LONGEST_MESSAGE = 600

# Waiting for these does not help: a person has to change something.
_HOPELESS_WAITS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "InvalidImageName", "ImagePullBackOff", "RunContainerError"}
)
_WORTH_TELLING_WAITS = frozenset({"ErrImagePull", "ErrImageNeverPull", "ImageInspectError"})
_MISSING_CLAIM = re.compile(r'persistentvolumeclaim "[^"]+" (not found|is being deleted|bound to non-existent)')
_NOT_YET = frozenset({"MinimumReplicasUnavailable", "NewReplicaSetCreated", "ReplicaSetUpdated", ""})


class Finding(NamedTuple):
    """What is wrong: one word for programs, one sentence for people, and whether waiting is pointless."""

    reason: str
    message: str
    conclusive: bool


Check = Callable[[RevisionObservation], Finding | None]


def diagnose(revision: RevisionObservation) -> Finding | None:
    """The best explanation of why a revision is not ready; None when nothing is wrong so far."""
    return next((finding for check in CHAIN if (finding := check(revision)) is not None), None)


def refused_its_bundle(revision: RevisionObservation) -> Finding | None:
    """The predictor said why it does not serve this bundle."""
    for _, container in _containers(revision, "containerStatuses"):
        ended = _ended(container)
        if ended is not None and ended.get("exitCode") == REFUSED_EXIT_CODE and ended.get("message", "").strip():
            return Finding("BundleRefused", _shortened(ended["message"]), conclusive=True)
    return None


def failed_to_fetch(revision: RevisionObservation) -> Finding | None:
    """An init container, which brings the bundle, fails."""
    for pod, container in _containers(revision, "initContainerStatuses"):
        ended = _ended(container)
        if ended is not None and ended.get("exitCode") != 0:
            message = f"Init container {container['name']} of Pod {pod} failed{_source(revision)}: {_last_words(ended)}"
            return Finding("BundleNotFetched", message, conclusive=True)
    return None


def cannot_start(revision: RevisionObservation) -> Finding | None:
    """A container waits for something that does not come by waiting."""
    for pod, container in _all_containers(revision):
        waiting: Object = container.get("state", {}).get("waiting", {})
        reason = str(waiting.get("reason", ""))
        if reason in _HOPELESS_WAITS | _WORTH_TELLING_WAITS:
            detail = _shortened(str(waiting.get("message") or reason))
            message = f"Container {container['name']} of Pod {pod} cannot start: {detail}"
            return Finding(reason, message, conclusive=reason in _HOPELESS_WAITS)
    return None


def keeps_ending(revision: RevisionObservation) -> Finding | None:
    """A container has ended, without a reason that the predictor would have given."""
    for pod, container in _containers(revision, "containerStatuses"):
        ended = _ended(container)
        if ended is None:
            continue
        if ended.get("reason") == "OOMKilled":
            message = f"Container {container['name']} of Pod {pod} was killed: it used more memory than its limit"
            return Finding("OutOfMemory", message, conclusive=True)
        message = f"Container {container['name']} of Pod {pod} ended: {_last_words(ended)}"
        return Finding("ContainerEnded", message, conclusive=container.get("restartCount", 0) > 1)
    return None


def cannot_be_scheduled(revision: RevisionObservation) -> Finding | None:
    """No node takes the Pod."""
    for pod in _unready_pods(revision):
        scheduled = condition(pod, "PodScheduled")
        if scheduled is not None and scheduled["status"] == "False":
            detail = _shortened(str(scheduled.get("message") or scheduled.get("reason", "")))
            message = f"Pod {pod['metadata']['name']} cannot be scheduled: {detail}"
            if _MISSING_CLAIM.search(detail):
                return Finding("VolumeClaimMissing", message, conclusive=True)
            return Finding("Unschedulable", message, conclusive=False)
    return None


def makes_no_pods(revision: RevisionObservation) -> Finding | None:
    """The Deployment is not allowed to make Pods, by a quota or a policy."""
    failure = None if revision.deployment is None else condition(revision.deployment, "ReplicaFailure")
    if failure is None or failure["status"] != "True":
        return None
    return Finding("PodsRefused", f"Pods cannot be made: {_shortened(failure.get('message', ''))}", conclusive=True)


def fails_for_kserve(revision: RevisionObservation) -> Finding | None:
    """KServe says in modelStatus what it could not do, such as finding the runtime."""
    failure = revision.service.get("status", {}).get("modelStatus", {}).get("lastFailureInfo")
    if not failure:
        return None
    reason = failure.get("reason", "ModelLoadFailed")
    detail = _shortened(failure.get("message", "no reason given"))
    return Finding(reason, f"KServe cannot serve InferenceService {revision.name}: {detail}", conclusive=True)


def runs_in_another_mode(revision: RevisionObservation) -> Finding | None:
    """KServe took another deployment mode than the one asked for, as an old one does that does not know its name."""
    asked = revision.service["metadata"].get("annotations", {}).get(MODE_ANNOTATION, "")
    taken = revision.service.get("status", {}).get("deploymentMode", asked)
    if taken == asked:
        return None
    message = f"KServe runs InferenceService {revision.name} in mode {taken} instead of {asked}: is it older than 0.16?"
    return Finding("ModeNotHonoured", message, conclusive=True)


def stalls(revision: RevisionObservation) -> Finding | None:
    """The Deployment has made no progress for its own deadline."""
    progressing = None if revision.deployment is None else condition(revision.deployment, "Progressing")
    if progressing is None or progressing["status"] != "False":
        return None
    detail = _shortened(progressing.get("message", ""))
    return Finding(progressing.get("reason", "Stalled"), f"The Deployment stalls: {detail}", conclusive=True)


def is_not_ready_for_kserve(revision: RevisionObservation) -> Finding | None:
    """A condition of the InferenceService is False for a reason that says more than "not yet"."""
    for entry in revision.service.get("status", {}).get("conditions", []):
        reason = entry.get("reason", "")
        if entry["status"] == "False" and entry.get("severity", "") == "" and reason not in _NOT_YET:
            detail = _shortened(entry.get("message", reason))
            message = f"InferenceService {revision.name} reports {entry['type']}=False: {detail}"
            return Finding(reason, message, conclusive=False)
    return None


def is_not_seen_by_kserve(revision: RevisionObservation) -> Finding | None:
    """KServe has not made a Deployment, and does not say why."""
    if revision.deployment is not None:
        return None
    if "status" not in revision.service:
        message = f"InferenceService {revision.name} has no status: KServe's controller has not looked at it"
        return Finding("IgnoredByKServe", message, conclusive=False)
    message = f"KServe has made no Deployment of InferenceService {revision.name}, and does not say why"
    return Finding("NoDeployment", message, conclusive=False)


def is_not_ready_to_answer(revision: RevisionObservation) -> Finding | None:
    """Containers run, but their readiness probes do not succeed yet."""
    for pod, container in _containers(revision, "containerStatuses"):
        if "running" in container.get("state", {}) and not container.get("ready", False):
            message = f"Container {container['name']} of Pod {pod} runs, but is not ready"
            return Finding("NotReady", message, conclusive=False)
    return None


CHAIN: tuple[Check, ...] = (
    refused_its_bundle,
    failed_to_fetch,
    cannot_start,
    keeps_ending,
    cannot_be_scheduled,
    makes_no_pods,
    fails_for_kserve,
    runs_in_another_mode,
    stalls,
    is_not_ready_for_kserve,
    is_not_seen_by_kserve,
    is_not_ready_to_answer,
)


def _unready_pods(revision: RevisionObservation) -> Iterator[Object]:
    for pod in revision.pods:
        ready = condition(pod, "Ready")
        if "deletionTimestamp" not in pod["metadata"] and (ready is None or ready["status"] != "True"):
            yield pod


def _containers(revision: RevisionObservation, field: str) -> Iterator[tuple[str, Any]]:
    """The containers that are not ready, each with the name of its Pod."""
    for pod in _unready_pods(revision):
        for container in pod.get("status", {}).get(field, []):
            if not container.get("ready", False):
                yield pod["metadata"]["name"], container


def _all_containers(revision: RevisionObservation) -> Iterator[tuple[str, Any]]:
    yield from _containers(revision, "initContainerStatuses")
    yield from _containers(revision, "containerStatuses")


def _source(revision: RevisionObservation) -> str:
    """What was to be fetched: what KServe's storage initializer says does not name it."""
    uri = revision.service.get("spec", {}).get("predictor", {}).get("model", {}).get("storageUri")
    return f" to bring {uri}" if uri else ""


def _ended(container: Any) -> Any:
    """How the container ended, the last time that it did; None while that is unknown."""
    return container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")


def _last_words(ended: Any) -> str:
    """The last line that a container left, or its exit code."""
    lines = [line.strip() for line in ended.get("message", "").splitlines() if line.strip()]
    said = f" ({_shortened(lines[-1])})" if lines else ""
    return f"exit code {ended.get('exitCode')}{said}"


def _shortened(text: str) -> str:
    """One line that is not too long for a condition."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"
