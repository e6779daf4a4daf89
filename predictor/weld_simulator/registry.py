"""Things by name: a table of our own, and what installed packages add by entry points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class UnknownNameError(ValueError):
    """A name that nobody has registered, or that stands for something else; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Registry(Generic[Thing]):
    """Objects of one type, imported when they are asked for."""

    what: str
    """In words, for sentences."""
    type: type[Thing]
    group: str
    """Of the entry points with which a package adds to it."""
    own: Mapping[str, str]
    """Ours, by name: `module:object`, as in an entry point. A package cannot take their names."""

    def names(self) -> list[str]:
        """All that are known, ours first."""
        return [*self.own, *sorted({each.name for each in entry_points(group=self.group)} - set(self.own))]

    def __contains__(self, name: str) -> bool:
        return self._entry(name) is not None

    def find(self, name: str) -> Thing:
        """The object of this name. Raises UnknownNameError, and whatever its module raises on import."""
        entry = self._entry(name)
        if entry is None:
            raise UnknownNameError(f"there is no {self.what} {name!r}; there is {' and '.join(self.names())}")
        found = entry.load()
        if not isinstance(found, self.type):
            raise UnknownNameError(
                f"{self.what} {name!r} is to be a {self.type.__name__}, but {entry.value} is a {type(found).__name__}"
            )
        return found

    def _entry(self, name: str) -> EntryPoint | None:
        if name in self.own:
            return EntryPoint(name, self.own[name], self.group)
        return next(iter(entry_points(group=self.group, name=name)), None)
