"""Builds an image with whichever builder is there: buildah, podman or docker."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("buildah", "podman", "docker")


class BuildError(Exception):
    """The image cannot be built; the text is one sentence."""


@dataclass(frozen=True)
class Builder:
    """One of PROGRAMS, by its name; `flags` go to each of its builds."""

    program: str
    flags: tuple[str, ...] = ()

    @classmethod
    def found(cls, flags: tuple[str, ...] = ()) -> Builder:
        """The first that is on PATH. Raises BuildError."""
        for program in PROGRAMS:
            if shutil.which(program):
                return cls(program, flags)
        raise BuildError(f"none of {', '.join(PROGRAMS)} is on PATH: install one of them")

    def build(self, dockerfile: Path, context: Path, name: str, arguments: Mapping[str, str], epoch: int) -> None:
        """Build `name` without a network. Raises BuildError."""
        command = [self.program, "build", "--network=none", f"--file={dockerfile}", f"--tag={name}", *self.flags]
        if self.program != "docker":
            # Without layers of its own, and with one time for every file, the same input gives the same image.
            command += ["--layers=false", f"--timestamp={epoch}", "--format=oci", "--quiet"]
        command += [f"--build-arg={key}={value}" for key, value in arguments.items()]
        self._run(*command, str(context))

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{self.program} fails: {' '.join((done.stderr or done.stdout).split())[-800:]}")
