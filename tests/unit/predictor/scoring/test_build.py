"""Installing: with a compiler there is a compiled module for every Python from 3.11 on, without one there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SCORING = "weld_predictor/scoring"


def wheel(folder: Path, compiler: str | None) -> zipfile.ZipFile:
    """The product's wheel, as pip builds it with this compiler or with the machine's own."""
    sources = folder / "sources"
    for part in ("operator", "predictor"):
        shutil.copytree(ROOT / part, sources / part, ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, sources)
    environment = os.environ if compiler is None else {**os.environ, "CC": compiler}
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}")
    command = [sys.executable, "-m", "pip", "wheel", *options, str(sources)]
    subprocess.run(command, check=True, env=environment, timeout=240)
    (found,) = folder.glob("*.whl")
    return zipfile.ZipFile(found)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_a_wheel_holds_the_compiled_module_and_none_of_its_sources(tmp_path: Path) -> None:
    with wheel(tmp_path, "gcc") as built:
        names = built.namelist()
        assert built.filename is not None
    assert "-cp311-abi3-" in built.filename
    assert f"{SCORING}/_native.abi3.so" in names
    assert f"{SCORING}/_native.pyi" in names
    assert not [name for name in names if name.endswith((".c", ".h"))]


def test_without_a_compiler_the_product_is_built_all_the_same(tmp_path: Path) -> None:
    with wheel(tmp_path, "false") as built:
        names = built.namelist()
    assert f"{SCORING}/native.py" in names
    assert not [name for name in names if name.endswith(".so")]
