"""Kinds of assets are data: what a name stands for, and what a package of its own adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from weld_simulator.feature_sets import FEATURE_SETS, feature_set
from weld_simulator.features import FEATURE_SET, FEATURE_VERSION, PULSE_ECHO
from weld_simulator.kinds import KINDS
from weld_simulator.registry import UnknownNameError


def add(folder: Path, group: str, name: str, value: str) -> None:
    """What pip leaves of a package that has an entry point."""
    about = folder / f"{name.lower()}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.lower()}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")


@pytest.mark.parametrize("name", KINDS.own)
def test_each_kind_is_found_by_the_name_that_it_has(name: str) -> None:
    kind = KINDS.find(name)
    assert kind.name == name
    assert kind.recipes
    assert kind.readings >= kind.fewest_readings >= kind.sites.all


def test_a_name_that_nobody_registered_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match="there is no kind of asset 'Bridge'; there is PipelineWeld and Silo"):
        KINDS.find("Bridge")


def test_a_package_adds_a_name_and_cannot_take_one_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    add(tmp_path, KINDS.group, "Tank", "weld_simulator.silo.bundle:KIND")
    add(tmp_path, KINDS.group, "Silo", "weld_simulator.first_bundle:KIND")
    assert KINDS.names() == ["PipelineWeld", "Silo", "Tank"]
    assert KINDS.find("Tank").inputs == KINDS.find("Silo").inputs
    assert KINDS.find("Silo").name == "Silo"


def test_a_name_that_stands_for_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    add(tmp_path, KINDS.group, "Tank", "weld_simulator.silo.bundle:PERIOD")
    sentence = "kind of asset 'Tank' is to be a Kind, but weld_simulator.silo.bundle:PERIOD is a timedelta"
    with pytest.raises(UnknownNameError, match=sentence):
        KINDS.find("Tank")


def test_a_set_of_features_is_found_by_name_and_version_alone() -> None:
    assert list(FEATURE_SETS.own) == [FEATURE_SET]
    assert feature_set(FEATURE_SET, FEATURE_VERSION) is PULSE_ECHO
    assert feature_set(FEATURE_SET, FEATURE_VERSION + 1) is None
    assert feature_set("unheard-of", 1) is None
