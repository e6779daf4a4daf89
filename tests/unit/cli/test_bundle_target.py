"""`weldserve bundle target`: the value, what it follows from, and one sentence where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.unit.bundle.samples import card_for, forest, stored
from tests.unit.operator.capacity.examples import THROUGHPUT
from weld_api.spec import ScalingTarget
from weld_bundle.packing import pack_archive
from weld_cli.main import app

MODEL = Path("manifests/examples/north-line.yaml")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(app, ["bundle", "target", *(str(arg) for arg in args)], prog_name="weldserve")


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    pack_archive(stored(forest()), card_for(forest(), throughput=THROUGHPUT), tmp_path / "measured")
    return tmp_path / "measured"


def _model(tmp_path: Path, *, least: int, cpu: str | None = None) -> Path:
    document = yaml.safe_load(MODEL.read_text())
    document["spec"]["serving"]["scaling"] = {"minReplicas": least, "maxReplicas": 10}
    if cpu is not None:
        document["spec"]["model"]["resources"] = {"limits": {"cpu": cpu}, "requests": {"cpu": cpu}}
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_what_is_printed_goes_into_the_weld_model_as_it_is(measured: Path) -> None:
    found = run(measured)
    assert found.exit_code == 0, found.output
    printed = yaml.safe_load(found.stdout)
    target = ScalingTarget.model_validate(printed["scaling"]["target"])
    assert target.readings_per_second == 216_000
    assert "A replica answers 480,000 readings/s at the most" in found.stdout
    assert "45% of that: with one of 2 lost, the others are at 90%" in found.stdout


def test_the_weld_model_says_how_few_replicas_there_may_be_and_what_each_may_use(
    measured: Path, tmp_path: Path
) -> None:
    found = run(measured, "-f", _model(tmp_path, least=5, cpu="625m"))
    assert yaml.safe_load(found.stdout) == {"scaling": {"target": {"readingsPerSecond": 168_000}}}
    assert "240,000 readings/s at the most" in found.stdout
    assert "held to the 0.625 that it may use" in found.stdout
    assert "70% of that, which leaves room" in found.stdout


def test_a_margin_of_ones_own_is_kept(measured: Path) -> None:
    assert yaml.safe_load(run(measured, "--occupancy", "0.25").stdout)["scaling"]["target"] == {
        "readingsPerSecond": 120_000
    }


def test_that_one_replica_withstands_no_loss_is_said(measured: Path, tmp_path: Path) -> None:
    found = run(measured, "-f", _model(tmp_path, least=1))
    assert "minReplicas is 1: the loss of that one is an interruption" in found.stdout


def test_a_bundle_that_nobody_measured_has_no_target(tmp_path: Path) -> None:
    pack_archive(stored(forest()), card_for(forest()), tmp_path / "plain")
    found = run(tmp_path / "plain")
    assert found.exit_code == 1
    assert "does not say how fast the bundle is: `weldserve bundle measure" in found.output
