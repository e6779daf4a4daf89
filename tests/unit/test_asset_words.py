"""Operator and predictor serve any kind of asset: no line of theirs names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("operator/weld_operator", "operator/weld_api", "predictor/weld_predictor", "predictor/weld_bundle")
ENDINGS = {".py", ".pyi", ".c", ".h"}

ASSET = re.compile(r"weld|silo|girth|pipeline", re.IGNORECASE)

OWN_NAMES = re.compile(
    r"weldserve|weld_?model|weld_(api|operator|predictor|bundle|simulator|cli)\b"
    r"|WELD_(KERNEL|MEMORY)_H\b|weld_\{cls\.program\}|kubectl weld\b",
    re.IGNORECASE,
)
"""The product's, its resource's, its packages' and programs', and the guards of its headers."""

OTHER_MEANINGS = {
    "predictor/weld_bundle/audit.py": "sklearn.pipeline.Pipeline",
    "predictor/weld_predictor/scoring/translation.py": "scikit-learn's Pipeline",
    "predictor/weld_predictor/front/connection.py": "HTTP pipelining",
}
"""Files in which a pipeline is no asset, and what it is there."""


def named(line: str) -> list[str]:
    """Words for assets in a line, but for the product's own names."""
    return [found.group().lower() for found in ASSET.finditer(OWN_NAMES.sub("", line))]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('ASSET_KIND = "PipelineWeld"', ["pipeline", "weld"]),
        ("# a girth weld's echo", ["girth", "weld"]),
        ("if site.silos > 1:", ["silo"]),
        ("from weld_api.weld_model import WeldModelSpec, parse_weld_model", []),
        ("kubectl get weldmodels.weldserve.io", []),
        ("class WeldedSeam:", ["weld"]),
    ],
)
def test_asset_words_are_told_from_the_product_s_names(line: str, words: list[str]) -> None:
    assert named(line) == words


@pytest.mark.parametrize("package", PACKAGES)
def test_no_line_names_a_kind_of_asset(package: str) -> None:
    files = [file for file in sorted((ROOT / package).rglob("*")) if file.suffix in ENDINGS]
    assert files
    lines = [
        f"{name}:{number}: {line.strip()}"
        for file in files
        for name in (str(file.relative_to(ROOT)),)
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        for words in (set(named(line)),)
        if words - ({"pipeline"} if name in OTHER_MEANINGS else set())
    ]
    assert lines == []


def test_every_exception_is_still_needed() -> None:
    for name in OTHER_MEANINGS:
        assert "pipeline" in named((ROOT / name).read_text()), name
