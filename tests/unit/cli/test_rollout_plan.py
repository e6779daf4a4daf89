"""`weldserve rollout plan` says what a file's rollouts will do, and refuses what a cluster would refuse."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from weld_cli.main import app

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"


def example(file: str = "rollout.yaml") -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / file).read_text())
    return document


def plan(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["rollout", "plan", *arguments], input=given, prog_name="weldserve")


def plan_of(*documents: object, flags: tuple[str, ...] = ()) -> Result:
    return plan("-f", "-", *flags, given=yaml.safe_dump_all(documents))


def test_a_plan_says_stages_conditions_and_times() -> None:
    result = plan("-f", str(EXAMPLES / "rollout.yaml"))
    assert result.exit_code == 0, result.output
    said = result.stdout
    assert said.startswith("WeldModel plant-a/north-line-careful: version 1.1.0, at 100,000 readings/s\n")
    for line in (
        "shadow          0 %: scores 100 % of what stable has scored, and its answers go nowhere, for 1 d at the least",
        "step 1 of 3     5 % of requests are answered by it, for 1 h at the least",
        "promotion     100 %, by itself, once it has the replicas for it",
        "errors       at most 0.1 % of requests fail (floor: 1,000 requests, about 9,400 to show it)",
        'pod=~"{{candidate}}-predictor-.*"}), step 3 of 3 only',
        "Gates are judged every 30 s; one that fails rolls it back at once.",
        "Where evidence is still missing 12 h after a hold, it is rolled back.",
        "Promoted 1 d 5 h after it is ready, at the soonest.",
        "Decided 3 d 5 h after it is asked for, at the latest (pauses not counted).",
    ):
        assert line in said
    assert "Warning" not in said


def test_a_floor_that_cannot_be_met_is_warned_of() -> None:
    document = example()
    document["spec"]["workload"] = {"readingsPerTick": 1, "tick": "1s"}
    document["spec"]["rollout"] = {"deadline": {"per": "10m"}}
    said = plan_of(document).stdout
    assert "Warning: step 1 of 3, errors: at 5 % of 1 readings/s the 7,799 requests that it needs" in said
    assert "2 d !!" in said


def test_without_a_rollout_it_says_that_nothing_is_tried() -> None:
    result = plan("-f", str(EXAMPLES / "north-line.yaml"))
    assert result.exit_code == 0
    assert "There is no spec.rollout: it answers as soon as it is ready, untried" in result.stdout


def test_waiting_for_people_is_said() -> None:
    document = example()
    document["spec"]["rollout"] = {"approval": "Manual", "deadline": {"then": "Hold"}, "gates": []}
    said = plan_of(document).stdout
    assert "as soon as somebody approves" in said
    assert "it stays where it is, until evidence comes or somebody acts" in said
    assert "Nothing must be met to go on but the time." in said
    assert "Decided" not in said


def test_programs_get_seconds() -> None:
    (model,) = json.loads(plan_of(example(), flags=("--json",)).stdout)
    assert (model["namespace"], model["name"], model["version"]) == ("plant-a", "north-line-careful", "1.1.0")
    assert model["plan"]["soonest"] == 29 * 3600
    first = model["plan"]["stages"][1]
    assert (first["name"], first["weight"], first["hold"], first["until_deadline"]) == ("step 1 of 3", 5, 3600, 46800)
    (ranges,) = [each for each in first["conditions"] if each["name"] == "ranges"]
    assert (ranges["floor"], ranges["of"], ranges["soonest"], ranges["prospect"]) == (10_000, "readings", 0.1, "InTime")


def test_each_weld_model_of_a_file_is_planned_and_the_rest_is_passed_over() -> None:
    second = copy.deepcopy(example("north-line.yaml"))
    del second["metadata"]["namespace"]
    listed = {"apiVersion": "v1", "kind": "List", "items": [second]}
    result = plan_of({"apiVersion": "v1", "kind": "Namespace"}, example(), listed)
    assert [line for line in result.stdout.splitlines() if line.startswith("WeldModel")] == [
        "WeldModel plant-a/north-line-careful: version 1.1.0, at 100,000 readings/s",
        "WeldModel north-line: version 1.0.0, at 100,000 readings/s",
    ]


def wrong(path: str, value: object) -> dict[str, Any]:
    document = example()
    *parents, last = path.split(".")
    node: Any = document
    for part in parents:
        node = node[int(part)] if part.isdigit() else node.setdefault(part, {})
    node[last] = value
    return document


REFUSED: dict[str, tuple[object, str]] = {
    "unknown field": (
        wrong("spec.rollout.shadow.mirror", True),
        "WeldModel north-line-careful: spec.rollout.shadow.mirror is not a field that weldserve knows",
    ),
    "a name of ours": (
        wrong("spec.rollout.shadow", {"min_readings": 5}),
        "WeldModel north-line-careful: spec.rollout.shadow.min_readings is not a field that weldserve knows",
    ),
    "weight": (
        wrong("spec.rollout.steps.0.weight", 100),
        "WeldModel north-line-careful: spec.rollout.steps.0.weight is 100: input should be less than or equal to 99",
    ),
    "number in quotes": (
        wrong("spec.workload.readingsPerTick", "10000"),
        "WeldModel north-line-careful: spec.workload.readingsPerTick is '10000': input should be a valid integer",
    ),
    "duration": (
        wrong("spec.rollout.steps.0.hold", "1 hour"),
        "WeldModel north-line-careful: spec.rollout.steps.0.hold: '1 hour' is not a duration: write whole numbers",
    ),
    "a rule that spans fields": (
        wrong("spec.rollout.steps", [{"weight": 50}, {"weight": 5}]),
        "WeldModel north-line-careful: spec.rollout.steps: rollout.steps must rise in weight",
    ),
    "no PromQL": (
        wrong("spec.rollout.steps.2.gates.0.promql.query", "max(("),
        "WeldModel north-line-careful: memory: promql.query is not PromQL: ",
    ),
    "a placeholder that is none": (
        wrong("spec.rollout.steps.2.gates.0.promql.query", "up{pod='{{pod}}'}"),
        "WeldModel north-line-careful: memory: promql.query has {{pod}}, expected none but {{candidate}}",
    ),
    "long name": (
        wrong("metadata.name", "n" * 33),
        f"WeldModel {'n' * 33}: metadata.name must have at most 32 characters",
    ),
    "names too long together": (
        wrong("metadata.namespace", "n" * 40),
        "WeldModel north-line-careful: metadata.name 'north-line-careful' and the namespace's name are together",
    ),
    "no name": (wrong("metadata", None), "metadata.name of a WeldModel is required, and is text"),
    "another version": (
        wrong("apiVersion", "weldserve.io/v2"),
        "WeldModel north-line-careful: apiVersion is 'weldserve.io/v2', expected weldserve.io/v1alpha1",
    ),
    "no spec": (wrong("spec", None), "WeldModel north-line-careful: spec is None: input should be an object"),
    "no object": ("text", "standard input holds 'text', which is no Kubernetes object"),
    "no WeldModel": ({"kind": "Pod"}, "standard input has no WeldModel"),
}


@pytest.mark.parametrize(("document", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_cluster_would_refuse_is_refused_in_a_sentence(document: object, sentence: str) -> None:
    result = plan_of(document)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert result.stderr.startswith("weldserve: standard input")
    assert result.stderr.count("\n") == 1


def test_a_field_of_null_counts_as_absent_as_for_an_api_server() -> None:
    assert plan_of(wrong("spec.rollout.deadline", None)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-f", "/nowhere/model.yaml"), "weldserve: /nowhere/model.yaml: No such file or directory\n"),
        (("-f", str(EXAMPLES)), f"weldserve: {EXAMPLES}: Is a directory\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    result = plan(*arguments)
    assert (result.exit_code, result.stderr) == (1, sentence)


def test_what_is_no_yaml_is_said_in_a_sentence() -> None:
    result = plan("-f", "-", given="spec: [")
    assert result.exit_code == 1
    assert result.stderr.startswith("weldserve: standard input is not YAML: while parsing")
    assert result.stderr.count("\n") == 1


def test_without_the_extra_that_reads_promql_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "promql_parser", None)
    assert plan("-f", str(EXAMPLES / "north-line.yaml")).exit_code == 0
    result = plan("-f", str(EXAMPLES / "rollout.yaml"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "weldserve: this command needs weldserve[operator]: pip install 'weldserve[operator]' "
        "(promql_parser is not installed)\n"
    )


def test_bytes_that_are_no_text_are_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_bytes(b"\xff\xfe\x00kind")
    result = plan("-f", str(tmp_path / "model.yaml"))
    assert result.exit_code == 1
    assert result.stderr == f"weldserve: {tmp_path / 'model.yaml'} is not UTF-8 text\n"
