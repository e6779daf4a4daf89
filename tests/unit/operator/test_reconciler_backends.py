"""Whole trials through each traffic backend: the reconciler, and KServe as the sandbox's stand-in plays it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.unit.operator.cluster_objects import revision_of
from tests.unit.operator.plant import KEY, Plant
from tests.unit.operator.played_kserve import KServeCluster, PlayedKServe
from tests.unit.operator.rollouts import ROLLOUT
from weld_operator.desired.traffic.choice import backend_of
from weld_operator.domain.subject import subject_of
from weld_operator.kinds import INFERENCE_SERVICE, POD, WELD_MODEL, Object

SERVING: Mapping[str, Object] = {"Gateway": {}, "Knative": {"mode": "Knative"}, "Native": {"traffic": "Native"}}


class BackendPlant(Plant):
    """A plant whose KServe does all that KServe does."""

    def __init__(self, backend: str, *, divides: bool = True) -> None:
        super().__init__()
        self.cluster = KServeCluster()
        self.restart()
        self.serving = SERVING[backend]
        self.rollout = ROLLOUT
        self.kserve = PlayedKServe(self.cluster, knative=True, divides=divides)

    def ask(self, letter: str, **serving: object) -> None:
        super().ask(letter, **{**self.serving, **serving})

    def follow(self) -> None:
        self.kserve.follow()

    def shown(self) -> dict[str, int]:
        """Requests of a hundred, by the letter of the bundle."""
        subject = subject_of(self.body(WELD_MODEL, "north-line"))
        backend = backend_of(subject.spec)
        found = {
            kind: {name: body for (each, _, name), body in self.cluster.objects.items() if each == kind}
            for kind in backend.reads
        }
        weights = backend.read(subject, found).weights
        return {name[-1]: weight for name, weight in (weights or {}).items()}

    def pods(self, letter: str) -> dict[str, str]:
        """The Pods of a bundle, and what each was made of."""
        digits = letter * 8
        pods = (body for (kind, _, _), body in self.cluster.objects.items() if kind == POD)
        return {
            body["metadata"]["name"]: body["spec"]["nodeName"]
            for body in pods
            if body["metadata"]["labels"].get("weldserve.io/revision") == digits
        }


@pytest.fixture(params=SERVING)
async def plant(request: pytest.FixtureRequest) -> BackendPlant:
    """Bundle `a` serves."""
    made = BackendPlant(str(request.param))
    made.ask("a")
    await made.live(20)
    assert made.shown() == {"a": 100}
    return made


def _stable(plant: Plant) -> str:
    return str(plant.status["stable"]["digest"][0])


async def test_a_candidate_goes_through_every_step_and_is_promoted_without_other_pods(plant: BackendPlant) -> None:
    plant.ask("b")
    seen: list[tuple[str, dict[str, int]]] = []
    tried: dict[str, str] = {}
    for _ in range(200):
        await plant.live(5)
        here = (plant.trial_phase, plant.shown())
        if here not in seen:
            seen.append(here)
        if plant.shown() == {"b": 100}:
            break
        tried = plant.pods("b")
    shares = [each for _, each in seen]
    assert all(sum(each.values()) == 100 for each in shares)
    for share in ({"a": 100}, {"a": 90, "b": 10}, {"a": 50, "b": 50}, {"b": 100}):
        assert share in shares
    assert _stable(plant) == "b"
    await plant.live(120)
    assert plant.shown() == {"b": 100}
    assert tried
    assert tried.items() <= plant.pods("b").items(), "a Pod was made anew"
    assert not plant.pods("a")


async def test_a_bad_candidate_is_rolled_back_and_never_heard_of_again(plant: BackendPlant) -> None:
    plant.ask("b")
    await plant.live_until("Canary 1")
    await plant.live(20)
    plant.source.failing = 50
    await plant.live_until("RolledBack")
    for _ in range(30):
        assert plant.shown() == {"a": 100}
        await plant.live(5)
    assert not plant.pods("b")
    assert _stable(plant) == "a"
    plant.source.failing = 0
    plant.ask("c")
    await plant.live_until("Canary 2")
    await plant.live(20)
    assert plant.shown() == {"a": 50, "c": 50}


async def test_nothing_is_written_at_rest(plant: BackendPlant) -> None:
    await plant.live(200)
    before = list(plant.cluster.writes)
    await plant.live(60)
    assert plant.cluster.writes == before


async def test_a_lost_status_is_found_again_in_what_is_there(plant: BackendPlant) -> None:
    body = plant.body(WELD_MODEL, "north-line")
    plant.cluster.put(WELD_MODEL, {key: value for key, value in body.items() if key != "status"})
    plant.restart()
    pods = plant.pods("a")
    await plant.live(60)
    assert _stable(plant) == "a"
    assert plant.shown() == {"a": 100}
    assert plant.pods("a") == pods


async def test_a_deleted_inference_service_is_made_again(plant: BackendPlant) -> None:
    plant.ask("b")
    await plant.live_until("Canary 1")
    for name in plant.names(INFERENCE_SERVICE):
        plant.cluster.remove(INFERENCE_SERVICE, KEY.namespace, name)
    await plant.live_until("Canary 2")
    await plant.live(20)
    assert plant.shown() == {"a": 50, "b": 50}


async def test_where_kserve_divides_nothing_no_candidate_is_promoted() -> None:
    plant = BackendPlant("Native", divides=False)
    plant.ask("a")
    await plant.live(20)
    plant.ask("b")
    await plant.live_until("Canary 1")
    await plant.live(30)
    progress = plant.condition("Progressing")
    assert (progress["status"], progress["reason"]) == ("False", "TrafficNotDivided")
    for _ in range(200):
        await plant.live(5)
        assert _stable(plant) == "a"
        if plant.trial_phase == "RolledBack":
            break
    assert plant.trial_phase == "RolledBack"
    await plant.live(90)
    assert revision_of("b") not in [each["name"] for each in plant.status["revisions"]]
