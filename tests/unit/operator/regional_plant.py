"""What a WeldModel in regions is tested in: two clusters in memory, with KServe and garbage collection in both."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Collection, Iterator
from datetime import timedelta

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.cluster_objects import NOW, TARGET, acted, spec_of, weld_model
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from tests.unit.operator.played_metrics import PlayedMetrics
from weld_api.action import Verb
from weld_operator.adapters.cluster_access import ClusterAccess, Silence
from weld_operator.desired.metadata import pod_labels
from weld_operator.kinds import DEPLOYMENT, EVENT, HTTP_ROUTE, INFERENCE_SERVICE, POD, WELD_MODEL, Key, Kind, Object
from weld_operator.measuring import Measuring
from weld_operator.metrics import Metrics
from weld_operator.reconciler import Reconciler

KEY = Key("plant-a", "north-line")
HERE: Object = {"name": "south", "cluster": {"local": {}}, "share": 60, "failoverTo": ["north"]}
THERE: Object = {
    "name": "north",
    "cluster": {"kubeconfigSecret": "north-cluster"},
    "share": 40,
    "failoverTo": ["south"],
}
BOTH = (HERE, THERE)
CLEANUP = timedelta(seconds=60)


def serving_of(region: str, letter: str) -> str:
    """The InferenceService of that bundle in a region."""
    return f"north-line-{region}-{letter * 8}"


class PlayedRemotes:
    """The clusters of Secrets; those in `lost` do not answer. `needed`: what each WeldModel keeps."""

    def __init__(self, clusters: dict[str, InMemoryCluster]) -> None:
        self.clusters = clusters
        self.lost: set[str] = set()
        self.needed: dict[Key, set[str]] = {}

    async def reach(self, key: Key, secret: str) -> ClusterAccess | Silence:
        self.needed.setdefault(key, set()).add(secret)
        if secret in self.lost:
            return Silence("ClusterUnreachable", "connection refused")
        return ClusterAccess(self.clusters[secret], TARGET, PlayedMetrics(), secret)

    def give_up(self, key: Key, secret: str, message: str) -> None:
        raise AssertionError(f"{key} gave up {secret}: {message}")

    async def keep(self, key: Key, secrets: Collection[str]) -> None:
        self.needed[key] = set(secrets)


class RegionalPlant:
    """An operator, its own cluster and another one, and one WeldModel in both."""

    def __init__(self) -> None:
        self.home = InMemoryCluster()
        self.north = InMemoryCluster(writes=self.home.writes)
        self.remotes = PlayedRemotes({"north-cluster": self.north})
        self.clock = HandClock()
        self.rollout: Object | None = None
        self.restart()

    def restart(self) -> None:
        """Another operator process, which remembers nothing."""
        self.metrics = Metrics()
        self.noticed: list[Key] = []
        self.measuring = Measuring(PlayedMetrics(), self.clock, self.noticed.append)
        self.reconciler = Reconciler(
            self.home,
            self.clock,
            TARGET,
            self.metrics,
            self.measuring,
            remotes=self.remotes,
            home="br",
            installation=lambda: "uid-of-the-lease",
            cleanup=CLEANUP,
        )

    def crash_at(self, write: int | None, *, late: bool = False) -> None:
        """The operator is killed at this write, wherever it goes."""
        for cluster in (self.home, self.north):
            cluster.crash_at, cluster.crash_late = write, late

    def ask(self, letter: str, *regions: Object, **fields: object) -> None:
        """Apply the WeldModel for this bundle in these regions; in none where none are given."""
        spec = {**spec_of(letter), "regions": copy.deepcopy(list(regions)), **fields}
        if self.rollout is not None:
            spec["rollout"] = self.rollout
        body = self.home.objects.get((WELD_MODEL, *KEY))
        body = weld_model(spec) if body is None else copy.deepcopy(body)
        body["spec"] = spec
        self.home.put(WELD_MODEL, body)

    def act(self, verb: Verb, letter: str) -> None:
        """What somebody tells the rollouts of this bundle."""
        self.home.put(WELD_MODEL, acted(self.body, verb, letter * 64))

    def delete(self) -> None:
        """Somebody deletes the WeldModel; a finalizer keeps it for now."""
        body = copy.deepcopy(self.home.objects[WELD_MODEL, *KEY])
        if not body["metadata"].get("finalizers"):
            self.home.remove(WELD_MODEL, *KEY)
            return
        body["metadata"]["deletionTimestamp"] = self.clock.now().isoformat()
        self.home.put(WELD_MODEL, body)

    def follow(self, *, lost: Collection[str] = ()) -> None:
        """KServe runs every revision with the replicas that it has at the least, but for those in `lost`."""
        for cluster in (self.home, self.north):
            self._collect_garbage(cluster)
            for name in list(self.names(INFERENCE_SERVICE, cluster)):
                _serve(cluster, name, is_up=not any(f"-{region}-" in name for region in lost))

    def _collect_garbage(self, cluster: InMemoryCluster) -> None:
        """All whose owners are gone, and then what belonged to that."""
        while True:
            there = {body["metadata"]["uid"] for body in cluster.objects.values()}
            owners = {place: body["metadata"].get("ownerReferences", []) for place, body in cluster.objects.items()}
            gone = [place for place, named in owners.items() if named and all(one["uid"] not in there for one in named)]
            if not gone:
                return
            for place in gone:
                del cluster.objects[place]

    async def settle(self, rounds: int = 10) -> timedelta | None:
        """Reconcile until nothing is written any more; gives when to look again."""
        for _ in range(rounds):
            before = len(self.home.writes)
            self.noticed.clear()
            look_after = await self.reconciler.reconcile(KEY)
            await self.measuring.until_answered()
            await asyncio.sleep(0)
            if len(self.home.writes) == before and not self.noticed:
                return look_after
        raise AssertionError(f"still writing after {rounds} rounds: {self.home.writes[-6:]}")

    async def live(self, seconds: int, step: int = 5, *, lost: Collection[str] = ()) -> None:
        """Time passes, and KServe and the operator do their part."""
        for _ in range(0, seconds, step):
            self.follow(lost=lost)
            await self.settle()
            self.clock.advance(step)

    async def until_a_serves(self, *regions: Object) -> None:
        """Bundle `a` serves in both regions, or in these."""
        self.ask("a", *(regions or BOTH))
        await self.settle()
        self.follow()
        await self.settle()

    def names(self, kind: Kind, cluster: InMemoryCluster) -> Iterator[str]:
        yield from sorted(name for each, _, name in cluster.objects if each == kind)

    @property
    def body(self) -> Object:
        return self.home.objects[WELD_MODEL, *KEY]

    @property
    def status(self) -> Object:
        status: Object = self.body["status"]
        return status

    def region(self, name: str) -> Object:
        return next(each for each in self.status["regions"] if each["name"] == name)

    def condition(self, kind: str) -> Object:
        return next(each for each in self.status["conditions"] if each["type"] == kind)

    def weights(self, route: str = "north-line") -> dict[str, int]:
        """Of a route's first rule, by Service."""
        rule = self.home.objects[HTTP_ROUTE, "plant-a", route]["spec"]["rules"][0]
        return {each["name"]: each["weight"] for each in rule["backendRefs"]}

    def told(self) -> list[str]:
        """The reasons of all Events."""
        return [body["reason"] for (kind, _, _), body in self.home.objects.items() if kind == EVENT]


def _serve(cluster: InMemoryCluster, name: str, *, is_up: bool) -> None:
    """KServe's part: the InferenceService's status, the Deployment and its Pods."""
    service = copy.deepcopy(cluster.objects[INFERENCE_SERVICE, "plant-a", name])
    desired = service["spec"]["predictor"]["minReplicas"]
    available = desired if is_up else 0
    service["status"] = {
        "observedGeneration": service["metadata"]["generation"],
        "conditions": [{"type": "Ready", "status": "True" if is_up else "False"}],
    }
    cluster.put(INFERENCE_SERVICE, service)
    place = (DEPLOYMENT, "plant-a", f"{name}-predictor")
    owners = [{"kind": "InferenceService", "name": name, "uid": service["metadata"]["uid"]}]
    made: Object = {
        "metadata": {
            "name": place[2],
            "namespace": "plant-a",
            "labels": service["metadata"]["labels"],
            "ownerReferences": owners,
        },
        "spec": {"replicas": desired},
    }
    generation = cluster.put(DEPLOYMENT, made)["metadata"]["generation"]
    counted = dict.fromkeys(("replicas", "updatedReplicas"), desired)
    ready = dict.fromkeys(("readyReplicas", "availableReplicas"), available)
    cluster.objects[place]["status"] = {"observedGeneration": generation, **counted, **ready}
    for number in range(desired):
        state = {"type": "Ready", "status": "True" if number < available else "False"}
        about = {
            "name": f"{name}-{number}",
            "namespace": "plant-a",
            "labels": pod_labels(name),
            "ownerReferences": owners,
        }
        cluster.put(POD, {"metadata": about, "status": {"conditions": [state], "podIP": f"10.0.0.{number}"}})


def moment(seconds: float) -> str:
    """A time after the beginning, as a status tells it."""
    return f"{NOW + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
