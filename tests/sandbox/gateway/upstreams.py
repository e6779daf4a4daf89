"""The upstreams of each rule, as the contents of the files from which Caddy reads them.

A reload of Caddy's configuration loses requests: its old server closes connections whose request it has just read
(golang/go#75591). So what changes often, Pods and weights, is not in the configuration: each rule has a fixed number
of slots to go round in, and each slot's upstream is read from a file for each request.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import cycle
from pathlib import Path

from tests.sandbox.gateway.backends import Backend, Services
from tests.sandbox.gateway.data_plane import DataPlane
from tests.sandbox.gateway.rules import Rule
from tests.sandbox.gateway.slots import SLOTS, interleaved, shares


def slot_names(rule: Rule) -> list[str]:
    """The files of a rule's slots, relative to the folder of all; the same for each of its matches and host names."""
    return [f"{rule.namespace}/{rule.route}/{rule.number}/{slot:02d}" for slot in range(SLOTS)]


def slot_contents(rules: Iterable[Rule], services: Services, plane: DataPlane) -> dict[str, str]:
    """What each slot of each rule contains: the `address:port` of an upstream."""
    contents: dict[str, str] = {}
    for rule in rules:
        names = slot_names(rule)
        if names[0] not in contents:
            backends = [services.backend(one, rule.namespace) for one in rule.rule.get("backendRefs", [])]
            contents |= zip(names, _round(backends, plane), strict=True)
    return contents


def _round(backends: list[Backend], plane: DataPlane) -> list[str]:
    weighted = [one for one in backends if one.weight > 0]
    if not weighted:
        return [plane.no_backend] * SLOTS
    endpoints = [cycle(one.endpoints or (_answerer(one, plane),)) for one in weighted]
    return [next(endpoints[index]) for index in interleaved(shares([one.weight for one in weighted]))]


def _answerer(backend: Backend, plane: DataPlane) -> str:
    return plane.no_backend if backend.problem else plane.no_endpoint


class SlotFiles:
    """The files of a folder, kept as told; each is replaced whole, so that a reader finds the old or the new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, str] = {}

    def write(self, contents: Mapping[str, str]) -> None:
        """Write those that differ."""
        for name, content in contents.items():
            if self._written.get(name) != content:
                path = self._folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_text(content)
                os.replace(partial, path)
                self._written[name] = content

    def remove_others(self, names: Iterable[str]) -> None:
        """Remove those that are not named."""
        for name in self._written.keys() - set(names):
            (self._folder / name).unlink(missing_ok=True)
            del self._written[name]
