"""Prometheus' text format, as far as counters need it.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted."""

PROCESS_START = "process_start_time_seconds"

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
# Neither part can match what another one can, so a line is read once, whatever is in it.
_LINE = re.compile(rf'({_NAME})[ \t]*(?:\{{((?:[^"{{}}]|"(?:[^"\\]|\\.)*")*)\}})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*')
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")
_LONGEST_QUOTE = 60


class ExpositionError(Exception):
    """This is no text format, or no counter; the text is a clause."""


@dataclass
class Page:
    """What a process shows at one moment: counters by name, and when it started (Unix time), where it says so."""

    counters: dict[str, dict[Labels, float]] = field(default_factory=dict)
    process_start: float | None = None


def read_page(text: str, metrics: Collection[str]) -> Page:
    """The counters that are named in `metrics`; other lines must be such as the format has. Raises ExpositionError."""
    page = Page()
    for name, labels, value in _samples(text):
        if name in metrics:
            page.counters.setdefault(name, {})[_labels(labels)] = _counted(name, value)
        elif name == PROCESS_START:
            page.process_start = _number(value)
    return page


def _samples(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, labels and value of each sample."""
    # Only a line feed ends a line here.
    for line in text.split("\n"):
        if not line or line.startswith("#") or line.isspace():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ExpositionError(f"the line {_quote(line)} is not of Prometheus' text format")
        name, labels, value = found.groups(default="")
        yield name, labels, value


def _labels(text: str) -> Labels:
    labels: dict[str, str] = {}
    text = text.rstrip(" \t")
    place = 0
    while place < len(text):
        found = _LABEL.match(text, place)
        if found is None:
            raise ExpositionError(f"the labels {_quote(text)} are not of Prometheus' text format")
        labels[found[1]] = _ESCAPED.sub(_unescaped, found[2])
        place = found.end()
    return tuple(sorted(labels.items()))


def _unescaped(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] == "n" else escaped[1]


def _counted(name: str, value: str) -> float:
    number = _number(value)
    if not math.isfinite(number) or number < 0:
        raise ExpositionError(f"the counter {name} is {value}, expected a number of 0 or more")
    return number


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ExpositionError(f"the value {_quote(value)} is not a number") from None


def _quote(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}...")
