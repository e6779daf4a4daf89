"""What stands, in a Pod's command, arguments and environment, for what a container's namespaces would provide."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_REFERENCE = re.compile(r"\$\$|\$\(([^()]*)\)")
_INTERPRETERS = ("python", "python3")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable's value as Kubernetes does.

    An unknown name stays as it is written, and `$$` is one dollar sign that begins no reference.
    """

    def value(found: re.Match[str]) -> str:
        if found.group() == "$$":
            return "$"
        return variables.get(found.group(1), found.group())

    return _REFERENCE.sub(value, text)


@dataclass(frozen=True)
class Substitution:
    """`paths`: path in the container -> path on this machine; `address`: the Pod's own, in place of 0.0.0.0."""

    paths: Mapping[str, str]
    address: str

    def text(self, value: str) -> str:
        """Replace each path, alone or as the beginning of a longer one, and each 0.0.0.0; nothing is replaced twice."""
        return self._pattern().sub(self._replacement, value)

    def command(self, parts: Sequence[str]) -> list[str]:
        """The substituted command line; Python, called by its bare name, is the interpreter that runs the rig."""
        replaced = [self.text(part) for part in parts]
        if replaced and replaced[0] in _INTERPRETERS:
            replaced[0] = sys.executable
        return replaced

    def _pattern(self) -> re.Pattern[str]:
        # The longest first, so that a mount inside another mount is not taken for a file of the outer one.
        paths = "|".join(re.escape(path) for path in sorted(self.paths, key=len, reverse=True))
        address = r"(?<![\d.])0\.0\.0\.0(?![\d.])"
        if not paths:
            return re.compile(address)
        # A path begins after anything but a part of a path (`file://` excepted), and ends with its last name.
        return re.compile(rf"(?:(?<=://)|(?<![\w./-]))(?P<path>{paths})(?![\w.-])|{address}")

    def _replacement(self, found: re.Match[str]) -> str:
        path = found.groupdict().get("path")
        return self.address if path is None else self.paths[path]
