"""What people tell a rollout is written as an annotation, under their own name, and what came of it is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.unit.cli.played_cluster import BEGAN, PlayedCluster, served, trial
from weld_api.action import ACTION_ANNOTATION, ACTION_FIELD_MANAGER, RolloutAction, Verb
from weld_cli.main import app
from weld_cli.rollout_commands import ACTS

NAME = "north-line-careful"
WHY = "the vendor's new probes need it"


@pytest.fixture
def cluster() -> PlayedCluster:
    return PlayedCluster(trial())


@pytest.fixture
def config(cluster: PlayedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with served(cluster, tmp_path) as file:
        monkeypatch.setenv("KUBECONFIG", str(file))
        yield file


def tell(verb: str, *arguments: str, why: str = WHY) -> Result:
    return CliRunner().invoke(app, ["rollout", verb, NAME, "--why", why, *arguments], prog_name="weldserve")


def written(cluster: PlayedCluster) -> RolloutAction:
    ((_, _, body),) = cluster.patches
    return RolloutAction.model_validate_json(body["metadata"]["annotations"][ACTION_ANNOTATION])


@pytest.mark.usefixtures("config")
def test_an_act_is_one_annotation_under_its_own_field_manager(cluster: PlayedCluster) -> None:
    result = tell("pause")
    assert result.exit_code == 0, result.output
    ((content_type, manager, body),) = cluster.patches
    assert (content_type, manager) == ("application/merge-patch+json", ACTION_FIELD_MANAGER)
    assert list(body) == ["metadata"]
    assert list(body["metadata"]) == ["annotations"]
    assert list(body["metadata"]["annotations"]) == [ACTION_ANNOTATION]


@pytest.mark.usefixtures("config")
def test_who_acts_is_asked_of_the_api_server_and_why_is_in_their_words(cluster: PlayedCluster) -> None:
    cluster.user = "grace@plant.example"
    assert tell("abort").exit_code == 0
    action = written(cluster)
    assert (action.verb, action.by, action.why, action.digest) == ("abort", "grace@plant.example", WHY, "0" * 64)
    assert cluster.status.history[-1].by is not None
    assert cluster.status.history[-1].by.by == "grace@plant.example"


@pytest.mark.usefixtures("config")
def test_no_two_acts_have_one_id(cluster: PlayedCluster) -> None:
    tell("pause")
    tell("resume")
    ids = [json.loads(body["metadata"]["annotations"][ACTION_ANNOTATION])["id"] for _, _, body in cluster.patches]
    assert len(set(ids)) == 2


PHASES: dict[Verb, dict[str, Any]] = {
    "promote": {"phase": "AwaitingApproval"},
    "pause": {},
    "resume": {"phase": "Paused", "paused_in": "Canary", "paused_from": BEGAN},
    "abort": {},
    "retry": {"phase": "RolledBack", "weight": 0},
}
SAID: dict[Verb, str] = {
    "promote": "is approved: it does not wait for anybody any more; its gates must still pass, none is skipped",
    "pause": "is paused: its clocks stand",
    "resume": "is resumed: it goes on where it was",
    "abort": "is aborted: it is rolled back now",
    "retry": "is begun anew",
}


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("verb", list(ACTS))
def test_what_came_of_it_is_said(cluster: PlayedCluster, verb: Verb) -> None:
    cluster.status = cluster.status.model_copy(update={"rollout": trial(**PHASES[verb])})
    result = tell(verb)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"Version 1.1.0 {SAID[verb]}")
    assert result.stdout.endswith(f"(by ada@plant.example: {WHY})\n")


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("verb", "changes", "sentence"),
    [
        ("promote", None, "promote was refused: no candidate is on trial"),
        ("resume", {}, "resume was refused: version 1.1.0 is in Canary, and resume needs one of Paused"),
        ("retry", {}, "retry was refused: version 1.1.0 is in Canary, and retry needs one of Failed, RolledBack"),
        ("pause", {"phase": "RolledBack"}, "pause was refused: version 1.1.0 is in RolledBack"),
        ("abort", {"phase": "Idle"}, "abort was refused: no candidate is on trial"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    cluster: PlayedCluster, verb: str, changes: dict[str, Any] | None, sentence: str
) -> None:
    cluster.status = cluster.status.model_copy(update={"rollout": None if changes is None else trial(**changes)})
    result = tell(verb)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"weldserve: {sentence}")
    assert cluster.patches == []


@pytest.mark.usefixtures("config")
def test_without_a_rollout_in_the_spec_nothing_is_told(cluster: PlayedCluster) -> None:
    del cluster.model["spec"]["rollout"]
    result = tell("pause")
    assert result.stderr == "weldserve: pause was refused: spec.rollout is gone, nothing is tried any more\n"
    assert cluster.patches == []


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("why", ["", "x" * 301])
def test_a_reason_is_insisted_on_and_kept_short(cluster: PlayedCluster, why: str) -> None:
    result = tell("pause", why=why)
    assert result.exit_code == 1
    assert result.stderr.startswith("weldserve: pause was refused: why is ")
    assert cluster.patches == []


@pytest.mark.usefixtures("config")
def test_an_act_without_reason_is_wrong_usage() -> None:
    result = CliRunner().invoke(app, ["rollout", "pause", NAME], prog_name="weldserve")
    assert result.exit_code == 2
    assert "--why" in result.stderr


@pytest.mark.usefixtures("config")
def test_what_the_operator_refuses_is_told_in_its_words(cluster: PlayedCluster) -> None:
    cluster.moves_on = trial(phase="RollingBack", weight=0)
    result = tell("pause")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("weldserve: pause was refused: version 1.1.0 is in RollingBack")


@pytest.mark.usefixtures("config")
def test_for_those_who_may_not_read_events_it_is_told_without_them(cluster: PlayedCluster) -> None:
    cluster.moves_on = trial(phase="RollingBack", weight=0)
    cluster.forbidden.add("/api/v1/namespaces/plant-a/events")
    result = tell("pause")
    assert result.stderr == "weldserve: the operator did not carry out pause: the trial has moved on meanwhile\n"


@pytest.mark.usefixtures("config")
def test_without_an_operator_it_says_that_nobody_took_it_up(cluster: PlayedCluster) -> None:
    cluster.takes_up = False
    result = tell("pause", "--timeout", "0")
    assert result.exit_code == 1
    assert "pause is written, but no operator has taken it up within 0 s" in result.stderr


@pytest.mark.usefixtures("config")
def test_whoever_may_not_act_is_told_so(cluster: PlayedCluster) -> None:
    cluster.forbidden.add("/apis/authentication.k8s.io/v1/selfsubjectreviews")
    result = tell("pause")
    assert (result.exit_code, result.stderr) == (1, "weldserve: ada@plant.example may not do that\n")


def test_the_flag_goes_before_the_environment(
    cluster: PlayedCluster, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    assert tell("pause", "--kubeconfig", str(config)).exit_code == 0
    assert len(cluster.patches) == 1


@pytest.mark.usefixtures("config")
def test_another_context_is_another_cluster(cluster: PlayedCluster) -> None:
    result = tell("pause", "--context", "elsewhere")
    assert result.exit_code == 1
    assert "127.0.0.1:9" in result.stderr
    assert cluster.patches == []


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--context", "nobody's"), "gives no way to an API server"),
        (("-n", "plant-b"), f"there is no WeldModel {NAME} in namespace plant-b"),
        (("--kubeconfig", "/nowhere/config"), "kubeconfig /nowhere/config does not exist; say --kubeconfig"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    result = tell("pause", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_a_namespace_in_the_context_it_is_default(
    cluster: PlayedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(cluster, tmp_path, namespace=None) as file:
        monkeypatch.setenv("KUBECONFIG", str(file))
        assert f"there is no WeldModel {NAME} in namespace default" in tell("pause").stderr
