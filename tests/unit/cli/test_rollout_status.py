"""Status, explanation and history of a trial, as people see them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.unit.cli.played_cluster import ASKED, BEGAN, PlayedCluster, served, trial
from weld_api.rollout_status import HumanAct, PastTrial, Rejection
from weld_api.status import BundleReference
from weld_api.weld_model import WeldModel, parse_weld_model
from weld_cli.main import app
from weld_cli.rollout_commands import app as rollout_app
from weld_cli.rollout_picture import Course, course_of, picture

NAME = "north-line-careful"
NOW = BEGAN + timedelta(minutes=20)


@pytest.fixture
def cluster() -> PlayedCluster:
    return PlayedCluster(trial())


@pytest.fixture(autouse=True)
def config(cluster: PlayedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with served(cluster, tmp_path) as file:
        monkeypatch.setenv("KUBECONFIG", str(file))
        yield file


def ask(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["rollout", command, NAME, *arguments], prog_name="weldserve")


def model(cluster: PlayedCluster) -> WeldModel:
    _, body = cluster.answer("GET", cluster.path, "", {})
    return parse_weld_model(body)


def with_rollout(cluster: PlayedCluster, **changes: Any) -> WeldModel:
    cluster.status = cluster.status.model_copy(update={"rollout": trial(**changes)})
    return model(cluster)


def test_a_trial_is_seen_with_weights_times_and_gates(cluster: PlayedCluster) -> None:
    assert "\n".join(picture(model(cluster), NOW)) == "\n".join(
        [
            "WeldModel plant-a/north-line-careful",
            "  stable     1.0.0",
            "  candidate  1.1.0",
            "  phase      Canary, step 2 of 3",
            "  requests   stable  75 % ██████████████████████████████░░░░░░░░░░ 25 % candidate",
            "  holds      20 min of 2 h, 1 h 40 min left",
            "  deadline   13 h 40 min left, then it is rolled back",
            "  judged     1 min ago, every 30s",
            "  because    It waits for its time to be over",
            "",
            "  gate        verdict                 value        n        interval      limit         age",
            "  errors      Pass                      0 %   20,000   0 % to 0.04 %   <= 0.1 %   1 min 5 s",
            "  agreement   InsufficientEvidence   1.25 %    4,000      1 % to 3 %     <= 2 %   1 min 5 s",
            "  agreement: 4,000 readings are counted, and 10,000 must be before it is judged",
        ]
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"phase": "Shadow", "step": 0, "weight": 0}, "  phase      Shadow"),
        ({"measured_from": None}, "  holds      2 h, once it is ready"),
        ({"phase": "Paused", "paused_in": "Canary", "paused_from": NOW}, "in Canary, step 2 of 3"),
        ({"weight": 1}, "░ 1 % candidate"),
        ({"since": BEGAN - timedelta(hours=20)}, "  deadline   passed, then it is rolled back"),
        ({"measured_from": BEGAN - timedelta(hours=3)}, "  holds      2 h of 2 h, over"),
    ],
)
def test_each_phase_is_seen_for_what_it_is(cluster: PlayedCluster, changes: dict[str, Any], line: str) -> None:
    assert line in "\n".join(picture(with_rollout(cluster, **changes), NOW))


def test_one_that_is_over_has_neither_bar_nor_clocks(cluster: PlayedCluster) -> None:
    said = "\n".join(picture(with_rollout(cluster, phase="RolledBack", message="Gate errors failed"), NOW))
    assert "  because    Gate errors failed" in said
    assert "█" not in said
    assert "deadline" not in said


def test_approval_is_seen_where_somebody_must_approve(cluster: PlayedCluster) -> None:
    cluster.model["spec"]["rollout"]["approval"] = "Manual"
    assert "  approval   somebody must approve" in list(picture(model(cluster), NOW))
    act = HumanAct(verb="promote", by="ada", why="known sensors", at=BEGAN)
    assert "  approval   approved by ada" in list(picture(with_rollout(cluster, approval=act), NOW))


PROMOTED = {"stable": BundleReference(version=ASKED.version, digest=ASKED.digest)}
COURSES: list[tuple[dict[str, Any], Course]] = [
    ({}, "OnItsWay"),
    ({"rollout": None}, "OnItsWay"),
    ({"rollout": trial(phase="RollingBack")}, "OnItsWay"),
    ({"rollout": trial(phase="RolledBack")}, "RolledBack"),
    ({"rollout": trial(phase="Failed")}, "Failed"),
    ({"rollout": trial(phase="RolledBack", digest="c" * 64)}, "OnItsWay"),
    ({"rollout": trial(phase="RolledBack"), "observed_generation": 0}, "OnItsWay"),
    ({"rollout": trial(phase="Idle"), **PROMOTED}, "Promoted"),
    ({"rollout": None, **PROMOTED}, "Promoted"),
]


@pytest.mark.parametrize(("changes", "course"), COURSES)
def test_how_it_ends_is_told_by_what_answers(cluster: PlayedCluster, changes: dict[str, Any], course: Course) -> None:
    cluster.status = cluster.status.model_copy(update=changes)
    assert course_of(model(cluster)) == course


@pytest.mark.parametrize(("phase", "code"), [("Canary", 0), ("RolledBack", 1), ("Failed", 1)])
def test_a_pipeline_learns_of_a_rollback_by_the_exit_code(cluster: PlayedCluster, phase: str, code: int) -> None:
    with_rollout(cluster, phase=phase)
    result = ask("status")
    assert result.exit_code == code
    assert result.stdout.startswith("WeldModel plant-a/north-line-careful\n")
    assert result.stderr == ""


def test_watching_ends_when_the_trial_is_over(cluster: PlayedCluster) -> None:
    with_rollout(cluster, phase="RolledBack")
    assert ask("status", "--watch").exit_code == 1
    cluster.status = cluster.status.model_copy(update=PROMOTED)
    result = ask("status", "--watch")
    assert result.exit_code == 0
    assert "  stable     1.1.0\n  candidate  none\n" in result.stdout


def test_watching_gives_up_when_told() -> None:
    result = ask("status", "--watch", "--timeout", "0.01")
    assert result.exit_code == 1
    assert result.stderr == "weldserve: the trial of plant-a/north-line-careful is not over after 0.01 s\n"
    assert result.stdout.count("WeldModel") == 1, "nothing but numbers has changed"


def test_an_explanation_says_what_is_missing_and_by_when(cluster: PlayedCluster) -> None:
    with_rollout(cluster, measured_from=BEGAN - timedelta(hours=3))
    said = ask("explain").stdout
    assert said.startswith("Version 1.1.0 is at step 2 of 3, with 25 % of the requests.\n")
    assert (
        "\n- Gate agreement: 4,000 readings are counted, and 10,000 must be before it is judged. 6,000 readings" in said
    )
    assert "which takes 30 min at the present rate, until " in said
    assert "\n- Gate speed has not been judged yet, which happens every 30s.\n" in said
    assert "it is rolled back.\n" in said


def test_the_past_says_outcomes_times_who_and_why(cluster: PlayedCluster) -> None:
    act = HumanAct(verb="abort", by="ada@plant.example", why="wrong probes", at=BEGAN)
    past = PastTrial(
        version="1.0.9",
        digest="d" * 64,
        outcome="Aborted",
        started=BEGAN - timedelta(hours=5),
        ended=BEGAN,
        message="ada@plant.example aborted it: wrong probes",
        by=act,
    )
    other = past.model_copy(
        update={"outcome": "Promoted", "version": "1.0.0", "by": None, "message": "Every gate passed"}
    )
    rejection = Rejection(digest="d" * 64, version="1.0.9", at=BEGAN, reason="Aborted", message="wrong probes")
    cluster.status = cluster.status.model_copy(update={"history": (other, past), "rejected": (rejection,)})
    cluster.tell("TrialStep", "Version 1.1.0 is at step 2 of 3")
    cluster.tell("RevisionRemoved", "Version 0.9.0 is removed")
    lines = ask("history").stdout.splitlines()
    assert lines[0] == "WeldModel plant-a/north-line-careful: trials that are over, the newest last"
    assert lines[1].split() == ["version", "outcome", "began", "took", "ended", "by", "because"]
    assert "1.0.0" in lines[2]
    assert "the operator" in lines[2]
    assert "5 h    ada@plant.example (abort: wrong probes)   ada@plant.example aborted it: wrong probes" in lines[3]
    assert "Version 1.0.9 is rejected since" in lines[4]
    assert lines[5] == "What Events still tell:"
    assert lines[6].endswith("Version 1.1.0 is at step 2 of 3")
    assert len(lines) == 7, "the other Event is about no trial"


def test_a_past_without_trials_says_so() -> None:
    assert ask("history").stdout == "WeldModel plant-a/north-line-careful: no trial is over yet\n"


def test_for_those_who_may_not_read_events_the_past_is_told_without_them(cluster: PlayedCluster) -> None:
    cluster.forbidden.add("/api/v1/namespaces/plant-a/events")
    result = ask("history")
    assert result.exit_code == 0
    assert result.stdout.endswith("Events cannot be read\n")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith(("kubernetes", "weld_cli.rollout_cluster"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    result = ask("explain")
    assert result.exit_code == 1
    assert "this command needs weldserve[operator]: pip install 'weldserve[operator]' (kubernetes" in result.stderr


def test_the_kubectl_plugin_has_the_same_commands() -> None:
    result = CliRunner().invoke(rollout_app, ["status", NAME, "-n", "plant-a"], prog_name="kubectl weld")
    assert result.exit_code == 0
    assert result.stdout.startswith("WeldModel plant-a/north-line-careful\n")
    usage = CliRunner().invoke(rollout_app, ["status", "--help"], prog_name="kubectl weld").stdout
    assert "Usage: kubectl weld status" in usage
