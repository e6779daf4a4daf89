"""The decision: from the spec, the state, what is seen and the time, to the new state and what should exist.

Pure: equal inputs give equal outputs. Whoever applies a decision writes objects first, then events, then the status,
and deletes last. So a crash between any two writes loses nothing: the next decision starts from what is there, its
writes are the same, and its events have the same names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from weld_api.names import revision_name
from weld_api.quantity import parse_duration
from weld_api.shadow import ShadowOrder
from weld_api.spec import WeldModelSpec
from weld_api.status import BundleReference, Replicas, Revision, WeldModelStatus
from weld_operator.domain import conditions, next_look
from weld_operator.domain.observation import Observation
from weld_operator.domain.plain_number import plain_number
from weld_operator.domain.regions.endpoints import published
from weld_operator.domain.revisions import (
    Course,
    frozen_spec,
    next_course,
    next_removal,
    pending,
    stable,
)
from weld_operator.domain.shadowing import shadow_order
from weld_operator.domain.sizes import least_replicas
from weld_operator.domain.status_size import fitted
from weld_operator.domain.stories import Story, tell
from weld_operator.domain.subject import Subject


@dataclass(frozen=True)
class DesiredRevision:
    """A revision whose objects should be exactly as this spec asks for, with so many replicas at least.

    `spec` is None where nobody knows it any more: what exists of such a revision is left as it is.
    """

    name: str
    digest: str
    spec: WeldModelSpec | None
    min_replicas: int


@dataclass(frozen=True)
class Decision:
    """What should be: the status, the revisions, what to tell, and when to look again at the latest.

    `weight`: requests that the candidate gets, of a hundred; the Stable revision has the others. `retiring` ones are
    left as they are. `kept` names every revision whose objects stay, also those that are left as they are; objects of
    ours that belong to no revision in it are surplus. `shadow`: whom the Stable revision shadows; where that cannot be
    known, as the spec cannot be read, `shadow_stays` as it is.
    """

    status: WeldModelStatus
    stable: DesiredRevision | None
    candidate: DesiredRevision | None
    weight: int
    retiring: tuple[DesiredRevision, ...]
    kept: frozenset[str]
    shadow: ShadowOrder | None
    shadow_stays: bool
    stories: tuple[Story, ...]
    look_after: timedelta


def decide(subject: Subject, observation: Observation, url: str, now: datetime) -> Decision:
    """Decide for one WeldModel; `url` is where its sensors send readings, `now` the time in UTC."""
    now = now.replace(microsecond=0)
    subject = _without_confusion(subject)
    course = next_course(subject, observation, now)
    status = fitted(_status(subject, course, observation, url, now))
    answering, candidate = stable(course.revisions), pending(course.revisions)
    return Decision(
        status=status,
        stable=None if answering is None else _desired(answering),
        candidate=None if candidate is None else _desired(candidate),
        weight=0 if candidate is None or answering is None else course.trial.weight,
        retiring=tuple(_desired(each) for each in course.revisions if each.phase == "Retiring"),
        kept=frozenset(each.name for each in course.revisions),
        shadow=_shadow(subject, course, observation),
        shadow_stays=subject.spec is None,
        stories=tuple(tell(subject, status, course.trial.happenings)),
        look_after=_look_after(subject, course, observation, status, now),
    )


def _without_confusion(subject: Subject) -> Subject:
    """Refuse a bundle whose digest begins as that of another one that is served: they would share their names."""
    if subject.spec is None:
        return subject
    digest = subject.spec.model.sha256
    name = revision_name(subject.serving_name, digest)
    if any(each.name == name and each.digest != digest for each in subject.status.revisions):
        fault = f"spec.model.sha256 begins with the same digits as another bundle that is still served as {name}"
        return replace(subject, spec=None, fault=fault)
    return subject


def _desired(revision: Revision) -> DesiredRevision:
    spec = frozen_spec(revision)
    least = 0 if spec is None else least_replicas(spec, revision.replica_floor)
    return DesiredRevision(revision.name, revision.digest, spec, least)


def _shadow(subject: Subject, course: Course, observation: Observation) -> ShadowOrder | None:
    candidate = pending(course.revisions)
    rollout = None if subject.spec is None else subject.spec.rollout
    if not course.trial.shadows or candidate is None or rollout is None or rollout.shadow is None:
        return None
    return shadow_order(candidate, rollout.shadow, observation.revisions.get(candidate.name))


def _status(subject: Subject, course: Course, observation: Observation, url: str, now: datetime) -> WeldModelStatus:
    serves = conditions.serving(course, observation)
    progresses = conditions.progressing(subject, course, observation, now)
    dated = (
        conditions.dated("Serving", serves, subject, now),
        conditions.dated("Progressing", progresses, subject, now),
        conditions.platform_ready(observation.shortcomings, subject, now),
    )
    answering, memory = stable(course.revisions), course.trial.memory
    seen = None if answering is None else observation.revisions.get(answering.name)
    return WeldModelStatus(
        observed_generation=subject.generation,
        phase=conditions.phase_of(serves, progresses, course.revisions),
        conditions=tuple(each for each in dated if each is not None),
        stable=_reference(answering),
        revisions=tuple(
            each.model_copy(update={"ready_replicas": observation.ready_replicas(each.name)})
            for each in course.revisions
        ),
        candidate=_reference(pending(course.revisions)),
        rollout=memory.rollout,
        rejected=memory.rejected,
        history=memory.history,
        last_action=memory.last_action,
        url=url,
        replicas=Replicas() if seen is None else Replicas(desired=seen.desired_replicas, ready=seen.ready_replicas),
        endpoints=published((), url, subject.status.endpoints, now),
        readings_per_second=subject.status.readings_per_second
        if subject.spec is None
        else plain_number(subject.spec.workload.readings_per_second),
    )


def _reference(revision: Revision | None) -> BundleReference | None:
    return None if revision is None else BundleReference(version=revision.version, digest=revision.digest)


def _look_after(
    subject: Subject, course: Course, observation: Observation, status: WeldModelStatus, now: datetime
) -> timedelta:
    """Time until the next look, where no event of the cluster would bring it about; `timedelta.max` for never."""
    looks: list[timedelta] = []
    candidate = pending(course.revisions)
    rollout = None if subject.spec is None else subject.spec.rollout
    if candidate is not None and rollout is not None and status.rollout is not None:
        looks.append(next_look.trial_look(rollout, subject.status.rollout, status.rollout, now))
    elif candidate is not None:
        looks.append(next_look.pace(now - candidate.asked_at))
    elif status.phase in ("Updating", "Degraded", "Failed", "UpdateFailed"):
        looks.append(next_look.LOOK_AFTER_TROUBLE)
    if observation.obstacles:
        looks.append(next_look.LOOK_AFTER_TROUBLE)
    if subject.spec is not None:
        removal = next_removal(course.revisions, parse_duration(subject.spec.serving.retire_after))
        if removal is not None:
            looks.append(next_look.at(removal, now))
    return min(looks, default=timedelta.max)
