"""Builds a base from Debian's own packages, and on it the product's images, as a site without a registry does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BASE = "localhost/debian-python:bookworm"
BASE_WITH_INSTALLERS = "localhost/debian-python-pip:bookworm"
INSTALLER_PACKAGES = ("pip", "setuptools", "wheel")
RELEASE = "bookworm"
PACKAGES = ("python3", "ca-certificates")
PROGRAMS = ("buildah", "mmdebstrap", "runc")
MIRROR = "http://deb.debian.org/debian"


class MissingProgramError(Exception):
    """A program that builds or runs images is not installed; the text says which, and how to get it."""


@dataclass(frozen=True)
class Image:
    """An image whose files are mounted: its name, where they are, and what the builder tells of it."""

    name: str
    root: Path
    config: Mapping[str, Any]

    def size(self) -> int:
        """Bytes of its files."""
        done = subprocess.run(["du", "-sb", "--one-file-system", self.root], capture_output=True, text=True, check=True)
        return int(done.stdout.split()[0])


class Workshop:
    """A store of images of its own, in a folder; leaves nothing mounted when it is closed."""

    def __init__(self, folder: Path) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise MissingProgramError(f"{', '.join(missing)} not found: apt-get install {' '.join(PROGRAMS)}")
        storage = folder / "storage.conf"
        storage.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/running"\n'
        )
        self._folder = folder
        self._environment = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(storage),
            "BUILDAH_ISOLATION": "chroot",
        }
        self._containers: list[str] = []

    def make_base(self) -> None:
        """The base: Debian with Python, from its mirror or from this user's cache, and no installer of packages."""
        tree = cache_folder() / f"{RELEASE}-{'-'.join(PACKAGES)}.tar"
        if not tree.exists():
            tree.parent.mkdir(parents=True, exist_ok=True)
            partial = tree.with_suffix(".partial")
            self._run(
                "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", "--format=tar",
                RELEASE, str(partial), MIRROR,
            )  # fmt: skip
            partial.rename(tree)
        context = self._folder / "base"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM scratch\nADD tree.tar /\n")
        shutil.copyfile(tree, context / "tree.tar")
        self._run("buildah", "build", "--quiet", "--layers=false", f"--tag={BASE}", str(context))

    def make_base_with_installers(self) -> str:
        """Gives the name of a base that has what Debian's python3-pip brings, and where it puts it."""
        context = self._folder / "base-with-installers"
        packages = context / "usr/lib/python3/dist-packages"
        programs = context / "usr/bin"
        programs.mkdir(parents=True)
        for package in (*INSTALLER_PACKAGES, "pkg_resources"):
            (packages / package).mkdir(parents=True)
            (packages / package / "__init__.py").touch()
        for program in ("pip", "pip3", "pip3.11", "wheel"):
            (programs / program).write_text("#!/usr/bin/python3\n")
            (programs / program).chmod(0o755)
        (context / "Dockerfile").write_text(f"FROM {BASE}\nCOPY usr /usr\n")
        self._run("buildah", "build", "--quiet", "--layers=false", f"--tag={BASE_WITH_INSTALLERS}", str(context))
        return BASE_WITH_INSTALLERS

    def build(self, *names: str, tag: str = "tested", base: str = BASE) -> list[Image]:
        """The product's images of these names, on a base."""
        program = str(ROOT / ".ci" / "images")
        arguments = (f"--python-image={base}", "--python=3.11", "--prefix=localhost/weldserve", f"--tag={tag}")
        self._run(sys.executable, program, *arguments, *names)
        return [self.open(f"localhost/weldserve/{name}:{tag}") for name in names]

    def open(self, name: str) -> Image:
        """Mount an image."""
        container = self._run("buildah", "from", "--pull-never", name)
        self._containers.append(container)
        about = json.loads(self._run("buildah", "inspect", "--type=image", name))
        return Image(name, Path(self._run("buildah", "mount", container)), about["OCIv1"]["config"])

    def layers(self, name: str) -> list[str]:
        """Digests of an image's layers, the base's first."""
        about = json.loads(self._run("buildah", "inspect", "--type=image", name))
        digests: list[str] = about["OCIv1"]["rootfs"]["diff_ids"]
        return digests

    def close(self) -> None:
        """Unmount everything."""
        for container in self._containers:
            self._run("buildah", "rm", container)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
        )
        assert done.returncode == 0, f"{command[0]} fails: {done.stderr[-3000:] or done.stdout[-3000:]}"
        return done.stdout.strip()


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "weldserve" / "images"
