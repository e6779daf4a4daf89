"""One reconciliation of one place: a region, or a cluster as a whole. Look, decide, write what differs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from weld_api.names import predictor_name
from weld_api.spec import WeldModelSpec
from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster_access import ClusterAccess
from weld_operator.desired.objects import desired_objects
from weld_operator.desired.traffic.backend import TrafficBackend, Wanted
from weld_operator.desired.traffic.choice import backend_of
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.observation import Observation, Obstacle
from weld_operator.domain.platform import Demand, can_follow_readings
from weld_operator.domain.revisions import frozen_spec
from weld_operator.domain.stories import Story
from weld_operator.domain.subject import Subject
from weld_operator.kinds import CONFIG_MAP, DEPLOYMENT, Kind
from weld_operator.measuring import Measuring
from weld_operator.object_writer import ObjectWriter
from weld_operator.observer import Listing, Live, Look, Observer, is_going

LOOK_AFTER_DELETION = timedelta(seconds=2)

Shortcomings = Callable[[Demand], tuple[Obstacle, ...] | None]
Name = tuple[Kind, str]
"""Of an object, in the WeldModel's namespace."""


@dataclass(frozen=True)
class Turn:
    """What was found at one place, what was decided for it, and what was written."""

    access: ClusterAccess
    subject: Subject
    backend: TrafficBackend
    look: Look
    wanted: Wanted
    decision: Decision
    stories: tuple[Story, ...]

    @property
    def candidate_is_there(self) -> bool:
        """Whether there is something that requests for the candidate can be sent to."""
        candidate = self.decision.candidate
        return candidate is not None and predictor_name(candidate.name) in self.look.found.get(DEPLOYMENT, {})

    @property
    def look_after(self) -> timedelta:
        """Soon, while something of ours is on its way out and may have to be made anew."""
        if any(is_going(body) for objects in self.look.live.values() for body in objects.values()):
            return min(self.decision.look_after, LOOK_AFTER_DELETION)
        return self.decision.look_after


class PlaceReconciler:
    """Brings what exists at a place to what is asked for there."""

    def __init__(self, clock: Clock, writer: ObjectWriter, measuring: Measuring, shortcomings: Shortcomings) -> None:
        """`shortcomings` of this cluster, as they are known now, for WeldModels with a demand."""
        self._clock = clock
        self._writer = writer
        self._measuring = measuring
        self._shortcomings = shortcomings

    async def list_all(self, access: ClusterAccess, subject: Subject) -> Listing:
        """What carries the WeldModel's label in a cluster: enough for all of its regions there."""
        return await Observer(access.cluster).list_all(subject, _backend(subject).reads)

    async def take(
        self, access: ClusterAccess, subject: Subject, listing: Listing, without: Collection[Name] = ()
    ) -> Turn:
        """Look, decide and write the objects; what is told, remembered and deleted is left to the caller.

        `without`: objects that are wanted of others, and not of this place.
        """
        backend = _backend(subject)
        look = await Observer(access.cluster).look(subject, backend, listing)
        measured = self._measuring.look(subject, access.source)
        lacking = self._shortcomings(_demand(subject, backend)) if access.is_home else None
        seen = replace(
            look.observation,
            shortcomings=lacking,
            verdicts=measured.verdicts,
            compared=measured.compared,
        )
        decision = self._decide(access, subject, seen, look)
        target = replace(access.target, follows_readings=can_follow_readings(lacking))
        wanted = desired_objects(subject, decision, backend, look.found, target)
        wanted = [(kind, body) for kind, body in wanted if (kind, body["metadata"]["name"]) not in without]
        obstacles, stories = await self._writer.write(access, subject, wanted, look.live)
        if obstacles:
            decision = self._decide(access, subject, replace(seen, obstacles=(*seen.obstacles, *obstacles)), look)
        return Turn(access, subject, backend, look, wanted, decision, (*stories, *decision.stories))

    async def finish(self, turn: Turn, without: Collection[Name] = ()) -> None:
        """Delete what carries our label, is the subject's own, and belongs to nothing that stays."""
        places = {(kind, body["metadata"]["name"]) for kind, body in turn.wanted} | set(without)
        live: Live = turn.look.live
        for kind in reversed(tuple(live)):
            for name, body in live[kind].items():
                if (kind, name) not in places and not _stays(turn, kind, name):
                    await self._writer.delete(turn.access, turn.subject, kind, body)

    async def remove(
        self, access: ClusterAccess, subject: Subject, listing: Listing, without: Collection[Name] = ()
    ) -> None:
        """Delete all that a place has, what sends requests first."""
        look = await Observer(access.cluster).look(subject, _backend(subject), listing)
        for kind in reversed(tuple(look.live)):
            for name, body in look.live[kind].items():
                if (kind, name) not in without:
                    await self._writer.delete(access, subject, kind, body)

    def _decide(self, access: ClusterAccess, subject: Subject, seen: Observation, look: Look) -> Decision:
        url = access.target.url(subject.serving_name, subject.namespace) if look.url is None else look.url
        return decide(subject, seen, url, self._clock.now())


def _stays(turn: Turn, kind: Kind, name: str) -> bool:
    if kind == CONFIG_MAP:
        return turn.decision.shadow_stays
    return turn.backend.stays(kind, name, turn.subject, turn.decision.kept)


def _specs(subject: Subject) -> Iterator[WeldModelSpec]:
    """What is asked for, and what revisions that stay were last asked for, as far as either can be read."""
    if subject.spec is not None:
        yield subject.spec
    standing = (each for each in subject.status.revisions if each.phase != "Retiring")
    yield from (spec for each in standing if (spec := frozen_spec(each)) is not None)


def _backend(subject: Subject) -> TrafficBackend:
    """What divides the requests; where the spec cannot be read, as a revision was last asked for."""
    return backend_of(next(_specs(subject), None))


def _demand(subject: Subject, backend: TrafficBackend) -> Demand:
    """Also of a Stable revision that follows readings while the next one is to follow the CPU."""
    return Demand(backend.name, any(spec.serving.scaling.target.follows_readings for spec in _specs(subject)))
