"""The C sources of intake, built so that the first byte read or written outside of its array ends the program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import weld_predictor.intake
from tests.unit.predictor.sanitizers import ROOT, compile_with, run_tests, skip_without_sanitizers

HERE = Path(__file__).parent
SOURCES = Path(weld_predictor.intake.__file__).parent
BATCHES = 20_000


@pytest.fixture(scope="module", autouse=True)
def _sanitizers(tmp_path_factory: pytest.TempPathFactory) -> None:
    skip_without_sanitizers(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("fuzzer") / "memory_fuzz"
    compile_with(f"-I{SOURCES}", SOURCES / "memory.c", HERE / "memory_fuzz.c", "-o", program)
    return program


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_no_readings_make_the_memory_reach_outside_of_its_arrays(fuzzer: Path, seed: str) -> None:
    done = subprocess.run([fuzzer, str(BATCHES), seed], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    counts = re.fullmatch(r"(\d+) scored, (\d+) repeated, (\d+) carried\n", done.stdout)
    assert counts is not None
    assert min(map(int, counts.groups())) > BATCHES


def test_the_tests_of_the_memory_touch_no_foreign_memory(tmp_path: Path) -> None:
    tests = ROOT / "tests" / "contract" / "test_sensor_memory.py"
    sources = [SOURCES / "native.c", SOURCES / "memory.c"]
    run_tests("weld_predictor.intake._native", sources, tmp_path, tests, "-k", "compiled or plain_python or passes")
