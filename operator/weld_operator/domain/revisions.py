"""Which revisions there are, and which of them answers: the way from one bundle to the next.

A revision is one bundle, named by its digest, and one InferenceService. It is Pending on its way and on trial, Stable
while it answers, Retiring after it was replaced or rolled back. W is the bundle that the spec asks for; "ready" is
defined in RevisionObservation.is_ready. How a trial goes is the affair of weld_operator.domain.rollout.advance, which
has a table of its phases; this is the table of what any spec or event does.

| W is         | and                                       | then                                                   |
| ------------ | ----------------------------------------- | ------------------------------------------------------ |
| unknown      |                                           | W Pending, beside what is there; its trial begins      |
| Pending      | nobody answers, and one replica does      | W Stable and routed to: the first one is not tried, as |
|              |                                           | there is nothing to compare it with                    |
| Pending      | on trial                                  | W stays Pending with the share that its trial gives it |
| Pending      | on trial, and its trial promotes it       | W Stable and routed to; what was Stable is Retiring    |
| Pending      | on trial, and rolled back                 | W Retiring, without requests, and rejected             |
| Pending      | on trial, and deleted by hand             | it is rebuilt; its phase or step starts over           |
| Pending      | on trial, and no Stable replica answers   | from the first step on W answers everything meanwhile, |
|              |                                           | and the step starts over; that promotes nothing        |
| Pending      | no rollout, not ready                     | W stays Pending; what is Stable keeps answering        |
| Pending      | no rollout, ready                         | W Stable and routed to; what was Stable is Retiring    |
| Pending      | no rollout, nobody answers, one replica   | the same: any answer is better than none               |
|              | of W does                                 |                                                        |
| Stable       |                                           | W is kept as the spec now asks for it, in place;       |
|              |                                           | rejections are forgotten                               |
| Retiring     | not rejected                              | W Pending again, with the InferenceService that it     |
|              |                                           | has; its trial begins, though it answered once         |
| rejected     |                                           | it is not made, whatever else changes in the spec;     |
|              |                                           | `retry`, or another bundle in between, is the way      |
| anything     | another revision is Pending               | that one is removed at once if no requests go there    |
| anything     | another one is Pending, and routed to     | that one is Retiring, without requests: it was on      |
|              |                                           | trial, or a crash hid that it answers                  |
| anything     | a revision is Retiring for `retireAfter`  | that one is removed, unless it is still routed to      |
| anything     | more than two are Retiring                | the oldest of them are removed, unless routed to       |
| anything     | a Retiring one was deleted by hand        | it is forgotten                                        |
| anything     | W or the Stable one was deleted by hand   | it is rebuilt as it was last asked for, in its phase   |
| anything     | scaling, gates, holds, deadlines change   | no trial begins; W has it from the next look on. While |
|              |                                           | there is a rollout the Stable one follows the scaling, |
|              |                                           | in Standard mode, where that replaces no Pod; in all   |
|              |                                           | else it stays as it was last asked for                 |
| anything     | a step's weight, or `steps`, change       | the step of that number starts over                    |
| anything     | `rollout` comes                           | what is Pending is tried from the beginning            |
| anything     | `rollout` goes                            | the trial ends; W is Stable as soon as it is ready     |
| not readable |                                           | everything stays as it is, shares and shadow, too      |

So A -> B -> C, before or while B is on trial, ends B's trial, gives all requests back to A, and tries C against A.
A -> B -> A before B has answered leaves A Stable and untouched. A -> B -> A after the switch makes A Pending: it is
tried against B as any other, or, without a rollout and still ready, Stable in the same step. A -> B, B rejected, -> A
-> B tries B again: another bundle was asked for in between.

How many replicas they have meanwhile is said in weld_operator.domain.sizes.

The state lives in the WeldModel's status. When that is lost, what exists is adopted: of the revisions that requests are
sent to the one that is not asked for is Stable, or else the one that most are sent to, or else the oldest one that is
ready; the others are Retiring. So a trial whose status is lost begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from weld_api.names import revision_name
from weld_api.quantity import parse_duration
from weld_api.spec import WeldModelSpec
from weld_api.status import Revision, RevisionPhase
from weld_operator.domain.observation import Observation, RevisionObservation
from weld_operator.domain.rollout.advance import advance
from weld_operator.domain.rollout.trial import Advance
from weld_operator.domain.sighting import sight_of
from weld_operator.domain.sizes import candidate_floor, needs_of, stable_floor, whole_size
from weld_operator.domain.subject import Subject
from weld_operator.domain.trial_memory import answered, memory_of, unchanged

MOST_RETIRING = 2
"""Replaced revisions that may wait for their end at once: each costs as much as one that answers."""

Revisions = tuple[Revision, ...]


@dataclass(frozen=True)
class Course:
    """The revisions that should exist now, one Stable at most and one Pending at most, and how the trial goes on."""

    revisions: Revisions
    trial: Advance


def next_course(subject: Subject, observation: Observation, now: datetime) -> Course:
    """What follows for the revisions of a WeldModel and for its trial."""
    revisions = _remembered(subject, observation, now)
    memory = memory_of(subject.status)
    spec = subject.spec
    if spec is None:
        return Course(revisions, unchanged(memory, is_on=pending(revisions) is not None))
    answering, wanted = stable(revisions), _of_digest(revisions, spec.model.sha256)
    ready = 0 if answering is None else observation.ready_replicas(answering.name)
    size = whole_size(spec.rollout, wanted, answering, ready)
    state = memory.rollout if memory.rollout is not None and memory.rollout.digest == spec.model.sha256 else None
    name = revision_name(subject.serving_name, spec.model.sha256) if wanted is None else wanted.name
    sight = sight_of(subject, spec, name, answering, needs_of(spec, state, size), observation)
    trial = answered(subject, advance(spec.rollout, memory, sight, now))
    if trial.wants_candidate:
        floor = candidate_floor(spec.rollout, state, size)
        revisions = _asked_for(revisions, subject, spec, observation, floor, now)
        if spec.rollout is not None:
            revisions = _kept_in_size(revisions, wanted, ready)
    else:
        revisions = _turned_down(revisions, spec, observation, now)
    if spec.rollout is not None:
        revisions = tuple(_scaled(each, spec) for each in revisions)
    if trial.promotes:
        revisions = _switched(revisions, now)
    retire_after = parse_duration(spec.serving.retire_after)
    return Course(_settled(_retired(revisions, observation, now - retire_after)), trial)


def stable(revisions: Iterable[Revision]) -> Revision | None:
    """The revision that answers."""
    return _in_phase(revisions, "Stable")


def pending(revisions: Iterable[Revision]) -> Revision | None:
    """The revision on its way."""
    return _in_phase(revisions, "Pending")


def next_removal(revisions: Iterable[Revision], retire_after: timedelta) -> datetime | None:
    """When the next Retiring revision is to be removed."""
    return min((each.since + retire_after for each in revisions if each.phase == "Retiring"), default=None)


def frozen_spec(revision: Revision) -> WeldModelSpec | None:
    """The spec that asked for this revision last; None when that is not known or no longer readable."""
    try:
        return WeldModelSpec.model_validate(revision.spec)
    except ValidationError:
        return None


def _in_phase(revisions: Iterable[Revision], phase: RevisionPhase) -> Revision | None:
    return next((revision for revision in revisions if revision.phase == phase), None)


def _of_digest(revisions: Iterable[Revision], digest: str) -> Revision | None:
    return next((revision for revision in revisions if revision.digest == digest), None)


def _remembered(subject: Subject, observation: Observation, now: datetime) -> Revisions:
    """The revisions of the status, or those that exist when the status tells none."""
    if subject.status.revisions:
        return subject.status.revisions
    seen = sorted(observation.revisions.values(), key=lambda each: (each.created, each.name))
    answering = _answering(seen, subject, observation)
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


def _answering(
    seen: list[RevisionObservation], subject: Subject, observation: Observation
) -> RevisionObservation | None:
    asked = "" if subject.spec is None else subject.spec.model.sha256
    routed = [each for each in seen if observation.is_routed(each.name)]
    others = [each for each in routed if each.digest != asked]
    ready = (each for each in seen if each.is_ready(1))
    most = max(others or routed, key=lambda each: observation.weight(each.name) or 0, default=None)
    return most or next(ready, None)


def _asked_for(
    revisions: Revisions, subject: Subject, spec: WeldModelSpec, observation: Observation, floor: int, now: datetime
) -> Revisions:
    """W is there, with the newest spec and, while it is Pending, this floor; no other revision is Pending."""
    wanted = _of_digest(revisions, spec.model.sha256)
    others = tuple(_withdrawn((each for each in revisions if each is not wanted), observation, now))
    asked = _frozen(spec)
    floor = floor if floor > spec.serving.scaling.min_replicas else 0
    if wanted is None:
        new = Revision(
            name=revision_name(subject.serving_name, spec.model.sha256),
            version=spec.model.version,
            digest=spec.model.sha256,
            phase="Pending",
            since=now,
            asked_at=now,
            replica_floor=floor,
            spec=asked,
        )
        return (*others, new)
    changes: dict[str, Any] = {"version": spec.model.version}
    if wanted.phase == "Retiring":
        changes |= {"phase": "Pending", "since": now, "asked_at": now}
    if wanted.phase != "Stable":
        changes |= {"replica_floor": floor}
    # As they are meant: a field that is new since, with its default, asks for nothing new.
    if frozen_spec(wanted) != WeldModelSpec.model_validate(asked):
        changes |= {"spec": asked, "asked_at": now}
    return (*others, wanted.model_copy(update=changes))


def _frozen(spec: WeldModelSpec) -> dict[str, Any]:
    """What a revision is made from; how it is tried is no part of it."""
    return spec.model_dump(mode="json", exclude_none=True, exclude={"rollout"})


def _turned_down(revisions: Revisions, spec: WeldModelSpec, observation: Observation, now: datetime) -> Revisions:
    """W was rolled back: it is kept for a while without requests, as what was replaced is. No other is Pending."""
    wanted = _of_digest(revisions, spec.model.sha256)
    others = _withdrawn((each for each in revisions if each is not wanted), observation, now)
    if wanted is None or wanted.phase != "Pending":
        return (*others, *(() if wanted is None else (wanted,)))
    return (*others, wanted.model_copy(update={"phase": "Retiring", "since": now, "replica_floor": 0}))


def _withdrawn(others: Iterable[Revision], observation: Observation, now: datetime) -> Iterator[Revision]:
    """What stays of the revisions that are not asked for."""
    for each in others:
        if each.phase != "Pending":
            yield each
        elif observation.is_routed(each.name):
            yield each.model_copy(update={"phase": "Retiring", "since": now, "replica_floor": 0})


def _kept_in_size(revisions: Revisions, wanted: Revision | None, ready: int) -> Revisions:
    """The Stable revision keeps its replicas while a candidate is on trial; `wanted` as it was before this moment."""
    if pending(revisions) is None:
        return revisions
    return tuple(
        each.model_copy(update={"replica_floor": stable_floor(wanted, each, ready)}) if each.phase == "Stable" else each
        for each in revisions
    )


def _scaled(revision: Revision, spec: WeldModelSpec) -> Revision:
    """The Stable revision with the scaling of the spec, which may ask for another bundle for a long time."""
    frozen = frozen_spec(revision)
    if revision.phase != "Stable" or frozen is None or frozen.serving.mode != "Standard":
        return revision
    scaling = spec.serving.scaling
    if scaling.target.follows_readings != frozen.serving.scaling.target.follows_readings:
        # Another autoscaler is told to KServe by an annotation, which reaches the Pods.
        scaling = scaling.model_copy(update={"target": frozen.serving.scaling.target})
    if frozen.serving.scaling == scaling:
        return revision
    serving = frozen.serving.model_copy(update={"scaling": scaling})
    return revision.model_copy(update={"spec": _frozen(frozen.model_copy(update={"serving": serving}))})


def _switched(revisions: Revisions, now: datetime) -> Revisions:
    """The Pending revision becomes Stable, and what was Stable is Retiring."""
    after: dict[RevisionPhase, RevisionPhase] = {"Pending": "Stable", "Stable": "Retiring", "Retiring": "Retiring"}
    return tuple(
        each if each.phase == "Retiring" else each.model_copy(update={"phase": after[each.phase], "since": now})
        for each in revisions
    )


def _retired(revisions: Revisions, observation: Observation, before: datetime) -> Revisions:
    """Without the Retiring revisions whose time is over, that are too many, or that were deleted."""
    retiring = [each for each in revisions if each.phase == "Retiring" and each.name in observation.revisions]
    waiting = sorted((each for each in retiring if each.since > before), key=lambda each: (each.since, each.name))
    # Whatever the time is: what is routed to answers, such as when the requests could not be sent elsewhere.
    routed = [each for each in retiring if observation.is_routed(each.name)]
    kept = waiting[-MOST_RETIRING:] + routed
    return tuple(each for each in revisions if each.phase != "Retiring" or each in kept)


def _settled(revisions: Revisions) -> Revisions:
    """Once one revision alone is left, its autoscaler knows its load."""
    if len(revisions) > 1:
        return revisions
    return tuple(each.model_copy(update={"replica_floor": 0}) if each.phase == "Stable" else each for each in revisions)
