"""What an upgrade of the operator does to a running fleet: differences between releases, and what each one costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml

from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE, Object

ACCEPTED = Path(__file__).parent / "changes.yaml"


class Effect(StrEnum):
    """What a difference does to what is running, the worst first."""

    ENDS = "ends the pods of"
    RESTARTS = "restarts the pods of"
    REROUTES = "sends the sensors elsewhere by"
    REWRITES = "re-writes, with no restart,"
    MAKES = "makes"


DISTURBING = (Effect.ENDS, Effect.RESTARTS, Effect.REROUTES)
"""What must be decided on: a reading may be answered later, by other code, or not at all."""

WITHOUT_RESTART = (
    "spec.predictor.minReplicas",
    "spec.predictor.maxReplicas",
    "spec.predictor.scaleMetric",
    "spec.predictor.scaleTarget",
    "metadata.ownerReferences",
)
"""All of an InferenceService that does not reach the template of its Pods; KServe passes on labels and annotations."""

ADDRESS = ("spec.hostnames", "spec.parentRefs")
"""Of an HTTPRoute: where sensors find it."""

ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One difference of one object; `path` is empty where the whole object came or went."""

    kind: str
    name: str
    path: str
    was: object
    now: object

    @property
    def effect(self) -> Effect:
        return _effect(self)

    def __str__(self) -> str:
        what = f"{self.effect} {self.kind} {self.name}"
        if not self.path:
            return what
        return f"{what}: {self.path} {told(self.was, self.now)}"


@dataclass(frozen=True)
class Accepted:
    """A change that was decided on: `field` is a kind and a path, which covers all below it."""

    field: str
    reason: str

    def covers(self, field: str) -> bool:
        rest = field.removeprefix(self.field)
        return rest != field and rest[:1] in ("", ".", "[")


def differences(before: Iterable[Object], after: Iterable[Object]) -> Iterator[Change]:
    """What distinguishes two sets of objects."""
    old, new = ({(body["kind"], body["metadata"]["name"]): body for body in bodies} for bodies in (before, after))
    for place in sorted(old.keys() | new.keys()):
        if place not in old or place not in new:
            yield Change(*place, "", old.get(place, ABSENT), new.get(place, ABSENT))
            continue
        for path, was, now in _compared(old[place], new[place], ""):
            yield Change(*place, path, was, now)


def field_of(change: Change) -> str:
    """By what a change is accepted: the kind and the path, whatever the object's name."""
    return " ".join(filter(None, (change.kind, change.path)))


def undecided(changes: Iterable[Change], accepted: Sequence[Accepted]) -> list[Change]:
    """The changes that disturb a running fleet and are not accepted."""
    return [
        change
        for change in changes
        if change.effect in DISTURBING and not any(each.covers(field_of(change)) for each in accepted)
    ]


def superfluous(fields: Iterable[str], accepted: Sequence[Accepted]) -> list[str]:
    """What is accepted and covers none of these fields: it hides the next accident."""
    given = list(fields)
    return [each.field for each in accepted if not any(each.covers(field) for field in given)]


def accepted_changes(part: str, path: Path = ACCEPTED) -> list[Accepted]:
    """What was decided on since the last release, of `objects` or of the `definition`. Raises ValueError."""
    accepted = [Accepted(**entry) for entry in yaml.safe_load(path.read_text())[part]]
    for each in accepted:
        if len(each.reason.split()) < 3:
            raise ValueError(f"{path.name}: {each.field} needs a reason")
    return accepted


def _effect(change: Change) -> Effect:
    if change.was is ABSENT and not change.path:
        return Effect.MAKES
    match change.kind:
        case INFERENCE_SERVICE.name if not change.path:
            return Effect.ENDS
        case INFERENCE_SERVICE.name:
            return Effect.REWRITES if _is_below(change.path, WITHOUT_RESTART) else Effect.RESTARTS
        case HTTP_ROUTE.name if not change.path or _is_below(change.path, ADDRESS):
            return Effect.REROUTES
        case _:
            return Effect.REWRITES


def _is_below(path: str, fields: Iterable[str]) -> bool:
    return any(path == field or path.startswith((f"{field}.", f"{field}[")) for field in fields)


def _compared(was: object, now: object, path: str) -> Iterator[tuple[str, object, object]]:
    """Path, old and new value of each leaf that differs."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in sorted(was.keys() | now.keys()):
            inner = f"{path}.{name}" if path else name
            yield from _compared(was.get(name, ABSENT), now.get(name, ABSENT), inner)
    elif isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            one, other = (each[number] if number < len(each) else ABSENT for each in (was, now))
            yield from _compared(one, other, f"{path}[{number}]")
    elif was != now:
        yield path, was, now


def told(was: object, now: object) -> str:
    """An old and a new value, in a few words."""
    if was is ABSENT:
        return f"is new: {now!r}"
    return f"was {was!r}, is {'gone' if now is ABSENT else repr(now)}"
