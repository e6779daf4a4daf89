"""Gathers what an image's build needs into one folder: wheels whose hashes are checked, and the bill of materials."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from materials import bill_of_materials

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12, 5)))
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "operator", "predictor")
"""What the product's wheel is built from."""
LEFT_OUT = ("weldserve", "grpcio-tools", "setuptools")
"""Not from the index: the product itself; and a generator of code with its installer, which no program imports."""
NATIVE = "weld_predictor/scoring/_native."
"""How the compiled scorer's file begins in the product's wheel."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", re.MULTILINE)
_HASH = re.compile(r"^ +--hash=sha256:([0-9a-f]{64})( \\)?$")


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
    requirements.write_text(_only_hashes(requirements.read_text(), _digests(folder / "wheels")))
    _download(_only(CONSTRAINTS, "pip", folder / "installer.txt"), folder / "installer", ingredients.python)
    (folder / "installer.txt").unlink()
    wheel = _build_product(folder / "wheels", epoch)
    if ingredients.name == "predictor" and not _has_native_scorer(wheel):
        raise WheelhouseError(
            "the predictor's compiled scorer is missing from the wheel: install gcc and Python's headers"
        )
    version = wheel.name.split("-")[1]
    with requirements.open("a") as file:
        file.write(f"weldserve=={version} \\\n    --hash=sha256:{_digest(wheel)}\n")
    listed = _run(
        sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of=JSON",
        f"--pyproject={ROOT / 'pyproject.toml'}", str(requirements),
    )  # fmt: skip
    (folder / "sbom.cdx.json").write_text(bill_of_materials(listed, sorted((folder / "wheels").glob("*.whl"))))
    shutil.copy(ROOT / "LICENSE", folder)
    shutil.copy(Path(__file__).with_name("slim.py"), folder)


def pins(requirements: str) -> set[tuple[str, str]]:
    """Name and version of each pinned requirement; a name may have several, for several versions of Python."""
    return set(_PIN.findall(requirements))


def _resolve(ingredients: Ingredients, requirements: Path) -> None:
    """Of the pinned packages, those that these extras need."""
    extras = [f"--extra={extra}" for extra in ingredients.extras]
    left_out = [f"--no-emit-package={name}" for name in LEFT_OUT]
    _run(
        sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--quiet", *extras, *left_out,
        f"--constraint={CONSTRAINTS}", "--generate-hashes", "--no-header", "--no-annotate",
        f"--python-version={ingredients.python}",
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


def _has_native_scorer(wheel: Path) -> bool:
    with zipfile.ZipFile(wheel) as archive:
        return any(name.startswith(NATIVE) and name.endswith(".so") for name in archive.namelist())


def _digest(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def _digests(folder: Path) -> set[str]:
    return {_digest(wheel) for wheel in folder.glob("*.whl")}


def _only_hashes(requirements: str, digests: set[str]) -> str:
    """The same requirements with, of their hashes, only these: those of the files that are in the image."""
    kept: list[str] = []
    for line in requirements.splitlines():
        found = _HASH.match(line)
        if found is None:
            kept.append(line)
        elif found[1] in digests:
            kept.append(f"    --hash=sha256:{found[1]}")
    return "\n".join(kept) + "\n"


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())[-600:]
        raise WheelhouseError(f"{' '.join(command[:4])} ... failed: {words}")
    return done.stdout
