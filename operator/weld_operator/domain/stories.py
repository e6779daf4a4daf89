"""What is told as Events: each change of a revision's phase or of a condition, and what happens in a trial, once.

The identity of a story follows from the state before, which a crash leaves as it was: told again, it is the same story.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from weld_api.status import Condition, Revision, WeldModelStatus
from weld_operator.domain.revisions import stable
from weld_operator.domain.rollout.trial import Happening
from weld_operator.domain.subject import Subject


@dataclass(frozen=True)
class Story:
    """Something that happened. Equal happenings have equal identities."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    identity: str


def restored(subject: Subject, what: str, former: str) -> Story:
    """An object was not as it was left; `former` identifies the object as it was found, or as it was before it went."""
    message = f"{what} was changed or deleted by somebody else, and is as it should be again"
    return Story("Warning", "Restored", message, _identity(subject, "Restored", what, former))


def happened(subject: Subject, happening: Happening) -> Story:
    """A happening as a story."""
    # Not its words: numbers in them may differ when it is told again.
    identity = _identity(subject, happening.reason, happening.moment)
    return Story(happening.type, happening.reason, happening.message, identity)


def told_of_region(
    subject: Subject, kind: Literal["Normal", "Warning"], reason: str, message: str, region: str, moment: str
) -> Story:
    """Something that happened to a region as a whole; `moment` makes two of the same words different."""
    return Story(kind, reason, message, _identity(subject, reason, region, moment))


def tell(subject: Subject, after: WeldModelStatus, happenings: Iterable[Happening]) -> Iterator[Story]:
    """What happened between the status that the subject remembers and this one; `happenings` are the trial's."""
    before = subject.status
    known = {each.name: each for each in before.revisions}
    for revision in after.revisions:
        yield from _stories_of(subject, known.get(revision.name), revision, stable(before.revisions))
    for revision in before.revisions:
        if all(each.name != revision.name for each in after.revisions):
            message = f"Version {revision.version} ({revision.name}) is removed"
            yield _story(subject, "Normal", "RevisionRemoved", message, revision)
    told = tuple(happenings)
    for each in told:
        yield happened(subject, each)
    for condition in after.conditions:
        if all(condition.reason != each.reason for each in told):
            yield from _stories_of_condition(subject, condition)


def _stories_of(
    subject: Subject, before: Revision | None, after: Revision, answered: Revision | None
) -> Iterator[Story]:
    if before is not None and before.phase == after.phase:
        return
    if after.phase == "Pending":
        message = f"Version {after.version} is on its way as {after.name}"
        yield _story(subject, "Normal", "RevisionStarting", message, after)
    if after.phase == "Stable":
        message = f"Version {after.version} ({after.name}) answers{_instead(subject, answered)}"
        yield _story(subject, "Normal", "RevisionPromoted", message, after)


def _instead(subject: Subject, answered: Revision | None) -> str:
    if answered is not None:
        return f", instead of version {answered.version}"
    is_tried = subject.spec is not None and subject.spec.rollout is not None
    return "; it is the first, so that there is nothing to try it against" if is_tried else ""


def _story(
    subject: Subject, kind: Literal["Normal", "Warning"], reason: str, message: str, revision: Revision
) -> Story:
    earlier = next((each for each in subject.status.revisions if each.name == revision.name), None)
    moment = "" if earlier is None else earlier.since.isoformat()
    return Story(kind, reason, message, _identity(subject, reason, revision.name, moment))


def _stories_of_condition(subject: Subject, after: Condition) -> Iterator[Story]:
    """A condition that became False, changed its reason while False, or became True again."""
    before = next((each for each in subject.status.conditions if each.type == after.type), None)
    if before is not None and (before.status, before.reason) == (after.status, after.reason):
        return
    moment = "" if before is None else f"{before.last_transition_time.isoformat()} {before.reason}"
    identity = _identity(subject, after.type, after.status, after.reason, moment)
    if after.status == "False" and after.reason != "NoRevisionReady":
        yield Story("Warning", after.reason, after.message, identity)
    elif after.status == "True" and before is not None and before.status == "False":
        yield Story("Normal", after.type, after.message, identity)


def _identity(subject: Subject, *parts: str) -> str:
    region = (subject.region,) if subject.region else ()
    text = "\n".join((subject.uid, str(subject.generation), *region, *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
