"""Removes from installed packages what no program imports: their own tests, C headers and typing stubs.

Run inside an image's build stage, with no package but the standard library: `python3 slim.py FOLDER`.
"""

import shutil
import sys
from pathlib import Path

TESTS = ("tests", "test")
TESTED = ("numpy", "scipy", "sklearn", "pandas", "skops", "threadpoolctl", "psutil", "google", "kubernetes")
"""Packages that install their tests, which none of their other modules imports."""
SUFFIXES = (".pyi", ".h", ".pxd", ".pyx", ".c", ".cpp", ".a")


def main(folder: Path) -> None:
    for package in TESTED:
        for tests in [path for name in TESTS for path in (folder / package).rglob(name) if path.is_dir()]:
            shutil.rmtree(tests, ignore_errors=True)
    for path in folder.rglob("*"):
        if path.suffix in SUFFIXES and path.is_file():
            path.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
