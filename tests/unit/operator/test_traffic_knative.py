"""Knative mode: whose template the one InferenceService has, with which percentage, and what it shows of revisions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.unit.operator.cluster_objects import TARGET, UID, digest, revision_of, spec_of, subject
from weld_api import names
from weld_api.spec import WeldModelSpec
from weld_operator.desired.traffic.backend import Found, TrafficPlan
from weld_operator.desired.traffic.choice import backend_of
from weld_operator.desired.traffic.knative import KnativeBackend
from weld_operator.domain.decision import DesiredRevision
from weld_operator.kinds import DEPLOYMENT, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, Object

OWNER = subject("a", mode="Knative")
BACKEND = KnativeBackend()
KNATIVE_NAME = "north-line-predictor-{:05d}"


def _revision(letter: str, replicas: int = 2) -> DesiredRevision:
    spec = WeldModelSpec.model_validate(spec_of(letter, mode="Knative"))
    return DesiredRevision(revision_of(letter), digest(letter), spec, replicas)


@dataclass(frozen=True)
class Cluster:
    """What is there: the bundles of Knative's revisions in their order, and what KServe says of them by number.

    `traffic` are percentages by number; `template` is the bundle that the InferenceService's spec names.
    """

    bundles: str
    template: str
    ready: int = 0
    rolled_out: int = 0
    previous: int = 0
    traffic: dict[int, int] = field(default_factory=dict)
    replicas: int = 2

    def found(self) -> Found:
        deployments = [self._deployment(number) for number in range(1, len(self.bundles) + 1)]
        return {
            INFERENCE_SERVICE: {"north-line": self._service()},
            DEPLOYMENT: {body["metadata"]["name"]: body for body in deployments},
        }

    def _service(self) -> Object:
        numbers = {
            "latestCreatedRevision": len(self.bundles),
            "latestReadyRevision": self.ready,
            "latestRolledoutRevision": self.rolled_out,
            "previousRolledoutRevision": self.previous,
        }
        component: Object = {key: KNATIVE_NAME.format(number) for key, number in numbers.items() if number}
        component["traffic"] = [
            {"revisionName": KNATIVE_NAME.format(number), "percent": percent, "latestRevision": number == self.ready}
            for number, percent in self.traffic.items()
        ]
        return {
            "metadata": {
                "name": "north-line",
                "namespace": "plant-a",
                "uid": "uid-of-the-service",
                "generation": 7,
                "creationTimestamp": "2026-11-23T11:00:00Z",
                "annotations": {**_about(self.template), "weldserve.io/least-replicas": "2"},
                "ownerReferences": [{"uid": UID}],
            },
            "spec": {"predictor": {"minReplicas": self.replicas}},
            "status": {"components": {"predictor": component}, "url": "http://north-line-plant-a.example.com"},
        }

    def _deployment(self, number: int) -> Object:
        name = KNATIVE_NAME.format(number)
        is_used = number in self.traffic or number == len(self.bundles)
        replicas = 2 if is_used else 0
        status = {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": replicas,
            "availableReplicas": replicas if number <= self.ready else 0,
        }
        return {
            "metadata": {
                "name": f"{name}-deployment",
                "namespace": "plant-a",
                "generation": 1,
                "labels": {"serving.knative.dev/revision": name},
                "annotations": _about(self.bundles[number - 1]),
            },
            "spec": {"replicas": replicas},
            "status": status,
        }


def _about(letter: str) -> dict[str, str]:
    return {names.DIGEST_ANNOTATION: digest(letter), names.VERSION_ANNOTATION: f"{int(letter, 16)}.0.0"}


def _service_of(plan: TrafficPlan, found: Found) -> Object:
    return dict(BACKEND.objects(OWNER, plan, found, TARGET))[INFERENCE_SERVICE]


A, B, C = (_revision(letter) for letter in "abc")
NEVER_ROLLED_OUT = Cluster("a", "a")
A_SERVES = Cluster("a", "a", ready=1, rolled_out=1, traffic={1: 100})
B_IS_TRIED = Cluster("ab", "b", ready=2, rolled_out=1, traffic={1: 95, 2: 5})
B_IS_ROLLED_BACK = Cluster("ab", "b", ready=2, rolled_out=1, traffic={1: 100})
A_IS_PUT_BACK = Cluster("aba", "a", ready=2, rolled_out=1, traffic={1: 100})
A_IS_BACK = Cluster("aba", "a", ready=3, rolled_out=1, traffic={1: 100})

TEMPLATES: dict[str, tuple[TrafficPlan, Found, str, int | None]] = {
    "the first version": (TrafficPlan(None, A), {}, "a", None),
    "the first version, on its way": (TrafficPlan(None, A), NEVER_ROLLED_OUT.found(), "a", None),
    "it answers": (TrafficPlan(A, None), A_SERVES.found(), "a", None),
    "a candidate begins": (TrafficPlan(A, B), A_SERVES.found(), "b", 0),
    "a step": (TrafficPlan(A, B, 25), B_IS_TRIED.found(), "b", 25),
    "a promotion": (TrafficPlan(B, None, retiring=(A,)), B_IS_TRIED.found(), "b", None),
    "a rollback": (TrafficPlan(A, B, 0), B_IS_TRIED.found(), "b", 0),
    "after a rollback `latest` is the bad one": (TrafficPlan(A, None), B_IS_ROLLED_BACK.found(), "a", 0),
    "and stays so until the other Pods are ready": (TrafficPlan(A, None), A_IS_PUT_BACK.found(), "a", 0),
    "then the field goes": (TrafficPlan(A, None), A_IS_BACK.found(), "a", None),
    "a third version straight after a rollback": (TrafficPlan(A, C), B_IS_ROLLED_BACK.found(), "c", 0),
    "a third version before the stable one is back": (TrafficPlan(A, C), A_IS_PUT_BACK.found(), "c", 0),
    "a candidate that has everything": (TrafficPlan(A, B, 100), B_IS_TRIED.found(), "b", 100),
    "and gives it back": (
        TrafficPlan(A, B, 5),
        Cluster("ab", "b", ready=2, rolled_out=2, previous=1, traffic={2: 100}).found(),
        "b",
        5,
    ),
    "all was deleted: first what answers": (TrafficPlan(A, B, 25), {}, "a", None),
    "KServe would fall back on another bundle": (
        TrafficPlan(A, B, 25),
        Cluster("ca", "a", ready=1, rolled_out=1, traffic={1: 100}).found(),
        "a",
        0,
    ),
}


@pytest.mark.parametrize(("plan", "found", "letter", "percent"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_the_template_and_its_percentage_follow_the_plan(
    plan: TrafficPlan, found: Found, letter: str, percent: int | None
) -> None:
    body = _service_of(plan, found)
    assert body["metadata"]["annotations"][names.DIGEST_ANNOTATION] == digest(letter)
    assert body["spec"]["predictor"].get("canaryTrafficPercent") == percent
    assert ("canaryTrafficPercent" in body["spec"]["predictor"]) == (percent is not None)


def test_the_inference_service_is_named_as_its_weld_model_and_scaled_by_cpu() -> None:
    body = _service_of(TrafficPlan(A, None), {})
    assert body["metadata"]["name"] == "north-line"
    annotations = body["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Knative"
    assert annotations["autoscaling.knative.dev/class"] == "hpa.autoscaling.knative.dev"
    assert "terminationGracePeriodSeconds" not in body["spec"]["predictor"], "Knative refuses it"
    assert "networking.kserve.io/visibility" not in body["metadata"]["labels"], "KServe makes the way in"


def test_replicas_beyond_the_minimum_stay_until_something_else_changes() -> None:
    larger = Cluster("a", "a", ready=1, rolled_out=1, traffic={1: 100}, replicas=4).found()
    assert _service_of(TrafficPlan(A, None), larger)["spec"]["predictor"]["minReplicas"] == 4
    fewer = WeldModelSpec.model_validate(spec_of("a", mode="Knative", scaling={"minReplicas": 1, "maxReplicas": 4}))
    asked = replace(A, spec=fewer, min_replicas=1)
    assert _service_of(TrafficPlan(asked, None), larger)["spec"]["predictor"]["minReplicas"] == 1


def test_each_bundle_is_shown_as_a_revision_of_its_own() -> None:
    seen = BACKEND.read(OWNER, B_IS_TRIED.found())
    assert seen.weights == {revision_of("a"): 95, revision_of("b"): 5}
    assert seen.url == "http://north-line-plant-a.example.com"
    assert seen.route is None
    assert seen.revisions.keys() == {revision_of("a"), revision_of("b")}
    for letter in "ab":
        revision = seen.revisions[revision_of(letter)]
        assert (revision.digest, revision.version) == (digest(letter), f"{int(letter, 16)}.0.0")
        assert revision.is_ready(2)


def test_a_candidate_that_is_not_ready_does_not_make_the_stable_revision_so() -> None:
    seen = BACKEND.read(OWNER, Cluster("ab", "b", ready=1, rolled_out=1, traffic={1: 100}).found())
    assert seen.revisions[revision_of("a")].is_ready(2)
    assert not seen.revisions[revision_of("b")].is_ready(2)
    assert seen.weights == {revision_of("a"): 100}


def test_a_bundle_without_pods_yet_is_shown_as_there() -> None:
    seen = BACKEND.read(OWNER, Cluster("a", "b", ready=1, rolled_out=1, traffic={1: 100}).found())
    assert seen.revisions[revision_of("b")].deployment is None
    assert not seen.revisions[revision_of("b")].is_ready(1)


def test_a_changed_template_of_the_same_bundle_counts_once_it_is_served() -> None:
    changing = BACKEND.read(OWNER, Cluster("aa", "a", ready=1, rolled_out=1, traffic={1: 100}).found())
    assert not changing.revisions[revision_of("a")].is_updated
    changed = BACKEND.read(OWNER, Cluster("aa", "a", ready=2, rolled_out=2, traffic={2: 100}).found())
    assert changed.revisions[revision_of("a")].is_updated


def test_before_anything_is_there_nothing_is_shown() -> None:
    seen = BACKEND.read(OWNER, {})
    assert (seen.revisions, seen.weights) == ({}, None)
    assert seen.url == "", "the installation's own host leads nowhere"


def test_a_revision_of_which_nobody_knows_the_spec_is_left_as_it_is() -> None:
    unknown = replace(A, spec=None)
    assert BACKEND.objects(OWNER, TrafficPlan(unknown, None), A_SERVES.found(), TARGET) == []
    assert BACKEND.stays(INFERENCE_SERVICE, "north-line", OWNER, frozenset({unknown.name}))
    assert not BACKEND.stays(INFERENCE_SERVICE, "north-line", OWNER, frozenset())


def test_disruption_budgets_know_the_pods_by_labels_of_ours() -> None:
    wanted = BACKEND.objects(OWNER, TrafficPlan(A, B), A_SERVES.found(), TARGET)
    budgets = [body for kind, body in wanted if kind == POD_DISRUPTION_BUDGET]
    assert [body["spec"]["selector"]["matchLabels"] for body in budgets] == [
        {names.MODEL_LABEL: "north-line", names.REVISION_LABEL: letter * 8} for letter in "ab"
    ]


def test_the_mode_chooses_the_backend() -> None:
    assert backend_of(OWNER.spec).name == "Knative"
