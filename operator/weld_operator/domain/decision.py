"""The decision: from the spec, the state, what is seen and the time, to the new state and what should exist.

Pure: equal inputs give equal outputs. Whoever applies a decision writes objects first, then events, then the status,
and deletes last. So a crash between any two writes loses nothing: the next decision starts from what is there, its
writes are the same, and its events have the same names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from weld_api.names import revision_name
from weld_api.quantity import parse_duration
from weld_api.spec import WeldModelSpec
from weld_api.status import BundleReference, Replicas, WeldModelStatus
from weld_operator.domain import conditions
from weld_operator.domain.observation import Observation
from weld_operator.domain.revisions import (
    Revisions,
    frozen_spec,
    least_replicas,
    next_removal,
    next_revisions,
    pending,
    stable,
)
from weld_operator.domain.stories import Story, tell
from weld_operator.domain.subject import Subject

SHORTEST_LOOK = timedelta(seconds=2)
LONGEST_LOOK = timedelta(seconds=15)
LOOK_AFTER_TROUBLE = timedelta(seconds=10)


@dataclass(frozen=True)
class DesiredRevision:
    """A revision whose objects should be exactly as this spec asks for, with so many replicas at least."""

    name: str
    digest: str
    spec: WeldModelSpec
    min_replicas: int


@dataclass(frozen=True)
class Backend:
    """A revision that the HTTPRoute sends requests to, and its share in percent."""

    revision: str
    weight: int


@dataclass(frozen=True)
class Decision:
    """What should be: the status, the objects, what to tell, and when to look again at the latest.

    `kept` names every revision whose objects stay, also those that are left as they are; objects of ours that belong
    to no revision in it are surplus.
    """

    status: WeldModelStatus
    desired: tuple[DesiredRevision, ...]
    kept: frozenset[str]
    backends: tuple[Backend, ...]
    stories: tuple[Story, ...]
    look_after: timedelta


def decide(subject: Subject, observation: Observation, url: str, now: datetime) -> Decision:
    """Decide for one WeldModel; `url` is where its sensors send readings, `now` the time in UTC."""
    now = now.replace(microsecond=0)
    subject = _without_confusion(subject)
    revisions = next_revisions(subject, observation, now)
    status = _status(subject, revisions, observation, url, now)
    answering = stable(revisions)
    return Decision(
        status=status,
        desired=tuple(_desired(revisions)),
        kept=frozenset(each.name for each in revisions),
        backends=() if answering is None else (Backend(answering.name, 100),),
        stories=tuple(tell(subject, status)),
        look_after=_look_after(subject, revisions, observation, status, now),
    )


def _without_confusion(subject: Subject) -> Subject:
    """Refuse a bundle whose digest begins as that of another one that is served: they would share their names."""
    if subject.spec is None:
        return subject
    digest = subject.spec.model.sha256
    name = revision_name(subject.name, digest)
    if any(each.name == name and each.digest != digest for each in subject.status.revisions):
        fault = f"spec.model.sha256 begins with the same digits as another bundle that is still served as {name}"
        return replace(subject, spec=None, fault=fault)
    return subject


def _desired(revisions: Revisions) -> Iterator[DesiredRevision]:
    """The revisions that are kept in shape; a Retiring one is left as it is."""
    for revision in revisions:
        spec = frozen_spec(revision)
        if revision.phase != "Retiring" and spec is not None:
            yield DesiredRevision(revision.name, revision.digest, spec, least_replicas(revision, spec))


def _status(
    subject: Subject, revisions: Revisions, observation: Observation, url: str, now: datetime
) -> WeldModelStatus:
    serves = conditions.serving(revisions, observation)
    progresses = conditions.progressing(subject, revisions, observation, now)
    dated = (
        conditions.dated("Serving", serves, subject, now),
        conditions.dated("Progressing", progresses, subject, now),
        conditions.platform_ready(observation.shortcomings, subject, now),
    )
    answering = stable(revisions)
    seen = None if answering is None else observation.revisions.get(answering.name)
    return WeldModelStatus(
        observed_generation=subject.generation,
        phase=conditions.phase_of(serves, progresses, revisions),
        conditions=tuple(each for each in dated if each is not None),
        stable=None if answering is None else BundleReference(version=answering.version, digest=answering.digest),
        revisions=tuple(
            each.model_copy(update={"ready_replicas": observation.ready_replicas(each.name)}) for each in revisions
        ),
        url=url,
        replicas=Replicas() if seen is None else Replicas(desired=seen.desired_replicas, ready=seen.ready_replicas),
        readings_per_second=subject.status.readings_per_second
        if subject.spec is None
        else _plain(subject.spec.workload.readings_per_second),
    )


def _plain(number: Decimal) -> str:
    """A number without exponent and superfluous zeros: `100000`, `33.333`."""
    text = f"{number:.3f}"
    return text.rstrip("0").rstrip(".")


def _look_after(
    subject: Subject, revisions: Revisions, observation: Observation, status: WeldModelStatus, now: datetime
) -> timedelta:
    """Time until the next look, where no event of the cluster would bring it about; `timedelta.max` for never.

    Pods are not watched, so whatever is on its way is looked at again, less and less often.
    """
    looks: list[timedelta] = []
    candidate = pending(revisions)
    if candidate is not None:
        looks.append(_pace(now - candidate.asked_at))
    elif status.phase in ("Updating", "Degraded", "Failed", "UpdateFailed"):
        looks.append(LOOK_AFTER_TROUBLE)
    if observation.obstacles:
        looks.append(LOOK_AFTER_TROUBLE)
    if subject.spec is not None:
        removal = next_removal(revisions, parse_duration(subject.spec.serving.retire_after))
        if removal is not None:
            looks.append(max(removal - now, SHORTEST_LOOK))
    return min(looks, default=timedelta.max)


def _pace(waited: timedelta) -> timedelta:
    return min(max(SHORTEST_LOOK, waited / 10), LONGEST_LOOK)
