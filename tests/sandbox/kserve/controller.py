"""The loop that brings each InferenceService's objects and status to what the plan says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp

from tests.sandbox.kserve import autoscaling, names
from tests.sandbox.kserve.comparison import fulfils
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.plan import Observed, Plan, plan
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.watching import Cache, synced

logger = logging.getLogger(__name__)

MANAGER = "kserve-stand-in"
SERVICES = "inferenceservices"
RUNTIMES = ("serving.kserve.io/v1alpha1", "servingruntimes")
CLUSTER_RUNTIMES = ("serving.kserve.io/v1alpha1", "clusterservingruntimes")

# Kinds that every cluster has; the others are watched from when they are first needed.
BUILT_IN = ("ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler")
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 15.0

Key = tuple[str, str]
Owned = dict[str, dict[str, Object]]


class Controller:
    """KServe's controller: levels, not edges, and a write only where something differs."""

    def __init__(self, api: KubeApi, cluster: Cluster, *, without: frozenset[str] = frozenset()) -> None:
        self._api = api
        self._cluster = cluster
        self._without = without
        self._changed = asyncio.Event()
        self._services = Cache(api, path_of(names.API_VERSION, SERVICES), self._changed)
        self._runtimes = Cache(api, path_of(*RUNTIMES), self._changed)
        self._cluster_runtimes = Cache(api, path_of(*CLUSTER_RUNTIMES), self._changed)
        self._pods = Cache(api, path_of("v1", "pods"), self._changed, label_selector=names.SERVICE_LABEL)
        self._made = {kind: Cache(api, path_of(*names.KINDS[kind]), self._changed) for kind in BUILT_IN}
        self._settled: dict[Key, object] = {}
        self._failures: Counter[Key] = Counter()
        self._due: dict[Key, float] = {}
        self._written: dict[tuple[str, str, str], Object] = {}

    async def run(self, ready: Callable[[], None]) -> None:
        """Reconcile for ever; `ready` is called once everything has been listed."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            caches = [self._services, self._runtimes, self._cluster_runtimes, self._pods, *self._made.values()]
            for cache in caches:
                tasks.create_task(cache.run())
            await synced(caches)
            ready()
            while True:
                self._changed.clear()
                try:
                    await self._reconcile_all()
                except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                    logger.warning("looking again after: %s", error)
                    await asyncio.sleep(FIRST_RETRY_SECONDS)
                    continue
                await self._wait()

    async def _wait(self) -> None:
        """Until something changes or a retry is due."""
        timeout = max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return

    async def _reconcile_all(self) -> None:
        services = {_key(service): service for service in self._services.all()}
        await self._extend(services.values())
        owned = self._owned_by_uid()
        copies = self._ready_copies()
        self._forget({*self._settled, *self._due} - services.keys())
        for key, service in services.items():
            observed = self._observed(service, owned[service["metadata"]["uid"]], copies)
            fingerprint = _fingerprint(service, observed)
            if self._settled.get(key) == fingerprint and self._due.get(key, float("inf")) > time.monotonic():
                continue
            await self._attempt(key, service, observed, fingerprint)

    async def _attempt(self, key: Key, service: Object, observed: Observed, fingerprint: object) -> None:
        try:
            failed = await self._reconcile(service, observed)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.warning("%s/%s: %s", *key, error)
            failed = True
        self._settled[key] = fingerprint
        self._due.pop(key, None)
        if not failed:
            self._failures.pop(key, None)
            return
        delay = min(FIRST_RETRY_SECONDS * 2 ** self._failures[key], LONGEST_RETRY_SECONDS)
        self._failures[key] += 1
        self._due[key] = time.monotonic() + delay

    async def _reconcile(self, service: Object, observed: Observed) -> bool:
        """Bring one InferenceService to its plan; True when it should be tried again."""
        if service["metadata"].get("deletionTimestamp"):
            await self._release(service)
            return False
        service = await self._hold(service)
        cluster = replace(self._cluster, keda="ScaledObject" in self._made)
        decided = plan(service, observed, cluster, datetime.now(UTC))
        for desired in decided.write:
            await self._write(desired, observed)
        for kind, name in decided.delete:
            await self._delete(kind, str(service["metadata"]["namespace"]), name)
        await self._write_status(service, decided)
        return decided.failed

    async def _hold(self, service: Object) -> Object:
        """Put the finalizer on, as KServe does: by a merge patch, which replaces the list as it was known."""
        finalizers = service["metadata"].get("finalizers") or []
        if names.FINALIZER in finalizers:
            return service
        return await self._patch_finalizers(service, [*finalizers, names.FINALIZER])

    async def _release(self, service: Object) -> None:
        finalizers = service["metadata"].get("finalizers") or []
        if names.FINALIZER in finalizers:
            await self._patch_finalizers(service, [name for name in finalizers if name != names.FINALIZER])

    async def _patch_finalizers(self, service: Object, finalizers: list[str]) -> Object:
        return await self._api.patch(_service_path(service), {"metadata": {"finalizers": finalizers}})

    async def _extend(self, services: Iterable[Object]) -> None:
        """Watch what the cluster may have by extension, from when an InferenceService needs it."""
        standard = [service for service in services if names.mode_of(service) == names.STANDARD]
        if "keda" not in self._without and any(autoscaling.class_of(service) == "keda" for service in standard):
            await self._watches("ScaledObject")
        if not all(names.is_cluster_local(service) for service in standard):
            await self._watches("HTTPRoute")

    async def _watches(self, kind: str) -> None:
        """Watch a kind, unless it is watched already or the API server does not know it."""
        if kind in self._made:
            return
        group, plural = names.KINDS[kind]
        resources = await self._api.get_or_none(f"/apis/{group}")
        if resources is None or all(resource["name"] != plural for resource in resources["resources"]):
            return
        cache = Cache(self._api, path_of(group, plural), self._changed)
        self._made[kind] = cache
        self._tasks.create_task(cache.run())
        await cache.synced.wait()

    async def _write(self, desired: Object, observed: Observed) -> None:
        kind, metadata = desired["kind"], desired["metadata"]
        identity = (kind, str(metadata["namespace"]), str(metadata["name"]))
        actual = observed.of_kind(kind).get(metadata["name"])
        if actual is not None and self._written.get(identity) == desired and fulfils(actual, desired):
            return
        path = path_of(*names.KINDS[kind], metadata["namespace"], metadata["name"])
        await self._api.apply(path, desired, manager=MANAGER)
        self._written[identity] = desired

    async def _delete(self, kind: str, namespace: str, name: str) -> None:
        try:
            await self._api.delete(path_of(*names.KINDS[kind], namespace, name))
        except ApiError as error:
            if error.status != 404:
                raise

    async def _write_status(self, service: Object, decided: Plan) -> None:
        if decided.status is None or decided.status == service.get("status"):
            return
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, **service, "status": decided.status}
        try:
            await self._api.replace(_service_path(service, "status"), body)
        except ApiError as error:
            # Somebody was quicker; what they changed comes by the watch, and with it the next attempt.
            if error.status != 409:
                raise

    def _owned_by_uid(self) -> defaultdict[str, Owned]:
        """What each InferenceService controls, by its uid, then by kind and name."""
        owned: defaultdict[str, Owned] = defaultdict(lambda: defaultdict(dict))
        for kind, cache in self._made.items():
            for item in cache.all():
                for reference in item["metadata"].get("ownerReferences") or []:
                    if reference.get("controller") and reference["kind"] == names.KIND:
                        owned[reference["uid"]][kind][item["metadata"]["name"]] = item
        return owned

    def _ready_copies(self) -> Counter[Key]:
        """Ready Pods by namespace and app label."""
        ready = (pod for pod in self._pods.all() if _is_ready(pod))
        return Counter((pod["metadata"]["namespace"], names.labels_of(pod).get("app", "")) for pod in ready)

    def _observed(self, service: Object, owned: Owned, copies: Counter[Key]) -> Observed:
        namespace = service["metadata"]["namespace"]
        stable = names.predictor_name(service, service["spec"]["predictor"])
        return Observed(
            owned=owned,
            ready_copies=copies[namespace, names.app_label(stable)],
            runtimes=[item for item in self._runtimes.all() if item["metadata"]["namespace"] == namespace],
            cluster_runtimes=self._cluster_runtimes.all(),
        )

    def _forget(self, gone: set[Key]) -> None:
        for key in gone:
            self._settled.pop(key, None)
            self._failures.pop(key, None)
            self._due.pop(key, None)


def _fingerprint(service: Object, observed: Observed) -> object:
    """Equal as long as nothing that the plan looks at has changed."""
    owned = [(kind, name, _version(item)) for kind, items in observed.owned.items() for name, item in items.items()]
    runtimes = [_version(item) for item in (*observed.runtimes, *observed.cluster_runtimes)]
    return _version(service), sorted(owned), observed.ready_copies, sorted(runtimes)


def _version(item: Object) -> str:
    return f"{item['metadata']['uid']}/{item['metadata']['resourceVersion']}"


def _is_ready(pod: Object) -> bool:
    state = pod.get("status") or {}
    conditions = state.get("conditions") or []
    return state.get("phase") == "Running" and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )


def _key(service: Object) -> Key:
    return service["metadata"]["namespace"], service["metadata"]["name"]


def _service_path(service: Object, subresource: str | None = None) -> str:
    namespace, name = _key(service)
    return path_of(names.API_VERSION, SERVICES, namespace, name, subresource)
