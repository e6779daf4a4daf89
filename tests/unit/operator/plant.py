"""What a reconciliation is tested in: a cluster in memory, with KServe played as far as the operator sees of it."""

from __future__ import annotations

import asyncio
import copy

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.cluster_objects import TARGET, acted, deployment, digest, pod, revision_of, spec_of, weld_model
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from tests.unit.operator.played_metrics import PlayedMetrics
from weld_api.action import Verb
from weld_operator.desired.metadata import pod_labels
from weld_operator.domain.observation import Obstacle
from weld_operator.kinds import DEPLOYMENT, EVENT, HTTP_ROUTE, INFERENCE_SERVICE, POD, WELD_MODEL, Key, Kind, Object
from weld_operator.measuring import Measuring
from weld_operator.metrics import Metrics
from weld_operator.reconciler import Reconciler

KEY = Key("plant-a", "north-line")


class Plant:
    """An operator, a cluster with one WeldModel, and KServe as far as the operator sees of it."""

    def __init__(self) -> None:
        self.cluster = InMemoryCluster()
        self.clock = HandClock()
        self.source = PlayedMetrics()
        self.rollout: Object | None = None
        self.shortcomings: tuple[Obstacle, ...] | None = None
        self.restart()

    def restart(self) -> None:
        """Another operator process, which remembers nothing."""
        self.metrics = Metrics()
        self.noticed: list[Key] = []
        self.measuring = Measuring(self.source, self.clock, self.noticed.append)
        self.reconciler = Reconciler(
            self.cluster, self.clock, TARGET, self.metrics, self.measuring, lambda _: self.shortcomings
        )

    def ask(self, letter: str, **serving: object) -> None:
        """Apply the WeldModel for this bundle."""
        body = self.cluster.objects.get((WELD_MODEL, *KEY))
        spec = spec_of(letter, **serving)
        if self.rollout is not None:
            spec["rollout"] = self.rollout
        body = weld_model(spec) if body is None else copy.deepcopy(body)
        body["spec"] = spec
        self.cluster.put(WELD_MODEL, body)

    def act(self, verb: Verb, letter: str, number: int = 1) -> None:
        """What somebody tells the rollout of this bundle."""
        self.cluster.put(WELD_MODEL, acted(self.body(WELD_MODEL, "north-line"), verb, digest(letter), number))

    def serve(self, letter: str, available: int = 2, desired: int = 2) -> None:
        """KServe's part: the InferenceService's status, the Deployment and its Pods; so many of them are available."""
        service = copy.deepcopy(self.cluster.objects[INFERENCE_SERVICE, "plant-a", revision_of(letter)])
        service["status"] = {
            "observedGeneration": service["metadata"]["generation"],
            "conditions": [{"type": "Ready", "status": "True" if available >= desired else "False"}],
        }
        self.cluster.put(INFERENCE_SERVICE, service)
        body = deployment(letter, available=available, desired=desired)
        body["metadata"]["labels"] = service["metadata"]["labels"]
        body["metadata"].pop("generation")
        self.cluster.put(DEPLOYMENT, body)
        made = self.cluster.objects[DEPLOYMENT, "plant-a", f"{revision_of(letter)}-predictor"]
        made["status"]["observedGeneration"] = made["metadata"]["generation"]

        for number in range(desired):
            self._run(letter, number, is_ready=number < available)

    def _run(self, letter: str, number: int, *, is_ready: bool) -> None:
        labels = pod_labels(revision_of(letter))
        body = pod(f"{revision_of(letter)}-{number}", ready=is_ready, podIP=f"10.0.{int(letter, 16)}.{number}")
        body["metadata"]["labels"] = labels
        self.cluster.put(POD, body)

    def follow(self) -> None:
        """KServe brings every InferenceService to the replicas that it has at the least."""
        for name in self.names(INFERENCE_SERVICE):
            least = self.body(INFERENCE_SERVICE, name)["spec"]["predictor"]["minReplicas"]
            self.serve(name[-1], available=least, desired=least)

    async def live(self, seconds: int, step: int = 5) -> None:
        """Time passes, and KServe and the operator do their part."""
        for _ in range(0, seconds, step):
            self.follow()
            await self.settle()
            self.clock.advance(step)

    async def live_until(self, phase: str, seconds: int = 1200) -> None:
        """Until the trial is in this phase, such as `Canary 2`."""
        for _ in range(0, seconds, 5):
            if phase == self.trial_phase:
                return
            await self.live(5)
        raise AssertionError(f"{phase} was not reached within {seconds} s; it is {self.trial_phase}")

    @property
    def trial_phase(self) -> str:
        """`Shadow`, `Canary 1`, ...; empty before the first trial."""
        trial = self.status.get("rollout")
        if trial is None:
            return ""
        return f"Canary {trial['step']}" if trial["phase"] == "Canary" else str(trial["phase"])

    async def settle(self, rounds: int = 8) -> None:
        """Reconcile until nothing is written or measured any more."""
        for _ in range(rounds):
            before = len(self.cluster.writes)
            self.noticed.clear()
            await self.reconciler.reconcile(KEY)
            await self.measuring.until_answered()
            await asyncio.sleep(0)
            if len(self.cluster.writes) == before and not self.noticed:
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
        return list(self.weights())

    def weights(self) -> dict[str, int]:
        """Requests of a hundred by Service, of those that ask for no revision by a header."""
        rules = self.body(HTTP_ROUTE, "north-line")["spec"]["rules"]
        plain = next(rule for rule in rules if "headers" not in rule["matches"][0])
        return {backend["name"]: backend["weight"] for backend in plain["backendRefs"]}

    def told(self) -> list[str]:
        """The reasons of all Events."""
        return [body["reason"] for (kind, _, _), body in self.cluster.objects.items() if kind == EVENT]

    async def until_a_serves(self) -> None:
        """Bundle `a` serves, and nothing is on its way."""
        self.ask("a")
        await self.settle()
        self.serve("a")
        await self.settle()
