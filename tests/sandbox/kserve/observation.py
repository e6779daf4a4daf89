"""What the stand-in for KServe sees of its cluster, and when that has changed."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from tests.sandbox.kserve import autoscaling, names
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.plan import Observed
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.watching import Cache, synced

SERVICES = "inferenceservices"
RUNTIMES = ("serving.kserve.io/v1alpha1", "servingruntimes")
CLUSTER_RUNTIMES = ("serving.kserve.io/v1alpha1", "clusterservingruntimes")

# Kinds that every cluster has; the others are watched from when they are first needed.
BUILT_IN = ("ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler")

# What a cluster, or an older KServe, may be without.
KEDA, KNATIVE, CANARY_ROUTES = "keda", "knative", "canary-routes"

Key = tuple[str, str]
Owned = defaultdict[str, dict[str, Object]]


class Observation:
    """Caches of all that the plan looks at; `changed` is set whenever one of them changes."""

    def __init__(self, api: KubeApi, cluster: Cluster, *, without: frozenset[str] = frozenset()) -> None:
        self.changed = asyncio.Event()
        self._api = api
        self._cluster = cluster
        self._without = without
        self._services = self._cache(names.API_VERSION, SERVICES)
        self._runtimes = self._cache(*RUNTIMES)
        self._cluster_runtimes = self._cache(*CLUSTER_RUNTIMES)
        self._pods = Cache(api, path_of("v1", "pods"), self.changed, label_selector=names.SERVICE_LABEL)
        self._made = {kind: self._cache(*names.KINDS[kind]) for kind in BUILT_IN}

    @property
    def cluster(self) -> Cluster:
        return replace(
            self._cluster,
            keda="ScaledObject" in self._made,
            knative="Revision" in self._made,
            divides=CANARY_ROUTES not in self._without,
        )

    async def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start watching, and wait until everything has been listed."""
        self._tasks = tasks
        caches = [self._services, self._runtimes, self._cluster_runtimes, self._pods, *self._made.values()]
        for cache in caches:
            tasks.create_task(cache.run())
        await synced(caches)

    async def extend(self) -> None:
        """Watch what the cluster may have by extension, from when an InferenceService needs it."""
        standard = [service for service in self._services.all() if names.mode_of(service) == names.STANDARD]
        if KEDA not in self._without and any(autoscaling.class_of(service) == "keda" for service in standard):
            await self._watch("ScaledObject")
        if not all(names.is_cluster_local(service) for service in standard):
            await self._watch("HTTPRoute")
        if KNATIVE not in self._without and len(standard) < len(self._services.all()):
            await self._watch("Revision")
            await self._watch("HTTPRoute")

    def services(self) -> dict[Key, Object]:
        return {_key(service): service for service in self._services.all()}

    def around(self, services: Iterable[Object]) -> dict[Key, Observed]:
        """What is observed around each of these InferenceServices."""
        owned = self._owned_by_uid()
        copies = self._ready_copies()
        return {_key(service): self._around(service, owned, copies) for service in services}

    async def _watch(self, kind: str) -> None:
        """Watch a kind, unless it is watched already or the API server does not know it."""
        if kind in self._made:
            return
        group, plural = names.KINDS[kind]
        resources = await self._api.get_or_none(f"/apis/{group}")
        if resources is None or all(resource["name"] != plural for resource in resources["resources"]):
            return
        cache = self._cache(group, plural)
        self._tasks.create_task(cache.run())
        await cache.synced.wait()
        self._made[kind] = cache

    def _cache(self, api_version: str, plural: str) -> Cache:
        return Cache(self._api, path_of(api_version, plural), self.changed)

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

    def _around(self, service: Object, owned: defaultdict[str, Owned], copies: Counter[Key]) -> Observed:
        namespace = service["metadata"]["namespace"]
        stable = names.predictor_name(service, service["spec"]["predictor"])
        return Observed(
            owned=owned[service["metadata"]["uid"]],
            ready_copies=copies[namespace, names.app_label(stable)],
            runtimes=[item for item in self._runtimes.all() if item["metadata"]["namespace"] == namespace],
            cluster_runtimes=self._cluster_runtimes.all(),
        )


def fingerprint(service: Object, observed: Observed) -> object:
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
