"""`weldserve bundle measure` on a real predictor, and a plan from what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

COMMAND = Path(sys.executable).with_name("weldserve")
EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "north-line.yaml"


def weldserve(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *args], capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    made = weldserve("bundle", "train-first", "--readings", "6000", "--out", folder / "plain")
    assert made.returncode == 0, made.stderr
    found = weldserve("bundle", "measure", folder / "plain", "--repeats", "3", "--out", folder / "measured")
    assert found.returncode == 0, found.stderr
    printed = yaml.safe_load(found.stdout)
    assert printed["throughput"]["readingsPerSecond"] > 0
    assert len(printed["model"]["sha256"]) == 64
    return folder / "measured"


def test_the_card_of_the_new_bundle_says_how_fast_it_is(measured: Path) -> None:
    shown = json.loads(weldserve("bundle", "show", measured, "--json").stdout)
    found = shown["card"]["throughput"]
    assert found["secondsPerReading"] > 0
    assert found["scoringSecondsPerReading"] <= found["secondsPerReading"]
    assert found["stalls"] is None or min(found["stalls"]["seconds"]) > 0
    assert found["memoryBytes"] > 50 * 2**20
    assert weldserve("bundle", "verify", measured, "--digest", shown["sha256"]).returncode == 0


def test_a_plan_follows_from_it(measured: Path, tmp_path: Path) -> None:
    assets = tmp_path / "assets.yaml"
    # The other tests stall the machine as long as they like.
    regions = "[{name: south, country: br, share: 1, kilometresToHub: 0}]"
    assets.write_text(f"kilometres: 100\nregions: {regions}\ngoals: {{onTime: 0.5}}\n")
    found = weldserve("plan", "-f", EXAMPLE, "--assets", assets, "--bundle", measured, "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["places"][0]["size"]["replicas"] >= 2


def test_an_output_that_is_there_is_refused_before_anything_is_measured(measured: Path) -> None:
    found = weldserve("bundle", "measure", measured, "--out", measured)
    assert found.returncode == 1
    assert found.stderr == f"weldserve: {measured} is there already; a bundle is written into a new folder\n"
