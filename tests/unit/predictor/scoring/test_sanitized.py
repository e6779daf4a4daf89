"""The C sources of scoring, built so that the first byte read or written outside of its array ends the program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import weld_predictor.scoring
from tests.unit.predictor.sanitizers import compile_with, run_tests, skip_without_sanitizers

HERE = Path(__file__).parent
SOURCES = Path(weld_predictor.scoring.__file__).parent
DESCRIPTIONS = 20_000


@pytest.fixture(scope="module", autouse=True)
def _sanitizers(tmp_path_factory: pytest.TempPathFactory) -> None:
    skip_without_sanitizers(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("fuzzer") / "kernel_fuzz"
    compile_with(f"-I{SOURCES}", SOURCES / "kernel.c", HERE / "kernel_fuzz.c", "-o", program)
    return program


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_no_description_makes_a_kernel_read_outside_of_its_arrays(fuzzer: Path, seed: str) -> None:
    done = subprocess.run([fuzzer, str(DESCRIPTIONS), seed], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    counts = re.fullmatch(r"(\d+) made, (\d+) refused\n", done.stdout)
    assert counts is not None
    assert min(map(int, counts.groups())) > DESCRIPTIONS // 10


def test_the_tests_of_the_kernels_touch_no_foreign_memory(tmp_path: Path) -> None:
    sources = [SOURCES / "native.c", SOURCES / "kernel.c"]
    run_tests("weld_predictor.scoring._native", sources, tmp_path, HERE / "test_kernel.py")
