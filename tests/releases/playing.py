"""The operator in a cluster in memory, with KServe played as far as the operator sees of it.

Times and uids are always the same, so that a recording is the same whenever it is made.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable, Mapping

from tests.releases.fleet import NAMESPACE, Sample
from tests.unit.operator.clocks import HandClock
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from tests.unit.operator.played_metrics import PlayedMetrics
from weld_api import names
from weld_api.spec import WeldModelSpec
from weld_operator.desired.target import Target
from weld_operator.kinds import DEPLOYMENT, EVENT, INFERENCE_SERVICE, OWNED_KINDS, WELD_MODEL, Key, Kind, Object
from weld_operator.measuring import Measuring
from weld_operator.metrics import Metrics
from weld_operator.reconciler import Reconciler

ROUNDS = 8


class Play:
    """One WeldModel's operator and cluster."""

    def __init__(self, name: str, target: Target) -> None:
        self.key = Key(NAMESPACE, name)
        self.cluster = InMemoryCluster()
        self._clock = HandClock()
        self._reconciler = Reconciler(
            self.cluster, self._clock, target, Metrics(), _measuring(self._clock), lambda _: ()
        )

    def ask(self, spec: Object) -> None:
        """What a user applies, with the defaults that the API server writes into it."""
        place = (WELD_MODEL, *self.key)
        body = copy.deepcopy(self.cluster.objects.get(place)) or _weld_model(self.key.name)
        body["spec"] = stored(spec)
        self.cluster.put(WELD_MODEL, body)

    async def settle(self) -> None:
        """Reconcile until nothing is written any more, but leave time where it is."""
        for _ in range(ROUNDS):
            before = len(self.cluster.writes)
            await self._reconciler.reconcile(self.key)
            if len(self.cluster.writes) == before:
                return
        raise AssertionError(f"still writing after {ROUNDS} rounds: {self.cluster.writes[-5:]}")

    def serve(self, ready: Mapping[str, int]) -> None:
        """KServe's part for revisions, by name: the status of the InferenceService, and the Deployment's replicas."""
        for name, replicas in ready.items():
            service = copy.deepcopy(self.cluster.objects[INFERENCE_SERVICE, NAMESPACE, name])
            wanted = max(replicas, service["spec"]["predictor"]["minReplicas"])
            condition = {"type": "Ready", "status": "True" if replicas >= wanted else "False"}
            generation = service["metadata"]["generation"]
            service["status"] = {"observedGeneration": generation, "conditions": [condition]}
            self.cluster.put(INFERENCE_SERVICE, service)
            self._deploy(service, replicas, wanted)

    def _deploy(self, service: Object, ready: int, wanted: int) -> None:
        name = names.predictor_name(service["metadata"]["name"])
        about = {"name": name, "namespace": NAMESPACE, "labels": service["metadata"]["labels"]}
        body: Object = {"metadata": about, "spec": {"replicas": wanted}}
        self.cluster.put(DEPLOYMENT, body)
        made = self.cluster.objects[DEPLOYMENT, NAMESPACE, name]
        made["status"] = {
            "observedGeneration": made["metadata"]["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }

    async def give(self, weld_model: Object, objects: Iterable[Object]) -> None:
        """What another release of the operator left in the cluster, written as it wrote it."""
        self.cluster.put(WELD_MODEL, {key: value for key, value in weld_model.items() if key != "status"})
        about = self.cluster.objects[WELD_MODEL, *self.key]["metadata"]
        about["generation"] = weld_model["status"]["observedGeneration"]
        status = {**weld_model, "metadata": {**about}}
        await self.cluster.apply_status(WELD_MODEL, {key: value for key, value in status.items() if key != "spec"})
        for body in objects:
            await self.cluster.apply(kind_of(body), body)

    def told(self) -> list[str]:
        """The reasons of all Events."""
        return [body["reason"] for (kind, _, _), body in self.cluster.objects.items() if kind == EVENT]

    def weld_model(self) -> Object:
        """The WeldModel with its status."""
        return _without_the_server_s(self.cluster.objects[WELD_MODEL, *self.key])

    def objects(self) -> list[Object]:
        """All that the operator has made, without what KServe and the API server add."""
        found = sorted((OWNED_KINDS.index(kind), name) for kind, _, name in self.cluster.objects if kind in OWNED_KINDS)
        bodies = [self.cluster.objects[OWNED_KINDS[rank], NAMESPACE, name] for rank, name in found]
        return [
            {key: value for key, value in _without_the_server_s(body).items() if key != "status"} for body in bodies
        ]


def _measuring(clock: HandClock) -> Measuring:
    return Measuring(PlayedMetrics(), clock, lambda _: None)


async def played(sample: Sample) -> Play:
    """The sample after its last step."""
    play = Play(sample.name, sample.target)
    for step in sample.steps:
        play.ask(step.spec)
        await play.settle()
        if step.ready:
            name = names.revision_name(sample.name, step.spec["model"]["sha256"])
            play.serve({name: step.ready})
            await play.settle()
    return play


def stored(spec: Object) -> Object:
    """A spec as the API server keeps it: every default of the definition is written out."""
    return WeldModelSpec.model_validate(spec).model_dump(mode="json", exclude_none=True)


def kind_of(body: Object) -> Kind:
    """The kind of an object that the operator makes."""
    return next(kind for kind in OWNED_KINDS if (kind.api_version, kind.name) == (body["apiVersion"], body["kind"]))


def _weld_model(name: str) -> Object:
    uid = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{NAMESPACE}.weldserve.io"))
    about = {"name": name, "namespace": NAMESPACE, "uid": uid}
    return {"apiVersion": WELD_MODEL.api_version, "kind": WELD_MODEL.name, "metadata": about}


def _without_the_server_s(body: Object) -> Object:
    body = copy.deepcopy(body)
    for field in ("resourceVersion", "creationTimestamp", "generation"):
        body["metadata"].pop(field)
    if body["kind"] != WELD_MODEL.name:
        body["metadata"].pop("uid")
    return body
