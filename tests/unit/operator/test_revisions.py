"""The table in weld_operator.domain.revisions, row by row, and the journeys that it promises."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from tests.unit.operator.cluster_objects import (
    NOW,
    URL,
    deployment,
    desired,
    inference_service,
    remembered,
    revision_of,
    route_to,
    routed,
    seen,
    spec_of,
    subject,
    weighed,
)
from weld_api.status import Revision
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.observation import Observation, RevisionObservation
from weld_operator.domain.revisions import next_course
from weld_operator.domain.subject import Subject

LONG_AGO = NOW - timedelta(minutes=10)
READY = (2, 2)
STARTING = (0, 2)

Replicas = tuple[int, int]
"""Available and desired."""


def _observed(routed: Iterable[str] = (), **revisions: Replicas) -> Observation:
    """What is seen: each letter's replicas, and the letters that the route sends requests to."""
    letters = list(routed)
    return Observation(
        revisions={
            revision_of(letter): seen(letter, available=available, desired=desired)
            for letter, (available, desired) in revisions.items()
        },
        route=route_to(*letters) if letters else None,
        weights=weighed(**dict.fromkeys(letters, 100)) if letters else None,
    )


def _phases(revisions: Iterable[Revision]) -> dict[str, str]:
    return {revision.digest[0]: revision.phase for revision in revisions}


def _next(about: Subject, observation: Observation) -> tuple[Revision, ...]:
    return next_course(about, observation, NOW).revisions


def _decide(about: Subject, observation: Observation, now: datetime = NOW) -> Decision:
    return decide(about, observation, URL, now)


ROWS: dict[str, tuple[Subject, Observation, dict[str, str]]] = {
    "unknown, nothing there": (subject("a"), _observed(), {"a": "Pending"}),
    "unknown, beside a stable one": (
        subject("b", remembered("a", "Stable")),
        _observed("a", a=READY),
        {"a": "Stable", "b": "Pending"},
    ),
    "pending, not ready": (
        subject("b", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", a=READY, b=STARTING),
        {"a": "Stable", "b": "Pending"},
    ),
    "pending, ready": (
        subject("b", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", a=READY, b=READY),
        {"a": "Retiring", "b": "Stable"},
    ),
    "pending, half ready beside one that answers": (
        subject("b", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", a=READY, b=(1, 2)),
        {"a": "Stable", "b": "Pending"},
    ),
    "pending, half ready beside one that does not answer": (
        subject("b", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", a=STARTING, b=(1, 2)),
        {"a": "Retiring", "b": "Stable"},
    ),
    "pending, half ready and the first": (
        subject("a", remembered("a", "Pending")),
        _observed(a=(1, 2)),
        {"a": "Stable"},
    ),
    "stable": (subject("a", remembered("a", "Stable")), _observed("a", a=READY), {"a": "Stable"}),
    "retiring, still ready": (
        subject("a", remembered("a", "Retiring"), remembered("b", "Stable")),
        _observed("b", a=READY, b=READY),
        {"a": "Stable", "b": "Retiring"},
    ),
    "retiring, not ready any more": (
        subject("a", remembered("a", "Retiring"), remembered("b", "Stable")),
        _observed("b", a=STARTING, b=READY),
        {"a": "Pending", "b": "Stable"},
    ),
    "another is pending": (
        subject("c", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", a=READY, b=STARTING),
        {"a": "Stable", "c": "Pending"},
    ),
    "another is pending, ready but not routed to": (
        subject("c", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", a=READY, b=READY),
        {"a": "Stable", "c": "Pending"},
    ),
    "another is pending, but routed to": (
        subject("c", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("b", a=READY, b=READY),
        {"a": "Stable", "b": "Retiring", "c": "Pending"},
    ),
    "retiring for too long": (
        subject("b", remembered("a", "Retiring", LONG_AGO), remembered("b", "Stable")),
        _observed("b", a=READY, b=READY),
        {"b": "Stable"},
    ),
    "retiring for too long, but still routed to": (
        subject("b", remembered("a", "Retiring", LONG_AGO), remembered("b", "Stable")),
        _observed("a", a=READY, b=READY),
        {"a": "Retiring", "b": "Stable"},
    ),
    "too many are retiring": (
        subject(
            "e",
            remembered("a", "Retiring", NOW - timedelta(seconds=30)),
            remembered("b", "Retiring", NOW - timedelta(seconds=20)),
            remembered("c", "Retiring", NOW - timedelta(seconds=10)),
            remembered("e", "Stable"),
        ),
        _observed("e", a=READY, b=READY, c=READY, e=READY),
        {"b": "Retiring", "c": "Retiring", "e": "Stable"},
    ),
    "a retiring one was deleted": (
        subject("b", remembered("a", "Retiring"), remembered("b", "Stable")),
        _observed("b", b=READY),
        {"b": "Stable"},
    ),
    "the stable one was deleted": (
        subject("a", remembered("a", "Stable")),
        _observed("a"),
        {"a": "Stable"},
    ),
    "the stable one was deleted while another is on its way": (
        subject("b", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", b=STARTING),
        {"a": "Stable", "b": "Pending"},
    ),
    "the stable one was deleted and the other is ready first": (
        subject("b", remembered("a", "Stable"), remembered("b", "Pending")),
        _observed("a", b=READY),
        {"b": "Stable"},
    ),
}


@pytest.mark.parametrize(("about", "observation", "expected"), ROWS.values(), ids=ROWS.keys())
def test_each_row_of_the_table_holds(about: Subject, observation: Observation, expected: dict[str, str]) -> None:
    assert _phases(_next(about, observation)) == expected


def test_an_unreadable_spec_leaves_everything_as_it_is() -> None:
    revisions = (remembered("a", "Stable"), remembered("b", "Pending"), remembered("c", "Retiring", LONG_AGO))
    about = subject("a", *revisions)
    unreadable = Subject(**{**vars(about), "spec": None, "fault": "spec.model is required"})
    observation = _observed("a", a=READY, b=READY, c=READY)
    assert _next(unreadable, observation) == revisions
    decision = _decide(unreadable, observation)
    assert routed(decision) == {"a": 100}
    assert decision.kept == {each.name for each in revisions}


def test_a_deleted_stable_revision_is_rebuilt_as_it_was_last_asked_for() -> None:
    kept = remembered("a", "Stable", spec=spec_of("a", scaling={"minReplicas": 3, "maxReplicas": 5}))
    decision = _decide(subject("b", kept, remembered("b", "Pending")), _observed("a", b=STARTING))
    rebuilt = next(each for each in desired(decision) if each.name == revision_of("a"))
    assert rebuilt.spec is not None
    assert rebuilt.spec.model.uri == "pvc://bundles/weld-10.0.0"
    assert rebuilt.min_replicas == 3


def test_a_new_spec_for_the_same_bundle_changes_the_revision_in_place() -> None:
    before = remembered("a", "Stable", LONG_AGO)
    about = subject("a", before, scaling={"minReplicas": 3, "maxReplicas": 6})
    decision = _decide(about, _observed("a", a=READY))
    (kept,) = desired(decision)
    assert (kept.name, kept.min_replicas) == (revision_of("a"), 3)
    (revision,) = decision.status.revisions
    assert (revision.phase, revision.since, revision.asked_at) == ("Stable", LONG_AGO, NOW)


def test_a_revision_of_which_older_pods_are_left_is_not_ready() -> None:
    mixed = RevisionObservation(inference_service("b"), deployment("b", available=2, desired=2, updated=1))
    about = subject("b", remembered("a", "Stable"), remembered("b", "Pending"))
    observation = Observation({revision_of("a"): seen("a"), revision_of("b"): mixed}, route_to("a"), weighed(a=100))
    assert _phases(_next(about, observation)) == {"a": "Stable", "b": "Pending"}


def test_what_kserve_has_not_looked_at_is_not_ready() -> None:
    service = inference_service("b", generation=2)
    service["status"].pop("observedGeneration")
    about = subject("b", remembered("a", "Stable"), remembered("b", "Pending"))
    new = RevisionObservation(service, deployment("b", available=2, desired=2))
    observation = Observation({revision_of("a"): seen("a"), revision_of("b"): new}, route_to("a"), weighed(a=100))
    assert _phases(_next(about, observation)) == {"a": "Stable", "b": "Pending"}


def test_a_candidate_starts_with_as_many_replicas_as_the_stable_revision_has() -> None:
    busy = _observed("a", a=(4, 4))
    decision = _decide(subject("b", remembered("a", "Stable")), busy)
    candidate = next(each for each in desired(decision) if each.name == revision_of("b"))
    assert candidate.min_replicas == 4

    calmer = _observed("a", a=READY, b=READY)
    waiting = _decide(subject("b", *decision.status.revisions), calmer)
    assert _phases(waiting.status.revisions) == {"a": "Stable", "b": "Pending"}, "the floor does not move"
    enough = _observed("a", a=READY, b=(4, 4))
    assert _phases(_decide(subject("b", *waiting.status.revisions), enough).status.revisions) == {
        "a": "Retiring",
        "b": "Stable",
    }


def test_a_floor_never_goes_beyond_the_maximum_that_is_asked_for() -> None:
    busy = _observed("a", a=(9, 9))
    decision = _decide(subject("b", remembered("a", "Stable")), busy)
    candidate = next(each for each in desired(decision) if each.name == revision_of("b"))
    assert candidate.spec is not None
    assert candidate.min_replicas == candidate.spec.serving.scaling.max_replicas == 4


def test_the_floor_ends_when_nothing_is_retiring() -> None:
    about = subject("b", remembered("a", "Retiring", LONG_AGO), remembered("b", "Stable", replica_floor=4))
    decision = _decide(about, _observed("b", a=READY, b=(4, 4)))
    (kept,) = desired(decision)
    assert kept.min_replicas == 2


def test_without_a_status_what_is_routed_to_is_stable() -> None:
    phases = _phases(_next(subject("b"), _observed("a", a=READY, b=STARTING)))
    assert phases == {"a": "Stable", "b": "Pending"}


def test_without_a_status_and_a_route_the_oldest_that_is_ready_is_stable() -> None:
    older, newer = seen("c"), seen("a")
    older.service["metadata"]["creationTimestamp"] = "2026-11-23T10:00:00Z"
    observation = Observation({revision_of("a"): newer, revision_of("c"): older})
    assert _phases(_next(subject("b"), observation)) == {"a": "Retiring", "c": "Stable", "b": "Pending"}


def test_an_adopted_revision_whose_spec_is_unknown_is_left_as_it_is() -> None:
    decision = _decide(subject("b"), _observed("a", a=READY, b=STARTING))
    assert [each.name for each in desired(decision)] == [revision_of("b")]
    assert revision_of("a") in decision.kept


def test_two_bundles_whose_digests_begin_alike_are_not_served_under_one_name() -> None:
    alike = remembered("a", "Stable", digest="a" * 8 + "0" * 56)
    decision = _decide(subject("a", alike), _observed("a", a=READY))
    assert decision.status.revisions[0].digest == alike.digest
    progressing = next(each for each in decision.status.conditions if each.type == "Progressing")
    assert (progressing.status, progressing.reason) == ("False", "InvalidSpec")
    assert "sha256" in progressing.message


class _Journey:
    """Decides again and again, as the cluster follows."""

    def __init__(self) -> None:
        self.revisions: tuple[Revision, ...] = ()
        self.now = NOW
        self.replicas: dict[str, Replicas] = {}
        self.routed: list[str] = []
        self.routes: list[str] = []
        self.removed: list[str] = []

    def ask(self, letter: str, ready: str = "", seconds: float = 1) -> dict[str, str]:
        """One decision for this bundle, while those in `ready` are; gives the phases."""
        self.now += timedelta(seconds=seconds)
        self.replicas = {each: READY if each in ready else STARTING for each in self.replicas}
        decision = _decide(subject(letter, *self.revisions), _observed(self.routed, **self.replicas), self.now)
        kept = {name[-1] for name in decision.kept}
        self.removed += sorted(set(self.replicas) - kept)
        self.replicas = {each: self.replicas.get(each, STARTING) for each in kept}
        self.routed = list(routed(decision))
        self.routes += [each for each in self.routed if each not in self.routes[-1:]]
        self.revisions = decision.status.revisions
        return _phases(self.revisions)


def _serving_a() -> _Journey:
    journey = _Journey()
    journey.ask("a")
    assert journey.ask("a", ready="a") == {"a": "Stable"}
    return journey


def test_a_to_b() -> None:
    journey = _serving_a()
    assert journey.ask("b", ready="a") == {"a": "Stable", "b": "Pending"}
    assert journey.ask("b", ready="ab") == {"a": "Retiring", "b": "Stable"}
    assert journey.ask("b", ready="ab", seconds=59) == {"a": "Retiring", "b": "Stable"}
    assert journey.ask("b", ready="ab", seconds=1) == {"b": "Stable"}
    assert journey.routes == ["a", "b"]


def test_a_to_b_to_c_never_routes_to_b() -> None:
    journey = _serving_a()
    journey.ask("b", ready="a")
    assert journey.ask("c", ready="ab") == {"a": "Stable", "c": "Pending"}
    assert journey.removed == ["b"]
    assert journey.ask("c", ready="ac") == {"a": "Retiring", "c": "Stable"}
    assert journey.routes == ["a", "c"]


def test_a_to_b_and_back_before_b_is_ready_leaves_a_untouched() -> None:
    journey = _serving_a()
    before = journey.revisions
    journey.ask("b", ready="a")
    journey.ask("a", ready="a")
    assert journey.revisions == before
    assert journey.removed == ["b"]
    assert journey.routes == ["a"]


def test_a_to_b_and_back_after_the_switch_makes_no_new_object() -> None:
    journey = _serving_a()
    journey.ask("b", ready="a")
    journey.ask("b", ready="ab")
    assert journey.ask("a", ready="ab") == {"a": "Stable", "b": "Retiring"}
    assert journey.removed == []
    assert journey.routes == ["a", "b", "a"]


def test_a_to_b_to_a_to_c() -> None:
    journey = _serving_a()
    journey.ask("b", ready="a")
    journey.ask("b", ready="ab")
    journey.ask("a", ready="ab")
    assert journey.ask("c", ready="ab") == {"a": "Stable", "b": "Retiring", "c": "Pending"}
    assert journey.ask("c", ready="abc") == {"a": "Retiring", "b": "Retiring", "c": "Stable"}
    assert journey.ask("c", ready="abc", seconds=60) == {"c": "Stable"}


def test_a_candidate_that_never_becomes_ready_never_touches_the_stable_revision() -> None:
    journey = _serving_a()
    for _ in range(100):
        assert journey.ask("b", ready="a", seconds=60) == {"a": "Stable", "b": "Pending"}
    assert journey.routes == ["a"]
    assert journey.removed == []
