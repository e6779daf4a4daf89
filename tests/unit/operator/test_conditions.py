"""What the two conditions and the phase say, and when their times move."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.unit.operator.cluster_objects import (
    NOW,
    URL,
    container,
    deployment,
    inference_service,
    pod,
    remembered,
    route_to,
    seen,
    subject,
    weighed,
)
from weld_api.status import Condition, WeldModelStatus
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.observation import Observation, RevisionObservation, unknown
from weld_operator.domain.subject import Subject
from weld_operator.kinds import INFERENCE_SERVICE, Object

REFUSED = pod(containerStatuses=[container(state={"terminated": {"exitCode": 3, "message": "the bundle is bad"}})])


def _conditions(decision: Decision) -> tuple[Condition, Condition]:
    serving, progressing = decision.status.conditions
    assert (serving.type, progressing.type) == ("Serving", "Progressing")
    return serving, progressing


def _said(about: Subject, observation: Observation, now: datetime = NOW) -> tuple[str, str, str]:
    """The phase, and status and reason of both conditions."""
    decision = decide(about, observation, URL, now)
    serving, progressing = _conditions(decision)
    return (
        decision.status.phase,
        f"{serving.status} {serving.reason}",
        f"{progressing.status} {progressing.reason}",
    )


def _observed(*revisions: RevisionObservation, route: Object | None = None) -> Observation:
    return Observation({each.name: each for each in revisions}, route or route_to("a"), weighed(a=100))


A_STABLE = subject("a", remembered("a", "Stable"))
B_PENDING = subject("b", remembered("a", "Stable"), remembered("b", "Pending"))

SAYINGS: dict[str, tuple[Subject, Observation, tuple[str, str, str]]] = {
    "just applied": (
        subject("a"),
        Observation(),
        ("Pending", "False NoRevisionReady", "True RevisionStarting"),
    ),
    "all is well": (A_STABLE, _observed(seen("a")), ("Serving", "True AllReplicasReady", "True UpToDate")),
    "a replica is lost": (
        A_STABLE,
        _observed(seen("a", available=1)),
        ("Degraded", "True SomeReplicasReady", "True UpToDate"),
    ),
    "every replica is lost": (
        A_STABLE,
        _observed(seen("a", available=0)),
        ("Failed", "False NoReplicaReady", "True UpToDate"),
    ),
    "the InferenceService was deleted": (
        A_STABLE,
        _observed(),
        ("Failed", "False RevisionMissing", "True RevisionRebuilding"),
    ),
    "a new version is on its way": (
        B_PENDING,
        _observed(seen("a"), seen("b", available=0)),
        ("Updating", "True AllReplicasReady", "True RevisionStarting"),
    ),
    "a new version refuses its bundle": (
        B_PENDING,
        _observed(seen("a"), seen("b", available=0, pods=(REFUSED,))),
        ("UpdateFailed", "True AllReplicasReady", "False BundleRefused"),
    ),
    "the first version refuses its bundle": (
        subject("b", remembered("b", "Pending")),
        _observed(seen("b", available=0, pods=(REFUSED,))),
        ("Failed", "False NoRevisionReady", "False BundleRefused"),
    ),
    "a change in place is on its way": (
        A_STABLE,
        _observed(RevisionObservation(inference_service("a"), deployment("a", available=2, desired=2, updated=1))),
        ("Updating", "True AllReplicasReady", "True RevisionUpdating"),
    ),
    "a change in place is refused": (
        A_STABLE,
        _observed(
            RevisionObservation(inference_service("a"), deployment("a", available=2, desired=2, updated=1), (REFUSED,))
        ),
        ("UpdateFailed", "True AllReplicasReady", "False BundleRefused"),
    ),
    "something cannot be written": (
        A_STABLE,
        replace(_observed(seen("a")), obstacles=(unknown(INFERENCE_SERVICE),)),
        ("UpdateFailed", "True AllReplicasReady", "False PlatformNotReady"),
    ),
    "the spec cannot be honoured": (
        replace(A_STABLE, spec=None, fault="spec.model is required"),
        _observed(seen("a")),
        ("UpdateFailed", "True AllReplicasReady", "False InvalidSpec"),
    ),
}


@pytest.mark.parametrize(("about", "observation", "expected"), SAYINGS.values(), ids=SAYINGS.keys())
def test_what_is_said(about: Subject, observation: Observation, expected: tuple[str, str, str]) -> None:
    assert _said(about, observation) == expected


@pytest.mark.parametrize("kind", ["Accepted", "ResolvedRefs"])
def test_a_route_that_the_gateway_rejects_does_not_serve(kind: str) -> None:
    route = route_to("a")
    entry = {"type": kind, "status": "False", "message": "no such listener", "observedGeneration": 1}
    route["status"] = {"parents": [{"conditions": [entry]}]}
    decision = decide(A_STABLE, _observed(seen("a"), route=route), URL, NOW)
    serving, _ = _conditions(decision)
    assert (serving.status, serving.reason) == ("False", "RouteRejected")
    assert "no such listener" in serving.message


def test_a_rejection_of_the_route_as_it_was_before_does_not_count() -> None:
    route = route_to("a")
    route["metadata"]["generation"] = 2
    entry = {"type": "ResolvedRefs", "status": "False", "message": "no such Service", "observedGeneration": 1}
    route["status"] = {"parents": [{"conditions": [entry]}]}
    assert _said(A_STABLE, _observed(seen("a"), route=route))[0] == "Serving"


def test_a_candidate_that_is_never_ready_fails_after_its_deadline_with_the_best_explanation() -> None:
    waiting = pod(
        conditions=[
            {"type": "Ready", "status": "False"},
            {"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient cpu"},
        ]
    )
    observation = _observed(seen("a"), seen("b", available=0, pods=(waiting,)))
    before = decide(B_PENDING, observation, URL, NOW + timedelta(minutes=4, seconds=59))
    assert _conditions(before)[1].reason == "RevisionStarting"
    assert "Insufficient cpu" in _conditions(before)[1].message
    after = decide(B_PENDING, observation, URL, NOW + timedelta(minutes=5))
    assert (_conditions(after)[1].status, _conditions(after)[1].reason) == ("False", "ProgressDeadlineExceeded")
    assert "within 300 s" in _conditions(after)[1].message
    assert "Insufficient cpu" in _conditions(after)[1].message


def test_a_change_of_what_is_asked_for_starts_the_deadline_anew() -> None:
    late = NOW + timedelta(minutes=9)
    changed = subject("b", remembered("a", "Stable"), remembered("b", "Pending"), scaling={"minReplicas": 3})
    assert _said(changed, _observed(seen("a"), seen("b", available=0)), late)[2] == "True RevisionStarting"


def test_a_change_in_place_that_does_not_end_fails_after_the_deadline() -> None:
    stuck = RevisionObservation(inference_service("a"), deployment("a", available=2, desired=2, updated=1))
    late = NOW + timedelta(minutes=5)
    assert _said(A_STABLE, _observed(stuck), late)[2] == "False ProgressDeadlineExceeded"


def test_the_time_of_a_condition_moves_with_its_status_alone() -> None:
    first = decide(A_STABLE, _observed(seen("a")), URL, NOW).status
    fewer = replace(A_STABLE, status=first)
    later = decide(fewer, _observed(seen("a", available=1)), URL, NOW + timedelta(seconds=10)).status
    assert later.conditions[0].reason == "SomeReplicasReady"
    assert later.conditions[0].last_transition_time == NOW
    none = decide(replace(fewer, status=later), _observed(seen("a", available=0)), URL, NOW + timedelta(seconds=20))
    assert none.status.conditions[0].last_transition_time == NOW + timedelta(seconds=20)


def test_conditions_tell_the_generation_that_they_are_about() -> None:
    status = decide(replace(A_STABLE, generation=7), _observed(seen("a")), URL, NOW).status
    assert status.observed_generation == 7
    assert {entry.observed_generation for entry in status.conditions} == {7}


def test_the_status_fits_what_the_api_server_takes_and_stays_small() -> None:
    about = subject(
        "d",
        remembered("a", "Retiring"),
        remembered("b", "Retiring"),
        remembered("c", "Stable"),
        remembered("d", "Pending"),
    )
    long = pod(containerStatuses=[container(state={"terminated": {"exitCode": 3, "message": "x" * 4096}})])
    observation = _observed(seen("a"), seen("b"), seen("c"), seen("d", available=0, pods=(long,)))
    status = decide(about, observation, URL, NOW).status
    assert len(status.revisions) == 4
    assert len(status.model_dump_json()) < 8 * 1024
    assert WeldModelStatus.model_validate_json(status.model_dump_json()) == status


@pytest.mark.parametrize(
    ("readings", "tick", "expected"),
    [(10_000, "100ms", "100000"), (1, "30s", "0.033"), (7, "2s", "3.5"), (10_000_000, "1ms", "10000000000")],
)
def test_the_rate_is_a_plain_number(readings: int, tick: str, expected: str) -> None:
    assert A_STABLE.spec is not None
    workload = A_STABLE.spec.workload.model_copy(update={"readings_per_tick": readings, "tick": tick})
    about = replace(A_STABLE, spec=A_STABLE.spec.model_copy(update={"workload": workload}))
    assert decide(about, _observed(seen("a")), URL, NOW).status.readings_per_second == expected


def test_what_is_on_its_way_is_looked_at_often_and_then_less_so() -> None:
    observation = _observed(seen("a"), seen("b", available=0))
    paces = [
        decide(B_PENDING, observation, URL, NOW + timedelta(seconds=seconds)).look_after.total_seconds()
        for seconds in (0, 20, 60, 3600)
    ]
    assert paces == [1, 2, 6, 15]


def test_what_is_at_rest_is_not_looked_at() -> None:
    assert decide(A_STABLE, _observed(seen("a")), URL, NOW).look_after == timedelta.max


def test_the_end_of_a_retiring_revision_is_looked_forward_to() -> None:
    about = subject("b", remembered("a", "Retiring", NOW - timedelta(seconds=20)), remembered("b", "Stable"))
    observation = _observed(seen("a"), seen("b"), route=route_to("b"))
    assert decide(about, observation, URL, NOW).look_after == timedelta(seconds=40)


def test_a_retiring_revision_that_is_still_routed_to_is_not_looked_at_in_a_hurry() -> None:
    about = subject("b", remembered("a", "Retiring", NOW - timedelta(seconds=90)), remembered("b", "Stable"))
    observation = _observed(seen("a"), seen("b"), route=route_to("a"))
    assert decide(about, observation, URL, NOW).look_after >= timedelta(seconds=1)
