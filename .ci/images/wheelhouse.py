"""Gathers what an image's build needs into one folder: wheels whose hashes are checked, and the bill of materials."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12, 5)))
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "operator", "predictor")
"""What the product's wheel is built from."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", re.MULTILINE)


class WheelhouseError(Exception):
    """The wheels cannot be gathered; the text is one sentence."""


@dataclass(frozen=True)
class Ingredients:
    """What goes into one image: its name, the extras of the product, and the Python that it is for (`3.11`)."""

    name: str
    extras: tuple[str, ...]
    python: str


def gather(ingredients: Ingredients, folder: Path, epoch: int) -> None:
    """Fill `folder`, which is emptied first: wheels/, installer/, requirements.txt, sbom.cdx.json, LICENSE, slim.py.

    `epoch`: Unix time of the sources, for files inside the product's wheel. Raises WheelhouseError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    requirements = folder / "requirements.txt"
    _resolve(ingredients, requirements)
    _download(requirements, folder / "wheels", ingredients.python)
    _download(_only(CONSTRAINTS, "pip", folder / "installer.txt"), folder / "installer", ingredients.python)
    (folder / "installer.txt").unlink()
    wheel = _build_product(folder / "wheels", epoch)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    version = wheel.name.split("-")[1]
    with requirements.open("a") as file:
        file.write(f"weldserve=={version} \\\n    --hash=sha256:{digest}\n")
    _write_bill_of_materials(requirements, folder / "sbom.cdx.json")
    shutil.copy(ROOT / "LICENSE", folder)
    shutil.copy(Path(__file__).with_name("slim.py"), folder)


def pins(requirements: str) -> set[tuple[str, str]]:
    """Name and version of each pinned requirement; a name may have several, for several versions of Python."""
    return set(_PIN.findall(requirements))


def _resolve(ingredients: Ingredients, requirements: Path) -> None:
    """Of the pinned packages, those that these extras need."""
    extras = [f"--extra={extra}" for extra in ingredients.extras]
    _run(
        sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--quiet", *extras,
        f"--constraint={CONSTRAINTS}", "--generate-hashes", "--no-header", "--no-annotate",
        "--no-emit-package=weldserve", f"--python-version={ingredients.python}",
        "--python-platform=x86_64-manylinux_2_28", f"--output-file={requirements}",
    )  # fmt: skip
    if strays := pins(requirements.read_text()) - pins(CONSTRAINTS.read_text()):
        name, version = min(strays)
        raise WheelhouseError(f"{name} {version} is not pinned in .ci/constraints.txt: make lock pins it")


def _only(constraints: Path, name: str, to: Path) -> Path:
    """The one requirement of this name, with its hashes, as a file."""
    entries = re.split(r"^(?=[A-Za-z0-9])", constraints.read_text(), flags=re.MULTILINE)
    found = [entry for entry in entries if entry.startswith(f"{name}==")]
    if not found:
        raise WheelhouseError(f".ci/constraints.txt does not pin {name}")
    to.write_text(found[0])
    return to


def _download(requirements: Path, folder: Path, python: str) -> None:
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    _run(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes",
        "--no-deps", "--only-binary=:all:", f"--python-version={python}", *platforms,
        f"--requirement={requirements}", f"--dest={folder}",
    )  # fmt: skip


def _build_product(folder: Path, epoch: int) -> Path:
    """The product's own wheel, from the files that git knows."""
    with tempfile.TemporaryDirectory() as temporary:
        sources = Path(temporary) / "sources"
        for name in _run("git", "ls-files", "-z", *SOURCES).split("\0"):
            if name and (ROOT / name).is_file():
                (sources / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, sources / name)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        _run(
            sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--no-build-isolation", f"--wheel-dir={folder}", str(sources), environment=environment,
        )  # fmt: skip
    (wheel,) = folder.glob("weldserve-*.whl")
    return wheel


def _write_bill_of_materials(requirements: Path, to: Path) -> None:
    """CycloneDX, from the pinned requirements; without its random serial number, so that it is the same each time."""
    text = _run(
        sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of=JSON",
        f"--pyproject={ROOT / 'pyproject.toml'}", str(requirements),
    )  # fmt: skip
    to.write_text(json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n")


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())[-600:]
        raise WheelhouseError(f"{' '.join(command[:4])} ... failed: {words}")
    return done.stdout
