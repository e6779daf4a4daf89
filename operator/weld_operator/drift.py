"""Whether an object has to be written again, known without asking the API server and without writing to find out.

After each apply the object's uid and generation are remembered with what was wanted. Somebody who changes a spec moves
the generation; labels, annotations and owners are compared directly. KServe moves the generation of an
InferenceService itself when it fills in defaults: that costs one more apply, which changes nothing. The first look
after a start costs one apply for each object, which changes nothing either.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass, field

from weld_operator.kinds import Kind, Object

FIGHT_APPLIES = 10
FIGHT_SECONDS = 60.0

Place = tuple[Kind, str]
"""Kind and name; all are in the WeldModel's namespace."""


@dataclass
class _Memory:
    uid: str
    generation: int
    wanted: str
    corrected_at: deque[float] = field(default_factory=lambda: deque(maxlen=FIGHT_APPLIES))


class AppliedObjects:
    """What was applied last of one WeldModel's objects. Times are in seconds of a clock that does not go back."""

    def __init__(self) -> None:
        self._memory: dict[Place, _Memory] = {}

    def must_apply(self, kind: Kind, wanted: Object, live: Object | None) -> bool:
        """Whether `live` is not known to be as wanted."""
        memory = self._memory.get(_place(kind, wanted))
        if live is None or memory is None:
            return True
        about = live["metadata"]
        return (
            memory.uid != about["uid"]
            or memory.generation != about.get("generation", 0)
            or memory.wanted != _digest(wanted)
            or not _has_metadata(about, wanted["metadata"])
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
        before, after = live["metadata"], result["metadata"]
        # Not the resourceVersion, which moves with each status.
        is_same_spec = before.get("generation", 0) == after.get("generation", 0)
        if is_same_spec and _has_metadata(before, wanted["metadata"]):
            return None
        return f"{before['uid']} {before['resourceVersion']}"

    def remember(self, kind: Kind, wanted: Object, result: Object, now: float) -> None:
        """Note an apply and its result."""
        about = result["metadata"]
        place = _place(kind, wanted)
        memory = _Memory(about["uid"], about.get("generation", 0), _digest(wanted))
        before = self._memory.get(place)
        # Neither a change of what is wanted nor an object that was made anew is a fight.
        if before is not None and (before.wanted, before.uid) == (memory.wanted, memory.uid):
            memory.corrected_at.extend((*before.corrected_at, now))
        self._memory[place] = memory

    def forget(self, kind: Kind, name: str) -> None:
        """The object is not wanted any more."""
        self._memory.pop((kind, name), None)


def _place(kind: Kind, body: Object) -> Place:
    return kind, body["metadata"]["name"]


def _digest(body: Object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _has_metadata(live: Object, wanted: Object) -> bool:
    """Labels, annotations and owners that are wanted are there; those of others do not matter."""
    labels, annotations = (
        all(live.get(field, {}).get(name) == value for name, value in wanted.get(field, {}).items())
        for field in ("labels", "annotations")
    )
    owners = all(owner in live.get("ownerReferences", []) for owner in wanted["ownerReferences"])
    return labels and annotations and owners
