"""How a recording and what is seen are compared: strictly, but for what is said."""

from __future__ import annotations

from tests.contract.kserve_recording import State, differences, normalised_status, track_difference, tracks
from tests.sandbox.kube_api import Object

UNAVAILABLE = State("False", "MinimumReplicasUnavailable")
FRESH = State("False")
READY = State("True")


def _status(value: str, reason: str = "", message: str = "") -> Object:
    return {"conditions": [{"type": "Ready", "status": value, "reason": reason, "message": message}]}


def test_repeats_of_a_state_count_once() -> None:
    seen = tracks([_status("False"), _status("False"), _status("True")])
    assert seen["Ready"] == [FRESH, READY]


def test_a_condition_that_comes_later_was_absent_before() -> None:
    assert tracks([None, _status("True")])["Ready"] == [State(), READY]


def test_the_hash_of_a_replica_set_does_not_count() -> None:
    messages = [f'ReplicaSet "hpa-predictor-{name}" has successfully progressed.' for name in ("589f46595c", "aaaa")]
    assert len(tracks([_status("True", "NewReplicaSetAvailable", message) for message in messages])["Ready"]) == 1


def test_the_state_before_the_step_may_be_missing_in_the_recording() -> None:
    assert track_difference("Ready", [UNAVAILABLE, READY], [State(), UNAVAILABLE, READY]) is None


def test_a_listed_passing_state_may_be_missing_in_the_recording() -> None:
    assert track_difference("Ready", [UNAVAILABLE, READY], [State(), FRESH, UNAVAILABLE, READY]) is None


def test_a_passing_state_that_was_recorded_must_be_seen() -> None:
    assert track_difference("Ready", [FRESH, UNAVAILABLE], [State(), UNAVAILABLE]) is not None


def test_any_other_state_that_was_not_recorded_is_a_difference() -> None:
    difference = track_difference("Ready", [UNAVAILABLE, READY], [State(), READY, UNAVAILABLE, READY])
    assert difference is not None
    assert difference.startswith("Ready: recorded False MinimumReplicasUnavailable -> True, seen nothing -> True")


def test_a_recorded_state_that_is_not_seen_is_a_difference() -> None:
    assert track_difference("Ready", [UNAVAILABLE, READY], [State(), UNAVAILABLE]) is not None


def test_another_order_is_a_difference() -> None:
    assert track_difference("Ready", [READY, UNAVAILABLE], [UNAVAILABLE, READY]) is not None


def test_a_difference_names_its_place() -> None:
    recorded: Object = {"spec": {"ports": [{"port": 80}]}}
    assert differences(recorded, {"spec": {"ports": [{"port": 81}]}}) == [".spec.ports[0].port: recorded 80, seen 81"]
    assert differences(recorded, {"spec": {"ports": []}}) == [".spec.ports: recorded [{'port': 80}], seen []"]


def test_no_more_copies_are_counted_than_the_deployment_has_ready() -> None:
    status: Object = {"modelStatus": {"copies": {"totalCopies": 6}}}
    assert normalised_status(status, 3) == {"modelStatus": {"copies": {"totalCopies": 3}}}
