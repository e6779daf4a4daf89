"""Whether an object has to be written again, known without asking the API server and without writing to find out.

After each apply the object's uid and generation are remembered with what was wanted. Somebody who changes a spec moves
the generation; labels, annotations and owners are compared directly, and so is a ConfigMap, which has no generation.
What is not remembered, as after a start, or has another generation than is remembered, as KServe moves that of an
InferenceService itself when it fills in defaults, is compared by the API server's record of what was applied.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from weld_api.names import FIELD_MANAGER
from weld_operator.domain.applied_fields import is_as_applied
from weld_operator.kinds import Kind, Object

FIGHT_APPLIES = 10
FIGHT_SECONDS = 60.0

Place = tuple[Kind, str]
"""Kind and name; all are in the WeldModel's namespace."""


@dataclass(frozen=True, slots=True)
class _Memory:
    uid: str
    generation: int
    wanted: bytes
    corrected_at: tuple[float, ...] = ()


class AppliedObjects:
    """What was applied last of one WeldModel's objects. Times are in seconds of a clock that does not go back."""

    def __init__(self) -> None:
        self._memory: dict[Place, _Memory] = {}

    def must_apply(self, kind: Kind, wanted: Object, live: Object | None) -> bool:
        """Whether `live` is not known to be as wanted."""
        if live is None:
            return True
        if self._is_remembered(kind, wanted, live):
            return False
        if not is_as_applied(live, wanted, FIELD_MANAGER):
            return True
        self._put(kind, wanted, live)
        return False

    def _is_remembered(self, kind: Kind, wanted: Object, live: Object) -> bool:
        """Whether it was applied so, and nothing has happened to it since."""
        memory = self._memory.get(_place(kind, wanted))
        return (
            memory is not None
            and (memory.uid, memory.generation) == (live["metadata"]["uid"], _generation(live))
            and memory.wanted == _digest(wanted)
            and _has_metadata(live["metadata"], wanted["metadata"])
            and _has_content(live, wanted)
        )

    def is_contested(self, kind: Kind, wanted: Object, now: float) -> bool:
        """Whether somebody undoes every apply: too many in too short a time, so that it must rest."""
        memory = self._memory.get(_place(kind, wanted))
        if memory is None or len(memory.corrected_at) < FIGHT_APPLIES:
            return False
        return now - memory.corrected_at[0] < FIGHT_SECONDS

    def undone(self, kind: Kind, wanted: Object, live: Object | None, result: Object) -> str | None:
        """Whether this apply, with this result, put right what somebody else did since the one before.

        Gives what identifies the object as it was found, or as it was before it went; None when nothing was undone.
        """
        memory = self._memory.get(_place(kind, wanted))
        if memory is None or memory.wanted != _digest(wanted):
            return None
        if live is None:
            return memory.uid
        before = live["metadata"]
        # Not the resourceVersion, which moves with each status.
        is_same_spec = _generation(live) == _generation(result)
        if is_same_spec and _has_content(live, wanted) and _has_metadata(before, wanted["metadata"]):
            return None
        return f"{before['uid']} {before['resourceVersion']}"

    def remember(self, kind: Kind, wanted: Object, result: Object, now: float) -> None:
        """Note an apply and its result."""
        self._put(kind, wanted, result, now)

    def _put(self, kind: Kind, wanted: Object, there: Object, *corrected_at: float) -> None:
        memory = _Memory(there["metadata"]["uid"], _generation(there), _digest(wanted))
        before = self._memory.get(_place(kind, wanted))
        # Neither a change of what is wanted nor an object that was made anew is a fight.
        if before is not None and (before.wanted, before.uid) == (memory.wanted, memory.uid):
            memory = replace(memory, corrected_at=(*before.corrected_at, *corrected_at)[-FIGHT_APPLIES:])
        self._memory[_place(kind, wanted)] = memory

    def forget(self, kind: Kind, name: str) -> None:
        """The object is not wanted any more."""
        self._memory.pop((kind, name), None)


def _place(kind: Kind, body: Object) -> Place:
    return kind, body["metadata"]["name"]


def _generation(body: Object) -> int:
    generation: int = body["metadata"].get("generation", 0)
    return generation


def _digest(body: Object) -> bytes:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()


def _has_content(live: Object, wanted: Object) -> bool:
    """What has a generation is known by it."""
    own = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind", "metadata")}
    return "generation" in live["metadata"] or all(live.get(key) == value for key, value in own.items())


def _has_metadata(live: Object, wanted: Object) -> bool:
    """Labels, annotations and owners that are wanted are there; those of others do not matter."""
    labels, annotations = (
        all(live.get(field, {}).get(name) == value for name, value in wanted.get(field, {}).items())
        for field in ("labels", "annotations")
    )
    owners = all(owner in live.get("ownerReferences", []) for owner in wanted["ownerReferences"])
    return labels and annotations and owners
