"""`weldserve bundle` as it is installed: from training to a refusal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

COMMAND = Path(sys.executable).with_name("weldserve")
TRAIN = ("bundle", "train-first", "--readings", "6000", "--out")


def weldserve(*args: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *args], capture_output=True, text=True, timeout=240, check=False, env={**os.environ, **environment}
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both first bundles, by version."""
    folder = tmp_path_factory.mktemp("bundles")
    for version in ("1.0.0", "1.1.0"):
        made = weldserve(*TRAIN, folder / version, "--version", version)
        assert made.returncode == 0, made.stderr
    return {version: folder / version for version in ("1.0.0", "1.1.0")}


def shown(folder: Path) -> dict[str, object]:
    document = yaml.safe_load(weldserve("bundle", "show", folder).stdout)
    assert isinstance(document, dict)
    return document


def test_a_trained_bundle_verifies_by_the_digest_that_was_printed(trained: dict[str, Path]) -> None:
    for version, folder in trained.items():
        model = shown(folder)["model"]
        assert isinstance(model, dict)
        assert model["version"] == version
        assert weldserve("bundle", "verify", folder, "--digest", model["sha256"]).returncode == 0


def test_both_versions_take_the_same_inputs_and_judge_differently(trained: dict[str, Path]) -> None:
    first, second = (yaml.safe_load((folder / "card.yaml").read_text()) for folder in trained.values())
    assert first["inputs"] == second["inputs"]
    assert first["decisionThreshold"] != second["decisionThreshold"]


def test_the_same_seed_gives_the_same_digest_with_any_number_of_threads(
    trained: dict[str, Path], tmp_path: Path
) -> None:
    assert weldserve(*TRAIN, tmp_path / "again", OMP_NUM_THREADS="3").returncode == 0
    assert shown(tmp_path / "again")["model"] == shown(trained["1.0.0"])["model"]


def test_an_altered_bundle_is_refused_with_one_sentence(trained: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for file in trained["1.1.0"].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    estimator = bytearray((copy / "estimator.skops").read_bytes())
    estimator[len(estimator) // 2] ^= 1
    (copy / "estimator.skops").write_bytes(estimator)
    for command in ("show", "verify"):
        refused = weldserve("bundle", command, copy)
        assert refused.returncode == 1
        assert refused.stderr.startswith("weldserve: estimator.skops was altered: its sha256 is ")
        assert refused.stderr.count("\n") == 1
        assert refused.stdout == ""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference bundles, trained on few sites."""
    folder = tmp_path_factory.mktemp("reference") / "bundles"
    made = weldserve("bundle", "train-reference", "--training-sites", "6", "--out", folder)
    assert made.returncode == 0, made.stderr
    return folder


def test_both_reference_bundles_verify_and_say_where_they_come_from(reference: Path) -> None:
    cards = {}
    for version in ("1.2.0", "2.0.0"):
        assert weldserve("bundle", "verify", reference / version).returncode == 0
        cards[version] = json.loads(weldserve("bundle", "show", reference / version, "--json").stdout)["card"]
    context = [each["name"] for each in cards["2.0.0"]["inputs"] if each["source"] == "Context"]
    assert context == ["pressure", "temperature"]
    heard = [each for each in cards["2.0.0"]["inputs"] if each["source"] == "AScan"]
    assert heard == cards["1.2.0"]["inputs"]
    for card in cards.values():
        evaluation = card["evaluation"]
        for quantity in ("precision", "recall"):
            interval = evaluation[f"{quantity}Interval"]
            assert interval["lowest"] <= evaluation[quantity] <= interval["highest"]
        assert len(card["sites"]) == 6
        assert len(card["profile"]["inputs"]) == len(card["inputs"])
        assert card["intendedUse"]
        assert card["limits"]


def test_two_evaluations_agree_to_the_byte_and_the_report_is_drawn(reference: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.json", "two.json")]
    tables = []
    for file, threads in zip(files, ("1", "3"), strict=True):
        args = ("evaluate", "--bundles", reference, "--sites", "2", "--out", file)
        made = weldserve(*args, OMP_NUM_THREADS=threads)
        assert made.returncode == 0, made.stderr
        tables.append(made.stdout)
    assert tables[0] == tables[1]
    assert files[0].read_bytes() == files[1].read_bytes()
    records = json.loads(files[0].read_text())["records"]
    assert len({(record["bundle"], record["scenario"]) for record in records}) == len(records) == 2 * 13
    page = tmp_path / "report.png"
    drawn = weldserve(
        "bundle", "report", "--bundles", reference, "--evaluation", files[0], "--sites", "2", "--out", page
    )  # fmt: skip
    assert drawn.returncode == 0, drawn.stderr
    assert page.read_bytes().startswith(b"\x89PNG")
