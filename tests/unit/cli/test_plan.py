"""`weldserve plan`: tables, JSON, pictures, and one sentence for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner, Result

from weld_api.card import Throughput
from weld_cli import plan_files
from weld_cli.main import app

EXAMPLES = Path("manifests/examples")
MODEL = EXAMPLES / "north-line.yaml"
ASSETS = EXAMPLES / "plan" / "100-km.yaml"
PRICES = EXAMPLES / "plan" / "prices.yaml"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(app, ["plan", *(str(arg) for arg in args)], prog_name="weldserve")


def of_one_pipeline(*more: str | Path) -> Result:
    return run("-f", MODEL, "--assets", ASSETS, *more)


def test_the_plan_of_one_pipeline_reads_as_a_page() -> None:
    found = of_one_pipeline("--prices", PRICES)
    assert found.exit_code == 0, found.output
    for heading in ("WHAT IT NEEDS", "NETWORK AND LEDGER", "COST IN A YEAR", "WHAT A LOSS DOES", "JITTER", "WORTH"):
        assert heading in found.stdout
    assert "memory and time exactly full: nothing may go wrong" in found.stdout
    assert max(len(line) for line in found.stdout.splitlines()) < 260


def test_the_plan_as_json_has_the_same_figures() -> None:
    found = json.loads(of_one_pipeline("--json").stdout)
    assert found["readings_per_second"] == 100_000
    assert found["places"][0]["size"]["replicas"] >= 2
    assert found["computer"]["readings_by_memory"] == 10_000
    assert found["worth"] == []


def test_what_if_changes_what_is_reckoned() -> None:
    found = json.loads(
        of_one_pipeline(
            "--json", "--what-if", "kilometres=300", "--what-if", "sampling=EveryNth:5", "--what-if", "ledger=decisions"
        ).stdout
    )
    assert found["readings_per_tick"] == 30_000
    assert found["scored_share"] == pytest.approx(0.2)
    assert found["places"][0]["ledger"]["per_reading"] == pytest.approx(25)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("speeed=2", "--what-if speeed: there is no such key; there are kilometres, readingsPerTick, "),
        ("tick", "--what-if tick: a value is missing, write tick=100ms"),
        ("tick=100", "--what-if tick=100: workload.tick: '100' is not a duration"),
        ("jitter=20 s", "'20 s' is not a duration"),
        ("jitter=200ms", "--what-if jitter=200ms: spec.workload.jitter: workload.jitter must be shorter"),
        ("readingsPerTick=many", "'many' is not a whole number; it takes a whole number, such as 20000"),
        ("kilometres=-1", "a pipeline is longer than 0 km"),
        ("kilometres=inf", "a pipeline is longer than 0 km, and has an end"),
        ("precision=95", "95 is not a share above 0 and at most 1"),
        ("survive=continent", "it takes nothing, machine or zone, such as zone"),
        ("requestReadings=20000", "delivery.requestReadings 20,000 must not be above serving.batching.maxReadings"),
    ],
)
def test_a_wrong_change_is_one_sentence(change: str, sentence: str) -> None:
    found = of_one_pipeline("--what-if", change)
    assert found.exit_code == 1
    assert found.stdout == ""
    assert sentence in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_missing_price_is_named_and_not_taken_for_nothing(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("\n".join(line for line in PRICES.read_text().splitlines() if not line.startswith("falseDig")))
    found = of_one_pipeline("--prices", prices)
    assert found.exit_code == 1
    assert found.stderr == f"weldserve: {prices}: falseDig is required\n"


def test_a_misspelled_price_is_named_itself(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES.read_text().replace("falseDig:", "falsDig:"))
    found = of_one_pipeline("--prices", prices)
    assert found.stderr == f"weldserve: {prices}: falsDig is not a field that weldserve knows\n"


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_reckoned(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = of_one_pipeline("--plots", tmp_path / "file")
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith(f"weldserve: --plots {tmp_path / 'file'} cannot be made (File exists)")


def test_what_was_measured_of_the_bundle_goes_before_what_the_assets_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = yaml.safe_load(ASSETS.read_text())
    throughput = {**assets["throughput"], "machine": "a machine of ours"}
    card = SimpleNamespace(
        throughput=Throughput.model_validate(throughput),
        evaluation=SimpleNamespace(precision=0.95, recall=0.5),
        inputs=range(24),
    )
    monkeypatch.setattr(plan_files, "read_card_of", lambda _: card)
    found = of_one_pipeline("--bundle", tmp_path)
    assert found.exit_code == 0, found.output
    assert "a machine of ours" in found.stdout


def test_without_a_measured_throughput_the_way_to_one_is_said(tmp_path: Path) -> None:
    assets = tmp_path / "assets.yaml"
    assets.write_text("kilometres: 100\nregions: [{name: south, country: br, share: 1, kilometresToHub: 0}]\n")
    found = run("-f", MODEL, "--assets", assets)
    assert found.exit_code == 1
    assert "weldserve bundle measure DIR --out NEW" in found.stderr


def test_pictures_are_drawn(tmp_path: Path) -> None:
    found = of_one_pipeline("--prices", PRICES, "--plots", tmp_path / "plots")
    assert found.exit_code == 0, found.output
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {
        f"{name}.png" for name in ("growth", "losses", "jitter", "sampling", "placement", "computer", "worth")
    }
