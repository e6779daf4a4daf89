"""Plays a recording against a cluster, and tells what is otherwise than recorded."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable

from tests.contract import kserve_recording as recorded
from tests.contract.kserve_recording import Recording, Step
from tests.sandbox.kserve import names
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.watching import Cache

NAMESPACE = "recording"
MANAGER = "weldserve"
# What the recorder listed: objects whose names begin with the InferenceService's. So the recordings lack the ConfigMap
# `modelconfig-...`.
LISTED = ("Deployment", "Service", "HorizontalPodAutoscaler", "ScaledObject", "HTTPRoute")

STEP_SECONDS = 90
SETTLED_SECONDS = 2
PAUSE_SECONDS = 0.25


class Cluster:
    """What there is in the namespace of the recordings, and how it came about: each status, and each Pod ever seen."""

    def __init__(self, api: KubeApi) -> None:
        self.api = api
        self.statuses: defaultdict[str, list[Object | None]] = defaultdict(list)
        self.pods: defaultdict[str, dict[str, Object]] = defaultdict(dict)
        changed = asyncio.Event()
        self._services = Cache(api, _services_path(), changed)
        self._objects = {
            kind: Cache(api, path_of(version, plural, NAMESPACE), changed)
            for kind, (version, plural) in names.KINDS.items()
            if kind in LISTED
        }

    async def run(self) -> None:
        """Watch for ever."""
        async with asyncio.TaskGroup() as tasks:
            for cache in (self._services, *self._objects.values()):
                tasks.create_task(cache.run())
            tasks.create_task(self._follow_services())
            tasks.create_task(self._follow_pods())

    def service(self, name: str) -> Object | None:
        return self._services.get(NAMESPACE, name)

    def controlled_by(self, uid: str) -> list[Object]:
        """The listed objects that the InferenceService with this uid controls."""
        return [
            {"apiVersion": names.KINDS[kind][0], "kind": kind, **item}
            for kind, cache in self._objects.items()
            for item in cache.all()
            if any(reference["uid"] == uid for reference in item["metadata"].get("ownerReferences") or [])
        ]

    async def _follow_services(self) -> None:
        async for kind, item in _events(self.api, _services_path()):
            status = None if kind == "DELETED" else item.get("status")
            self.statuses[item["metadata"]["name"]].append(status)

    async def _follow_pods(self) -> None:
        async for _, item in _events(self.api, path_of("v1", "pods", NAMESPACE)):
            service = names.labels_of(item).get(names.SERVICE_LABEL, "")
            self.pods[service][item["metadata"]["name"]] = item


async def _events(api: KubeApi, path: str) -> AsyncIterator[tuple[str, Object]]:
    """Each change of a collection from now on."""
    version = (await api.get(path))["metadata"]["resourceVersion"]
    while True:
        async for kind, item in api.watch(path, resource_version=version):
            version = item["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                yield kind, item


async def replay(cluster: Cluster, recording: Recording) -> list[str]:
    """Play all steps; returns a line for each difference, which begins with the number of the step."""
    found: list[str] = []
    for number, step in enumerate(recording.steps):
        found += [f"step {number}: {line}" for line in await _play(cluster, recording.service, step)]
    await _delete(cluster, recording.service)
    return found


async def _play(cluster: Cluster, name: str, step: Step) -> list[str]:
    history = cluster.statuses[name]
    begun, before = len(history), history[-1] if history else None
    uid = await _uid(cluster, name)
    refusal = await _apply(cluster, name, step)
    if refusal is not None or step.refused is not None:
        return recorded.differences(step.refused, refusal, "refused")
    uid = await _uid(cluster, name) or uid
    found = await _settle(cluster, name, uid, step)
    found += _track_differences(step, [before, *history[begun:]])
    return found + _pod_differences(step, cluster.pods[name].values())


async def _settle(cluster: Cluster, name: str, uid: str, step: Step) -> list[str]:
    """Wait until all is as recorded and stays so; returns what is still different when the time is over."""
    deadline = time.monotonic() + STEP_SECONDS
    while found := _differences(cluster, name, uid, step):
        if time.monotonic() > deadline:
            return found
        await asyncio.sleep(PAUSE_SECONDS)
    await asyncio.sleep(SETTLED_SECONDS)
    return [f"afterwards {line}" for line in _differences(cluster, name, uid, step)]


def _differences(cluster: Cluster, name: str, uid: str, step: Step) -> list[str]:
    service, objects = cluster.service(name), cluster.controlled_by(uid)
    found = recorded.differences(recorded.by_title(step.objects), recorded.by_title(objects), "objects")
    found += recorded.differences(
        recorded.normalised_status(step.statuses[-1], recorded.ready_replicas(step.objects, name)),
        recorded.normalised_status((service or {}).get("status"), recorded.ready_replicas(objects, name)),
        "status",
    )
    if step.stored is not None and service is not None:
        expected, seen = recorded.normalised_service(step.stored), recorded.normalised_service(service)
        found += recorded.differences(expected, seen, "stored")
    if (step.applied is None) != (service is None):
        found.append(f"the InferenceService is {'gone' if service is None else 'there'}")
    return found


def _track_differences(step: Step, seen: Iterable[Object | None]) -> list[str]:
    expected, actual = recorded.tracks(step.statuses), recorded.tracks(seen)
    lines = (
        recorded.track_difference(name, expected.get(name, [recorded.State()]), actual.get(name, [recorded.State()]))
        for name in sorted({*expected, *actual})
    )
    return [line for line in lines if line is not None]


def _pod_differences(step: Step, seen: Iterable[Object]) -> list[str]:
    """The recorded Pod must be one that the scenario has had by now: it may be one that is on its way out."""
    actual = [recorded.normalised_pod(pod) for pod in seen]
    found = []
    for pod in step.pods:
        expected = recorded.normalised_pod(pod)
        ways = [recorded.differences(expected, other, "pod") for other in actual]
        found += sorted(ways, key=len)[0] if ways else ["no Pod was seen"]
    return found


async def _apply(cluster: Cluster, name: str, step: Step) -> str | None:
    """Apply or delete as the step says; returns the refusal as kubectl words it."""
    if step.applied is None:
        await _delete(cluster, name)
        return None
    try:
        await cluster.api.apply(_service_path(name), step.applied, manager=MANAGER, force=False)
    except ApiError as error:
        return f"Error from server ({error.reason}): {error.message}"
    return None


async def _delete(cluster: Cluster, name: str) -> None:
    try:
        await cluster.api.delete(_service_path(name))
    except ApiError as error:
        if error.status != 404:
            raise


async def _uid(cluster: Cluster, name: str) -> str:
    service = await cluster.api.get_or_none(_service_path(name))
    return "" if service is None else str(service["metadata"]["uid"])


def _services_path() -> str:
    return path_of(names.API_VERSION, "inferenceservices", NAMESPACE)


def _service_path(name: str) -> str:
    return path_of(names.API_VERSION, "inferenceservices", NAMESPACE, name)
