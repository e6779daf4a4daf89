"""One reconciliation of a WeldModel in regions.

What each region is asked for follows from what is remembered of all of them; then each is brought to that by the same
code as a WeldModel without regions; then it is said who carries whose share, and what all of them are together.
Objects are written first, then Events, then the status, and deletions last; but a region that is removed is forgotten
in the status, and so its objects go before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from weld_api.action import RolloutAction
from weld_api.spec import WeldModelSpec
from weld_api.status import RegionStatus, RemovedRegion, WeldModelStatus
from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster_access import ClusterAccess
from weld_operator.desired.shared_route import LocalRegion, shared_route, shared_weights
from weld_operator.domain.next_look import LOOK_AFTER_TROUBLE, at
from weld_operator.domain.observation import Obstacle
from weld_operator.domain.regions.countries import own_part
from weld_operator.domain.regions.places import (
    Place,
    named_places,
    place_without_regions,
    reachability,
    removed_place,
    removed_regions,
    secret_of,
    served_elsewhere,
    serves_without_regions,
    standing_places,
    unreadable,
)
from weld_operator.domain.regions.waves import WaveCourse, hearers, next_waves
from weld_operator.domain.regions.whole import BEFORE_REGIONS, Part, Whole, memories_of, memory_at, place_of, whole
from weld_operator.domain.regions.whole_conditions import hindered
from weld_operator.domain.stories import Story, happened
from weld_operator.domain.subject import Subject
from weld_operator.kinds import HTTP_ROUTE
from weld_operator.object_writer import ObjectWriter
from weld_operator.observer import Listing, is_owned, strays
from weld_operator.place_reconciler import Name, Turn
from weld_operator.region_visits import Missed, RegionVisits, Visit, needs
from weld_operator.reporter import Reporter

LOOK_AFTER_CONFLICT = timedelta(seconds=1)


@dataclass(frozen=True)
class _Order:
    """What is asked for. `spec`: with own regions alone; None where it cannot be read. `course`: of named regions."""

    spec: WeldModelSpec | None
    elsewhere: tuple[str, ...]
    course: WaveCourse | None
    places: tuple[Place, ...]

    @property
    def stays_before_regions(self) -> bool:
        """Whether what is of no region serves on, and has the host that regions would share."""
        return any(place.name == BEFORE_REGIONS for place in self.places)


class RegionalReconciler:
    """Serves WeldModels that name regions, or did."""

    def __init__(
        self,
        home: ClusterAccess,
        visits: RegionVisits,
        writer: ObjectWriter,
        reporter: Reporter,
        clock: Clock,
        country: str,
    ) -> None:
        """`country`: whose regions are served; all where it is empty."""
        self._home = home
        self._visits = visits
        self._writer = writer
        self._reporter = reporter
        self._clock = clock
        self._country = country

    async def reconcile(self, subject: Subject) -> tuple[WeldModelStatus, timedelta]:
        """Look at all regions once; gives the status, and the time until the next look is wanted."""
        now = self._clock.now()
        order = self._order(subject)
        without = () if order.stays_before_regions else ((HTTP_ROUTE, subject.name),)
        listing = await self._visits.list_home(subject)
        visits = await self._visits.take_all(subject, order.places, listing, without)
        outcome = self._whole(subject, order, visits)
        obstacles, restored = await self._share_host(subject, order, visits, outcome.status, listing)
        removing = await self._remove(subject, order, visits, listing, without)
        status = outcome.status.model_copy(update={"removing": removing})
        if obstacles:
            status = hindered(status, obstacles[0], subject, now)
        happenings = (happened(subject, each) for each in outcome.happenings)
        await self._reporter.tell(subject, (*_told(visits), *restored, *happenings, *reachability(subject, status)))
        await self._reporter.write_status(subject, status)
        is_done = await self._visits.finish_all(visits, _kept_route(subject, status, without))
        await self._delete_strays(subject, order, status, listing)
        await self._visits.keep(subject, _secrets(order, status))
        looks = [visit.look_after for visit in visits.values() if isinstance(visit, Turn)]
        if any(isinstance(visit, Missed) and not visit.is_unreachable for visit in visits.values()) or not is_done:
            looks.append(LOOK_AFTER_CONFLICT)
        if removing or obstacles or any(isinstance(visit, Missed) for visit in visits.values()):
            looks.append(LOOK_AFTER_TROUBLE)
        if outcome.look_at is not None:
            looks.append(at(outcome.look_at, now))
        return status, min(looks, default=timedelta.max)

    def _order(self, subject: Subject) -> _Order:
        memories = memories_of(subject.status)
        if subject.spec is None:
            return _Order(None, subject.status.elsewhere, None, tuple(standing_places(subject, memories)))
        spec, elsewhere = own_part(subject.spec, self._country)
        if not subject.spec.regions:
            stays = () if serves_without_regions(subject.status) else [name for name in memories if name]
            return _Order(spec, (), None, (place_without_regions(subject), *standing_places(subject, stays)))
        if not spec.regions:
            return _Order(spec, elsewhere, None, ())
        act = subject.action if isinstance(subject.action, RolloutAction) else None
        if act is not None and act.id == subject.status.last_action:
            act = None
        course = next_waves(spec, memories, subject.status.wave_failure, act, self._clock.now())
        heard = () if act is None else hearers(memories, act)
        named = tuple(named_places(subject, spec, course, heard))
        return _Order(spec, elsewhere, course, (*named, *standing_places(subject, course.stays)))

    def _whole(self, subject: Subject, order: _Order, visits: Mapping[str, Visit]) -> Whole:
        now = self._clock.now()
        parts = {place.name: _part(subject, place, visits[place.name]) for place in order.places}
        if order.spec is None:
            regions = [_as_decided(each, parts.get(each.name)) for each in subject.status.regions]
            return Whole(unreadable(subject, regions, now), (), None)
        if order.course is not None:
            found = whole(subject, order.spec, order.elsewhere, order.course, parts, now)
            if all(secret_of(region) for region in order.spec.regions):
                return found
            url = self._home.target.url(subject.name, subject.namespace)
            return replace(found, status=found.status.model_copy(update={"url": url}))
        if order.elsewhere:
            return Whole(served_elsewhere(subject, order.elsewhere, now), (), None)
        alone = visits[BEFORE_REGIONS]
        assert isinstance(alone, Turn), "what is of no region is in this cluster, which is never missed"
        status = place_of(alone.decision.status)
        left = [_as_decided(each, parts[each.name]) for each in subject.status.regions if each.name in parts]
        return Whole(status.model_copy(update={"regions": tuple(left)}), (), None)

    async def _share_host(
        self, subject: Subject, order: _Order, visits: Mapping[str, Visit], status: WeldModelStatus, listing: Listing
    ) -> tuple[list[Obstacle], list[Story]]:
        """Write the route of the host that the regions in this cluster share; gives what ObjectWriter.write does."""
        if order.spec is None or order.course is None or order.stays_before_regions:
            return [], []
        shares = {region.name: region.share for region in order.spec.regions}
        turns = {name: visits[name] for name in shares}
        local = {
            name: LocalRegion(turn.decision, turn.candidate_is_there)
            for name, turn in turns.items()
            if isinstance(turn, Turn) and turn.access.is_home
        }
        route = shared_route(subject, local, shared_weights(shares, status.regions), self._home.target)
        there = {body["metadata"]["name"]: body for body in listing.get(HTTP_ROUTE) or () if is_owned(body, subject)}
        if route is not None:
            return await self._writer.write(self._home, subject, [(HTTP_ROUTE, route)], {HTTP_ROUTE: there})
        if subject.name in there:
            await self._writer.delete(self._home, subject, HTTP_ROUTE, there[subject.name])
        return [], []

    async def _remove(
        self,
        subject: Subject,
        order: _Order,
        visits: Mapping[str, Visit],
        listing: Listing,
        without: Collection[Name],
    ) -> tuple[RemovedRegion, ...]:
        """Delete what belongs to regions that are not wanted any more; gives those of which something is left."""
        needed = needs(order.places, visits)
        left: list[RemovedRegion] = []
        for removed in removed_regions(subject, order.places, self._clock.now()):
            place = removed_place(subject, removed)
            reason = await self._visits.remove(subject, place, needed, listing, without)
            if reason:
                left.append(removed.model_copy(update={"reason": reason[:300]}))
        return tuple(left)

    async def _delete_strays(self, subject: Subject, order: _Order, status: WeldModelStatus, listing: Listing) -> None:
        """Delete what is of regions in this cluster that nobody knows, as after a status was lost."""
        known = {BEFORE_REGIONS, *(place.name for place in order.places), *(each.name for each in status.removing)}
        for kind, body in strays(listing, subject, known):
            await self._writer.delete(self._home, subject, kind, body)


def _part(subject: Subject, place: Place, visit: Visit) -> Part:
    if isinstance(visit, Turn):
        return Part(visit.decision.status)
    if visit.is_unreachable:
        return Part(None, visit.reason)
    return Part(place_of(memory_at(memories_of(subject.status), place.name, place.secret)), is_late=True)


def _as_decided(region: RegionStatus, part: Part | None) -> RegionStatus:
    """A region that stays as it is, with what is seen of it now."""
    if part is None or part.decided is None:
        return region
    seen = {name: getattr(part.decided, name) for name in ("revisions", "conditions", "replicas", "phase")}
    return region.model_copy(update=seen)


def _told(visits: Mapping[str, Visit]) -> Iterator[Story]:
    """What each region's decision tells, with the region's name."""
    for name, visit in visits.items():
        for story in visit.stories if isinstance(visit, Turn) else ():
            yield replace(story, message=f"Region {name}: {story.message}") if name else story


def _kept_route(subject: Subject, status: WeldModelStatus, without: Collection[Name]) -> Collection[Name]:
    """The shared host's route stays while what is of no region has none of its own yet."""
    return ((HTTP_ROUTE, subject.name),) if status.regions else without


def _secrets(order: _Order, status: WeldModelStatus) -> set[str]:
    """Of all clusters that the WeldModel needs."""
    needed = {place.secret for place in order.places} | {each.kubeconfig_secret for each in status.removing}
    return needed - {""}


def is_regional(subject: Subject) -> bool:
    """Whether a WeldModel names regions, or some of it is in regions still."""
    named = subject.spec is not None and bool(subject.spec.regions)
    return named or bool(subject.status.regions) or bool(subject.status.removing)


def remote_secrets(subject: Subject, country: str) -> Sequence[str]:
    """The Secrets of clusters in which something of a WeldModel is, or is to be, by an installation of this country."""
    regions = () if subject.spec is None else own_part(subject.spec, country)[0].regions
    named = (secret_of(region) for region in regions)
    known = (each.kubeconfig_secret for each in subject.status.regions)
    left = (each.kubeconfig_secret for each in subject.status.removing)
    return [secret for secret in dict.fromkeys((*named, *known, *left)) if secret]
