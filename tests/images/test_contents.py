"""What is in the images, and what is not."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images.building import Image, Workshop
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
        "weld_cli.main",
        "opentelemetry.sdk",
    ),
}
UNWANTED = ("gcc", "cc", "g++", "ld", "make", "pip", "pip3", "curl", "wget", "git")


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


@pytest.mark.parametrize("name", NAMES)
def test_it_brings_neither_compiler_nor_installer(images: dict[str, Image], tmp_path: Path, name: str) -> None:
    code = (
        "import importlib.util, shutil\n"
        f"print([each for each in {UNWANTED} if shutil.which(each)])\n"
        "print([each for each in ('pip', 'ensurepip') if importlib.util.find_spec(each)])"
    )
    assert _run(images[name], tmp_path / "container", code).split("\n")[:2] == ["[]", "[]"]


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
            assert not may_write, path


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(images: dict[str, Image], name: str) -> None:
    config = images[name].config
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["python3", "-m", f"weld_{name}"]
    assert labels["title"] == f"weldserve {name}"
    assert labels["version"] == "0.1.0"
    assert labels["licenses"] == "Apache-2.0"
    assert len(labels["revision"]) == 40


@pytest.mark.parametrize("name", NAMES)
def test_its_bill_of_materials_names_every_package(images: dict[str, Image], tmp_path: Path, name: str) -> None:
    bill = json.loads((images[name].root / "usr/share/doc/weldserve/sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed = {(_plain(each["name"]), each["version"]) for each in bill["components"]}
    code = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(path=['/opt/weldserve']): print(d.metadata['Name'], d.version)"
    )
    lines = _run(images[name], tmp_path / "container", code).splitlines()
    assert {(_plain(name), version) for name, version in map(str.split, lines)} == listed


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_the_same_sources_give_the_same_image(workshop: Workshop, operator: Image) -> None:
    workshop.build("operator", tag="again")
    assert workshop.layers("localhost/weldserve/operator:again") == workshop.layers(operator.name)
