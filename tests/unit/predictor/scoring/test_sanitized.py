"""The C sources, built so that the first byte read or written outside of its array ends the program.

Where there is no gcc, or it has no sanitizers, there is nothing to run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import weld_predictor.scoring
from tests.unit.predictor.scoring import sanitized

HERE = Path(__file__).parent
SOURCES = Path(weld_predictor.scoring.__file__).parent
ROOT = HERE.parents[3]
FLAGS = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-fno-sanitize-recover=all", f"-I{SOURCES}")
SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow"
DESCRIPTIONS = 20_000


def compile_with(*arguments: str | Path) -> None:
    subprocess.run(["gcc", *FLAGS, SANITIZERS, *arguments, "-lm"], check=True, timeout=120)


@pytest.fixture(scope="module", autouse=True)
def _sanitizers(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("empty")
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    command: list[str | Path] = ["gcc", SANITIZERS, folder / "empty.c", "-o", folder / "empty"]
    if subprocess.run(command, capture_output=True, check=False, timeout=120).returncode:
        pytest.skip("gcc has no sanitizers here")


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("fuzzer") / "kernel_fuzz"
    compile_with(SOURCES / "kernel.c", HERE / "kernel_fuzz.c", "-o", program)
    return program


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_no_description_makes_a_kernel_read_outside_of_its_arrays(fuzzer: Path, seed: str) -> None:
    done = subprocess.run([fuzzer, str(DESCRIPTIONS), seed], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    counts = re.fullmatch(r"(\d+) made, (\d+) refused\n", done.stdout)
    assert counts is not None
    assert min(map(int, counts.groups())) > DESCRIPTIONS // 10


def test_the_tests_of_the_kernels_touch_no_foreign_memory(tmp_path: Path) -> None:
    library = tmp_path / "_native.abi3.so"
    include = sysconfig.get_path("include")
    compile_with(f"-I{include}", "-shared", "-fPIC", SOURCES / "native.c", SOURCES / "kernel.c", "-o", library)
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime,
        # Python itself leaves memory behind at its end.
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
        sanitized.PATH: str(library),
    }
    command = [sys.executable, "-m", "pytest", "-p", sanitized.__name__, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, HERE / "test_kernel.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"compiled module: {library}" in done.stdout
