"""What is in the images, and what is not."""

import json
import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.images.building import ROOT, Image, Workshop
from tests.images.container import USER, Container

MEBIBYTE = 1 << 20
BOUNDS = {"operator": 200, "predictor": 600}
"""Mebibytes above the base."""
NAMES = tuple(BOUNDS)
MODULES = {
    "operator": ("weld_api", "weld_operator.program", "weld_cli.main", "kopf", "kubernetes.aio"),
    "predictor": (
        "weld_predictor.server",
        "weld_simulator.first_bundle",
        "weld_simulator.silo.bundle",
        "weld_cli.main",
        "opentelemetry.sdk",
    ),
}
UNWANTED = ("gcc", "cc", "g++", "ld", "make", "pip", "pip3", "wheel", "curl", "wget", "git")
INSTALLERS = ("pip", "ensurepip", "setuptools", "pkg_resources", "wheel", "grpc_tools")


def _run(image: Image, folder: Path, code: str) -> str:
    with Container(folder, image.root, image.config, ["-c", code], entry_point=["python3"]) as container:
        assert container.wait(120) == 0, container.said
        return container.said


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_small(images: dict[str, Image], base: Image, name: str, say: Callable[[str], None]) -> None:
    size = (images[name].size() - base.size()) / MEBIBYTE
    say(f"{name}: {size:.0f} MiB above a base of {base.size() / MEBIBYTE:.0f} MiB")
    assert size <= BOUNDS[name]


@pytest.mark.parametrize("name", NAMES)
def test_all_that_it_runs_can_be_imported(images: dict[str, Image], tmp_path: Path, name: str) -> None:
    code = "import importlib\n" + "\n".join(f"importlib.import_module({module!r})" for module in MODULES[name])
    assert "Error" not in _run(images[name], tmp_path / "container", code)


def _compilers_and_installers(image: Image, folder: Path) -> list[str]:
    code = (
        "import importlib.util, shutil\n"
        f"print(*[each for each in {UNWANTED} if shutil.which(each)])\n"
        f"print(*[each for each in {INSTALLERS} if importlib.util.find_spec(each)])"
    )
    return _run(image, folder, code).split()


@pytest.mark.parametrize("name", NAMES)
def test_it_brings_neither_compiler_nor_installer(images: dict[str, Image], tmp_path: Path, name: str) -> None:
    assert _compilers_and_installers(images[name], tmp_path / "container") == []


def test_it_takes_the_installers_of_its_base_away(
    workshop: Workshop, base_with_installers: str, tmp_path: Path
) -> None:
    before = workshop.open(base_with_installers)
    assert {"pip", "setuptools", "wheel"} <= set(_compilers_and_installers(before, tmp_path / "base"))
    (after,) = workshop.build("operator", tag="cleaned", base=base_with_installers)
    assert _compilers_and_installers(after, tmp_path / "operator") == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_it_gives_rights_or_can_be_changed(images: dict[str, Image], name: str) -> None:
    for folder, folders, files in os.walk(images[name].root):
        for entry in (*folders, *files):
            path = Path(folder, entry)
            about = path.lstat()
            if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
                continue
            assert stat.S_ISDIR(about.st_mode) or not about.st_mode & (stat.S_ISUID | stat.S_ISGID), path
            assert about.st_uid != USER, path
            may_write = about.st_mode & stat.S_IWOTH and not about.st_mode & stat.S_ISVTX
            assert not (about.st_gid == USER and about.st_mode & stat.S_IWGRP), path
            assert not may_write, path


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(images: dict[str, Image], name: str) -> None:
    config = images[name].config
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["python3", "-m", f"weld_{name}"]
    assert labels["title"] == f"weldserve {name}"
    assert labels["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", labels["revision"])


def _bill(image: Image) -> str:
    return (image.root / "usr/share/doc/weldserve/sbom.cdx.json").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_its_bill_of_materials_names_every_package(images: dict[str, Image], tmp_path: Path, name: str) -> None:
    bill = json.loads(_bill(images[name]))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(_bill(images[name])) is None
    listed = {(_plain(each["name"]), each["version"]) for each in bill["components"]}
    code = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(path=['/opt/weldserve']): print(d.metadata['Name'], d.version)"
    )
    lines = _run(images[name], tmp_path / "container", code).splitlines()
    assert {(_plain(name), version) for name, version in map(str.split, lines)} == listed


@pytest.mark.parametrize("name", NAMES)
def test_its_bill_of_materials_gives_one_hash_and_the_licence_of_each(images: dict[str, Image], name: str) -> None:
    for each in json.loads(_bill(images[name]))["components"]:
        assert each["licenses"], each["name"]
        assert sum(len(reference.get("hashes", ())) for reference in each["externalReferences"]) == 1, each["name"]


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_the_same_sources_give_the_same_image(workshop: Workshop, operator: Image) -> None:
    workshop.build("operator", tag="again")
    assert workshop.layers("localhost/weldserve/operator:again") == workshop.layers(operator.name)
