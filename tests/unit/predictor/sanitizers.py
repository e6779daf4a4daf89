"""Builds C sources so that the first byte read or written outside of its array ends the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.unit.predictor import sanitized

ROOT = Path(__file__).parents[3]
FLAGS = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-fno-sanitize-recover=all")
SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow"


def compile_with(*arguments: str | Path) -> None:
    """Call gcc."""
    subprocess.run(["gcc", *FLAGS, SANITIZERS, *arguments, "-lm"], check=True, timeout=120)


def skip_without_sanitizers(folder: Path) -> None:
    """Where there is no gcc, or it has no sanitizers, there is nothing to run; `folder` is empty."""
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    command: list[str | Path] = ["gcc", SANITIZERS, folder / "empty.c", "-o", folder / "empty"]
    if subprocess.run(command, capture_output=True, check=False, timeout=120).returncode:
        pytest.skip("gcc has no sanitizers here")


def run_tests(name: str, sources: list[Path], folder: Path, *tests: str | Path) -> None:
    """Run `tests` with the module `name` built from `sources` into `folder`; they must pass."""
    library = folder / "_native.abi3.so"
    compile_with(f"-I{sysconfig.get_path('include')}", "-shared", "-fPIC", *sources, "-o", library)
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime,
        # Python itself leaves memory behind at its end.
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
        sanitized.NAME: name,
        sanitized.PATH: str(library),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", sanitized.__name__, "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"compiled module: {library}" in done.stdout
