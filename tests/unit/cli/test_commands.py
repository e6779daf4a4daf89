"""Commands print what can be pasted, and fail with one sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import skops.io
import yaml
from typer.testing import CliRunner, Result

from tests.unit.bundle.samples import boosted, card_for, sample_bundle
from weld_api import crd
from weld_bundle.card_file import write_card
from weld_cli.main import app


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="weldserve")


def test_a_packed_bundle_is_shown_and_verified(tmp_path: Path) -> None:
    skops.io.dump(boosted(), tmp_path / "model.skops")
    (tmp_path / "card.yaml").write_bytes(write_card(card_for(boosted())))
    packed = run(
        "bundle", "pack", "--estimator", tmp_path / "model.skops", "--card", tmp_path / "card.yaml",
        "--out", tmp_path / "bundle",
    )  # fmt: skip
    assert packed.exit_code == 0, packed.output
    model = yaml.safe_load(packed.stdout)["model"]
    assert model["version"] == "1.0.0"
    shown = run("bundle", "show", tmp_path / "bundle")
    assert yaml.safe_load(shown.stdout)["model"] == model
    verified = run("bundle", "verify", tmp_path / "bundle", "--digest", model["sha256"])
    assert verified.exit_code == 0
    assert verified.stdout == f"sample 1.0.0 is sound: sha256 {model['sha256']}\n"


def test_what_show_prints_goes_into_a_weld_model_as_it_is(tmp_path: Path) -> None:
    digest = sample_bundle(tmp_path / "bundle")
    lines = run("bundle", "show", tmp_path / "bundle").stdout.splitlines()
    assert lines[-3:] == ["model:", "  version: 1.0.0", f"  sha256: {digest}"]


def test_show_gives_the_whole_card_as_json(tmp_path: Path) -> None:
    digest = sample_bundle(tmp_path / "bundle")
    shown = json.loads(run("bundle", "show", tmp_path / "bundle", "--json").stdout)
    assert shown["sha256"] == digest
    assert shown["card"] == card_for(boosted()).model_dump(mode="json", exclude_none=True)


def test_the_crd_is_printed() -> None:
    assert run("crd").stdout == crd.as_yaml()


def test_a_failure_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failures = [
        (("bundle", "verify", tmp_path / "nothing"), f"bundle folder {tmp_path / 'nothing'} does not exist"),
        (
            ("bundle", "pack", "--estimator", "/nowhere", "--card", "/nowhere", "--out", tmp_path / "new"),
            "/nowhere: No such file or directory",
        ),
        (
            ("bundle", "train-first", "--out", tmp_path / "new", "--readings", "5"),
            "5 readings are too few to train on; take 6000 or more",
        ),
        (
            ("bundle", "train-first", "--out", tmp_path / "new", "--kind", "Bridge"),
            "there is no kind of asset 'Bridge'; there is PipelineWeld and Silo",
        ),
        (
            ("bundle", "train-first", "--out", tmp_path / "new", "--kind", "Silo", "--version", "9.0.0"),
            "there is no recipe for version '9.0.0'; there is one for 1.0.0",
        ),
        (
            ("bundle", "train-first", "--out", tmp_path / "file"),
            f"{tmp_path / 'file'} is there already; a bundle is written into a new folder",
        ),
        (
            ("bundle", "train-reference", "--out", tmp_path / "file"),
            f"{tmp_path / 'file'} is there already; bundles are written into a new folder",
        ),
        (
            ("evaluate", "--bundles", tmp_path),
            f"{tmp_path} holds no bundle; `weldserve bundle train-reference` makes some",
        ),
        (
            ("evaluate", "--bundles", tmp_path / "new"),
            f"{tmp_path / 'new'} is no folder; `weldserve bundle train-reference --out {tmp_path / 'new'}` makes it",
        ),
    ]
    for args, sentence in failures:
        result = run(*args)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"weldserve: {sentence}\n")


def test_a_report_without_evaluation_says_what_makes_one(tmp_path: Path) -> None:
    sample_bundle(tmp_path / "bundles" / "1.0.0")
    args = ("bundle", "report", "--bundles", tmp_path / "bundles", "--evaluation")
    missing = run(*args, tmp_path / "missing.json")
    assert missing.stderr == f"weldserve: {tmp_path / 'missing.json'} is missing; `weldserve evaluate` writes it\n"
    (tmp_path / "other.json").write_text("[]")
    other = run(*args, tmp_path / "other.json")
    assert other.stderr == f"weldserve: {tmp_path / 'other.json'} is not what `weldserve evaluate` writes\n"


def test_wrong_usage_is_exit_code_2() -> None:
    for args in (("bundle", "verify"), ("nothing",), ("bundle", "train-first", "--out", "x", "--seed", "-1")):
        result = run(*args)
        assert result.exit_code == 2
        assert "Traceback" not in result.stderr


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_bundle(tmp_path / "bundle")
    monkeypatch.delitem(sys.modules, "weld_bundle.loading", raising=False)
    monkeypatch.delitem(sys.modules, "weld_bundle.building", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run("bundle", "verify", tmp_path / "bundle")
    assert result.exit_code == 1
    assert result.stderr == (
        "weldserve: this command needs weldserve[predictor]: pip install 'weldserve[predictor]' "
        "(sklearn is not installed)\n"
    )


def test_show_needs_no_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_bundle(tmp_path / "bundle")
    for name in ("numpy", "scipy", "sklearn", "skops"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "weld_bundle.verification", raising=False)
    assert run("bundle", "show", tmp_path / "bundle").exit_code == 0
