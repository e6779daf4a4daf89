"""The status of a Pod, from what its node knows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.node.pod_runner import first_record
from tests.sandbox.node.pod_status import (
    ContainerRecord,
    PodRecord,
    Running,
    Terminated,
    Waiting,
    pod_phase,
    pod_status,
)
from tests.sandbox.node.termination import termination_message

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


def ended(code: int, message: str = "") -> Terminated:
    return Terminated(code, "Completed" if code == 0 else "Error", message, NOW, LATER)


WAITS = ContainerRecord("c", "image:1", Waiting("ContainerCreating"))
RUNS = replace(WAITS, state=Running(NOW), started=True, ready=True, process="process://1")
DONE = replace(RUNS, state=ended(0), started=False, ready=False)
CRASHED = replace(DONE, state=ended(3, "wrong digest"))
LOOPS = replace(DONE, state=Waiting("CrashLoopBackOff", "back-off 1s"), last=ended(3, "wrong digest"), restarts=2)


def pod_of(*containers: ContainerRecord, init: tuple[ContainerRecord, ...] = (), **more: bool) -> PodRecord:
    return PodRecord("127.1.1.1", "127.1.1.7", NOW, init, containers, **more)


def phase(record: PodRecord, policy: str = "Always") -> str:
    return pod_phase({"spec": {"restartPolicy": policy}}, record)


def status(record: PodRecord, before: dict[str, Any] | None = None, now: datetime = NOW) -> dict[str, Any]:
    return pod_status({"spec": {}}, record, before or {}, now)


def condition(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(one for one in found["conditions"] if one["type"] == kind)


@pytest.mark.parametrize(
    ("record", "policy", "expected"),
    [
        (pod_of(WAITS), "Always", "Pending"),
        (pod_of(RUNS, WAITS), "Always", "Pending"),
        (pod_of(RUNS), "Always", "Running"),
        (pod_of(CRASHED), "Always", "Running"),
        (pod_of(DONE), "Always", "Running"),
        (pod_of(LOOPS), "Always", "Running"),
        (pod_of(CRASHED), "OnFailure", "Running"),
        (pod_of(DONE), "OnFailure", "Succeeded"),
        (pod_of(DONE, RUNS), "Never", "Running"),
        (pod_of(DONE, CRASHED), "Never", "Failed"),
        (pod_of(DONE, DONE), "Never", "Succeeded"),
        (pod_of(WAITS, init=(RUNS,)), "Always", "Pending"),
        (pod_of(WAITS, init=(LOOPS,)), "Always", "Pending"),
        (pod_of(WAITS, init=(CRASHED,)), "Never", "Failed"),
        (pod_of(RUNS, init=(DONE,)), "Always", "Running"),
        (pod_of(DONE, stopped=True), "Always", "Succeeded"),
        (pod_of(CRASHED, stopped=True), "Always", "Failed"),
    ],
)
def test_the_phase_follows_the_containers_and_the_restart_policy(record: PodRecord, policy: str, expected: str) -> None:
    assert phase(record, policy) == expected


def test_a_pod_is_ready_when_each_container_runs_and_is_ready() -> None:
    assert condition(status(pod_of(RUNS)), "Ready")["status"] == "True"
    unready = condition(status(pod_of(RUNS, replace(RUNS, name="d", ready=False))), "Ready")
    assert (unready["status"], unready["reason"]) == ("False", "ContainersNotReady")
    assert unready["message"] == "containers with unready status: [d]"


def test_a_pod_that_is_being_deleted_is_not_ready_though_its_containers_run() -> None:
    found = status(pod_of(RUNS, deleting=True))
    assert condition(found, "Ready")["status"] == "False"
    assert found["containerStatuses"][0]["ready"] is False
    assert "running" in found["containerStatuses"][0]["state"]


def test_a_pod_says_which_init_containers_are_not_done() -> None:
    found = condition(status(pod_of(WAITS, init=(DONE, replace(RUNS, name="second")))), "Initialized")
    assert (found["status"], found["reason"]) == ("False", "ContainersNotInitialized")
    assert found["message"] == "containers with incomplete status: [second]"


def test_a_crash_loop_shows_the_last_end_with_its_message() -> None:
    found = status(pod_of(LOOPS))["containerStatuses"][0]
    assert found["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 1s"}}
    assert found["lastState"]["terminated"] == {
        "exitCode": 3,
        "reason": "Error",
        "message": "wrong digest",
        "startedAt": "2026-11-23T12:00:00Z",
        "finishedAt": "2026-11-23T12:00:30Z",
    }
    assert (found["restartCount"], found["ready"], found["started"]) == (2, False, False)


def test_a_transition_time_stays_until_the_status_changes() -> None:
    first = status(pod_of(RUNS))
    assert status(pod_of(RUNS), first, LATER) == first
    changed = status(pod_of(replace(RUNS, ready=False)), first, LATER)
    assert condition(changed, "Ready")["lastTransitionTime"] == "2026-11-23T12:00:30Z"
    assert condition(changed, "Initialized")["lastTransitionTime"] == "2026-11-23T12:00:00Z"


def test_a_pod_without_an_address_reports_none() -> None:
    found = status(replace(pod_of(WAITS), address=""))
    assert "podIP" not in found
    assert condition(found, "PodReadyToStartContainers")["status"] == "False"
    assert status(pod_of(RUNS))["podIPs"] == [{"ip": "127.1.1.7"}]


def test_a_container_lost_with_its_node_counts_as_ended() -> None:
    earlier = {"name": "c", "containerID": "process://1", "restartCount": 1, "state": {"running": {}}}
    record = first_record({"name": "c", "image": "image:1"}, earlier, "ContainerCreating", NOW)
    assert record.last is not None
    assert (record.restarts, record.last.reason) == (1, "ContainerStatusUnknown")
    assert first_record({"name": "c", "image": "image:1"}, {}, "ContainerCreating", NOW) == WAITS


def message_of(folder: Path, file: bytes, log: bytes, *, policy: str, failed: bool = True, log_start: int = 0) -> str:
    (folder / "file").write_bytes(file)
    (folder / "log").write_bytes(log)
    return termination_message(folder / "file", folder / "log", log_start, policy=policy, failed=failed)


def test_the_message_is_the_file_cut_to_4096_bytes(tmp_path: Path) -> None:
    assert message_of(tmp_path, b"why", b"log", policy="FallbackToLogsOnError") == "why"
    assert len(message_of(tmp_path, b"x" * 5000, b"", policy="File")) == 4096


def test_the_log_speaks_only_after_a_failure_without_a_file_and_by_policy(tmp_path: Path) -> None:
    fallback = "FallbackToLogsOnError"
    assert message_of(tmp_path, b"", b"old\nwhy\n", policy=fallback, log_start=4) == "why\n"
    assert message_of(tmp_path, b"", b"why\n", policy="File") == ""
    assert message_of(tmp_path, b"", b"why\n", policy=fallback, failed=False) == ""


def test_the_log_is_cut_to_its_last_80_lines_or_2048_bytes(tmp_path: Path) -> None:
    many = "".join(f"{number}\n" for number in range(200)).encode()
    lines = message_of(tmp_path, b"", many, policy="FallbackToLogsOnError").splitlines()
    assert (lines[0], len(lines)) == ("120", 80)
    assert len(message_of(tmp_path, b"", b"y" * 9000, policy="FallbackToLogsOnError")) == 2048
