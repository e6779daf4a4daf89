"""Which revisions there are, and which of them answers: the way from one bundle to the next.

A revision is one bundle, named by its digest, and one InferenceService. It is Pending on its way, Stable while it
answers, Retiring after it was replaced. W is the bundle that the spec asks for; "ready" is defined in
RevisionObservation.is_ready.

| W is         | and                                       | then                                                   |
| ------------ | ----------------------------------------- | ------------------------------------------------------ |
| unknown      |                                           | W Pending, beside what is there                        |
| Pending      | not ready                                 | W stays Pending; what is Stable keeps answering        |
| Pending      | ready                                     | W Stable and routed to; what was Stable is Retiring    |
| Pending      | one replica available, and nobody answers | the same: any answer is better than none               |
| Stable       |                                           | W is kept as the spec now asks for it, in place        |
| Retiring     |                                           | W Pending again, with the InferenceService that it has |
| anything     | another revision is Pending               | that one is removed at once: it never answered         |
| anything     | another one is Pending, but routed to     | that one is Retiring: a crash hid that it answers      |
| anything     | a revision is Retiring for `retireAfter`  | that one is removed, unless it is still routed to      |
| anything     | more than two are Retiring                | the oldest of them are removed, unless routed to       |
| anything     | a Retiring one was deleted by hand        | it is forgotten                                        |
| anything     | W or the Stable one was deleted by hand   | it is rebuilt as it was last asked for, in its phase   |
| not readable |                                           | everything stays as it is                              |

So A -> B -> C removes B and never routes to it; A -> B -> A before B is ready leaves A Stable and untouched; and
A -> B -> A after the switch makes A Pending and, as it is still ready, Stable in the same step.

A candidate starts with as many replicas as the Stable revision has ready then, if that is more than its own minimum
(but no more than its maximum): the autoscaler has not seen its load yet. This floor lasts until nothing is Retiring.

The state lives in the WeldModel's status. When that is lost, what exists is adopted: the revision that the HTTPRoute
sends requests to is Stable, or else the oldest one that is ready; the others are Retiring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from weld_api.names import predictor_name, revision_name
from weld_api.quantity import parse_duration
from weld_api.spec import WeldModelSpec
from weld_api.status import Revision, RevisionPhase
from weld_operator.domain.observation import Observation, RevisionObservation
from weld_operator.domain.subject import Subject

MOST_RETIRING = 2
"""Replaced revisions that may wait for their end at once: each costs as much as one that answers."""

Revisions = tuple[Revision, ...]


def next_revisions(subject: Subject, observation: Observation, now: datetime) -> Revisions:
    """The revisions that should exist now, one Stable at most and one Pending at most."""
    revisions = _remembered(subject, observation, now)
    if subject.spec is None:
        return revisions
    revisions = _asked_for(revisions, subject, subject.spec, observation, now)
    revisions = _switched(revisions, subject.spec, observation, now)
    retire_after = parse_duration(subject.spec.serving.retire_after)
    return _settled(_retired(revisions, observation, now - retire_after))


def stable(revisions: Iterable[Revision]) -> Revision | None:
    """The revision that answers."""
    return _in_phase(revisions, "Stable")


def pending(revisions: Iterable[Revision]) -> Revision | None:
    """The revision on its way."""
    return _in_phase(revisions, "Pending")


def next_removal(revisions: Iterable[Revision], retire_after: timedelta) -> datetime | None:
    """When the next Retiring revision is to be removed."""
    return min((each.since + retire_after for each in revisions if each.phase == "Retiring"), default=None)


def least_replicas(revision: Revision, spec: WeldModelSpec) -> int:
    """Replicas that a revision has at the least: its own minimum, or the floor of a candidate that takes over."""
    scaling = spec.serving.scaling
    return max(scaling.min_replicas, min(revision.replica_floor, scaling.max_replicas))


def frozen_spec(revision: Revision) -> WeldModelSpec | None:
    """The spec that asked for this revision last; None when that is not known or no longer readable."""
    try:
        return WeldModelSpec.model_validate(revision.spec)
    except ValidationError:
        return None


def _in_phase(revisions: Iterable[Revision], phase: RevisionPhase) -> Revision | None:
    return next((revision for revision in revisions if revision.phase == phase), None)


def _remembered(subject: Subject, observation: Observation, now: datetime) -> Revisions:
    """The revisions of the status, or those that exist when the status tells none."""
    if subject.status.revisions:
        return subject.status.revisions
    seen = sorted(observation.revisions.values(), key=lambda each: (each.created, each.name))
    answering = _answering(seen, observation)
    return tuple(
        Revision(
            name=each.name,
            version=each.version,
            digest=each.digest,
            phase="Stable" if each is answering else "Retiring",
            since=now,
            asked_at=now,
        )
        for each in seen
        if each.digest
    )


def _answering(seen: list[RevisionObservation], observation: Observation) -> RevisionObservation | None:
    routed = (each for each in seen if predictor_name(each.name) in observation.routed)
    ready = (each for each in seen if each.is_ready(1))
    return next(routed, None) or next(ready, None)


def _asked_for(
    revisions: Revisions, subject: Subject, spec: WeldModelSpec, observation: Observation, now: datetime
) -> Revisions:
    """W is there, with the newest spec; no other revision is Pending."""
    wanted = next((each for each in revisions if each.digest == spec.model.sha256), None)
    others = tuple(_withdrawn((each for each in revisions if each is not wanted), observation, now))
    asked = spec.model_dump(mode="json", exclude_none=True)
    if wanted is None:
        new = Revision(
            name=revision_name(subject.name, spec.model.sha256),
            version=spec.model.version,
            digest=spec.model.sha256,
            phase="Pending",
            since=now,
            asked_at=now,
            replica_floor=_floor(others, spec, observation),
            spec=asked,
        )
        return (*others, new)
    changes: dict[str, Any] = {"version": spec.model.version, "spec": asked}
    if wanted.phase == "Retiring":
        floor = _floor(others, spec, observation)
        changes |= {"phase": "Pending", "since": now, "asked_at": now, "replica_floor": floor}
    if wanted.spec != asked:
        changes |= {"asked_at": now}
    return (*others, wanted.model_copy(update=changes))


def _withdrawn(others: Iterable[Revision], observation: Observation, now: datetime) -> Iterator[Revision]:
    """What stays of the revisions that are not asked for."""
    for each in others:
        if each.phase != "Pending":
            yield each
        elif predictor_name(each.name) in observation.routed:
            yield each.model_copy(update={"phase": "Retiring", "since": now})


def _floor(others: Revisions, spec: WeldModelSpec, observation: Observation) -> int:
    """Replicas that a candidate needs to bear what the Stable revision bears now; 0 when its own minimum does."""
    answering = stable(others)
    busy = 0 if answering is None else observation.ready_replicas(answering.name)
    return busy if busy > spec.serving.scaling.min_replicas else 0


def _switched(revisions: Revisions, spec: WeldModelSpec, observation: Observation, now: datetime) -> Revisions:
    """The Pending revision becomes Stable if it can take over."""
    candidate = pending(revisions)
    if candidate is None or not _can_take_over(candidate, stable(revisions), spec, observation):
        return revisions
    after: dict[RevisionPhase, RevisionPhase] = {"Pending": "Stable", "Stable": "Retiring", "Retiring": "Retiring"}
    return tuple(
        each if each.phase == "Retiring" else each.model_copy(update={"phase": after[each.phase], "since": now})
        for each in revisions
    )


def _can_take_over(
    candidate: Revision, answering: Revision | None, spec: WeldModelSpec, observation: Observation
) -> bool:
    seen = observation.revisions.get(candidate.name)
    if seen is None or not seen.is_updated:
        return False
    if answering is None or observation.ready_replicas(answering.name) == 0:
        return seen.available_replicas > 0
    return seen.is_ready(least_replicas(candidate, spec))


def _retired(revisions: Revisions, observation: Observation, before: datetime) -> Revisions:
    """Without the Retiring revisions whose time is over, that are too many, or that were deleted."""
    retiring = [each for each in revisions if each.phase == "Retiring" and each.name in observation.revisions]
    waiting = sorted((each for each in retiring if each.since > before), key=lambda each: (each.since, each.name))
    # Whatever the time is: what is routed to answers, such as when the HTTPRoute could not be written.
    routed = [each for each in retiring if predictor_name(each.name) in observation.routed]
    kept = waiting[-MOST_RETIRING:] + routed
    return tuple(each for each in revisions if each.phase != "Retiring" or each in kept)


def _settled(revisions: Revisions) -> Revisions:
    """Once one revision alone is left, its autoscaler knows its load."""
    if len(revisions) > 1:
        return revisions
    return tuple(each.model_copy(update={"replica_floor": 0}) if each.phase == "Stable" else each for each in revisions)
