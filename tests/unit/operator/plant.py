"""What a reconciliation is tested in: a cluster in memory, with KServe played as far as the operator sees of it."""

from __future__ import annotations

import copy

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.cluster_objects import TARGET, deployment, revision_of, spec_of, weld_model
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_operator.domain.observation import Obstacle
from weld_operator.kinds import DEPLOYMENT, EVENT, HTTP_ROUTE, INFERENCE_SERVICE, WELD_MODEL, Key, Kind, Object
from weld_operator.metrics import Metrics
from weld_operator.reconciler import Reconciler

KEY = Key("plant-a", "north-line")


class Plant:
    """An operator, a cluster with one WeldModel, and KServe as far as the operator sees of it."""

    def __init__(self) -> None:
        self.cluster = InMemoryCluster()
        self.clock = HandClock()
        self.shortcomings: tuple[Obstacle, ...] | None = None
        self.restart()

    def restart(self) -> None:
        """Another operator process, which remembers nothing."""
        self.reconciler = Reconciler(self.cluster, self.clock, TARGET, Metrics(), lambda: self.shortcomings)

    def ask(self, letter: str, **serving: object) -> None:
        """Apply the WeldModel for this bundle."""
        body = self.cluster.objects.get((WELD_MODEL, *KEY))
        body = weld_model(spec_of(letter, **serving)) if body is None else copy.deepcopy(body)
        body["spec"] = spec_of(letter, **serving)
        self.cluster.put(WELD_MODEL, body)

    def serve(self, letter: str, available: int = 2) -> None:
        """KServe's part: the InferenceService's status and the Deployment, with so many replicas of 2."""
        service = copy.deepcopy(self.cluster.objects[INFERENCE_SERVICE, "plant-a", revision_of(letter)])
        service["status"] = {
            "observedGeneration": service["metadata"]["generation"],
            "conditions": [{"type": "Ready", "status": "True" if available >= 2 else "False"}],
        }
        self.cluster.put(INFERENCE_SERVICE, service)
        body = deployment(letter, available=available, desired=2)
        body["metadata"]["labels"] = service["metadata"]["labels"]
        body["metadata"].pop("generation")
        self.cluster.put(DEPLOYMENT, body)
        made = self.cluster.objects[DEPLOYMENT, "plant-a", f"{revision_of(letter)}-predictor"]
        made["status"]["observedGeneration"] = made["metadata"]["generation"]

    async def settle(self, rounds: int = 4) -> None:
        """Reconcile until nothing is written any more."""
        for _ in range(rounds):
            before = len(self.cluster.writes)
            await self.reconciler.reconcile(KEY)
            if len(self.cluster.writes) == before:
                return
        raise AssertionError(f"still writing after {rounds} rounds: {self.cluster.writes[-5:]}")

    def names(self, kind: Kind) -> list[str]:
        return sorted(name for each, _, name in self.cluster.objects if each == kind)

    def body(self, kind: Kind, name: str) -> Object:
        return self.cluster.objects[kind, "plant-a", name]

    @property
    def status(self) -> Object:
        status: Object = self.body(WELD_MODEL, "north-line")["status"]
        return status

    def condition(self, kind: str) -> Object:
        return next(entry for entry in self.status["conditions"] if entry["type"] == kind)

    def routed(self) -> list[str]:
        rules = self.body(HTTP_ROUTE, "north-line")["spec"]["rules"]
        return [backend["name"] for rule in rules for backend in rule["backendRefs"]]

    def told(self) -> list[str]:
        """The reasons of all Events."""
        return [body["reason"] for (kind, _, _), body in self.cluster.objects.items() if kind == EVENT]

    async def until_a_serves(self) -> None:
        """Bundle `a` serves, and nothing is on its way."""
        self.ask("a")
        await self.settle()
        self.serve("a")
        await self.settle()
