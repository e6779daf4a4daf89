"""Which program of this machine stands for a container image."""

from __future__ import annotations

from tests.sandbox.kube_api import Object
from tests.sandbox.node.downward import ConfigError

# Part of an image's name -> the command that its entry point would be.
PROGRAMS = {"storage-initializer": ("python3", "-m", "tests.sandbox.storage_initializer")}


class ImageError(ConfigError):
    """A container relies on its image's own entry point, and the stand-in node knows none for that image."""


def command_line(container: Object) -> list[str]:
    """The container's command and arguments; without a command the program that stands for its image.

    Raises ImageError, as if the image could not be pulled, when there is neither.
    """
    command = list(container.get("command") or _entry_point(container.get("image", "")))
    return [*command, *container.get("args", [])]


def _entry_point(image: str) -> tuple[str, ...]:
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    for part, program in PROGRAMS.items():
        if part in name:
            return program
    raise ImageError(
        f'Back-off pulling image "{image}": the stand-in node has no program for it '
        f"(it knows {', '.join(PROGRAMS)}); give the container a command"
    )
