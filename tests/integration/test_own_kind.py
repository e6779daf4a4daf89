"""A kind of asset of one's own, by the page that says how: its code, its entry, its commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from weld_bundle.verification import verify
from weld_cli.local_predictor import local_predictor
from weld_cli.one_reading import score_one_reading

PAGE = Path(__file__).parents[2] / "predictor" / "weld_simulator" / "README.md"
COMMAND = Path(sys.executable).with_name("weldserve")


def block(language: str) -> str:
    """The page's only block in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


def run(*command: str | Path, packages: Path) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(packages)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_s_kind_is_installed_trained_and_served(tmp_path: Path) -> None:
    source, packages, folder = tmp_path / "tank", tmp_path / "packages", tmp_path / "tank-1.0.0"
    source.mkdir()
    (source / "tank.py").write_text(block("python"))
    (source / "pyproject.toml").write_text(block("toml"))
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", packages, source, packages=packages)

    said = run(COMMAND, "bundle", "train-first", "--kind", "Tank", "--out", folder, packages=packages)
    model = yaml.safe_load(said)["model"]
    verified = verify(folder, model["sha256"])
    assert (verified.card.asset_kind, verified.card.version) == ("Tank", model["version"])
    assert verified.card.evaluation.precision > 0.9
    assert verified.card.evaluation.recall > 0.5
    assert verified.card.evaluation.precision_interval is not None

    # The predictor has never heard of it: the package is not on its path.
    with local_predictor(folder, verified.card, verified.digest, "tank") as running:
        scored = score_one_reading(running.address, "tank")
    assert (scored.version, scored.decision) == ("1.0.0", 1)
