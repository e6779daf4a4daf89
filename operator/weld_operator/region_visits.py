"""Goes to the regions of a WeldModel, each in its cluster: one that does not answer delays no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from weld_operator.adapters.cluster import BusyError, ClusterError, ConflictError
from weld_operator.adapters.cluster_access import ClusterAccess, Silence
from weld_operator.adapters.remote_clusters import RemoteClusters
from weld_operator.anchors import Anchors, AnchorTakenError
from weld_operator.domain.regions.places import Place
from weld_operator.domain.subject import Subject
from weld_operator.observer import Listing
from weld_operator.place_reconciler import Name, PlaceReconciler, Turn

_log = logging.getLogger(__name__)

VISIT_SECONDS = 15.0
"""Time that all regions in one other cluster have together; each call there has less."""


@dataclass(frozen=True)
class Missed:
    """A region that nothing was decided of; `is_unreachable`: as its cluster cannot be reached."""

    reason: str
    is_unreachable: bool = True


Visit = Turn | Missed


@dataclass(frozen=True)
class Needs:
    """What the regions that are wanted have in other clusters: what is not wanted may have it in common with them.

    `secrets`: by which those clusters are reached. `regions`: by the uid of the anchor that they belong to, as two
    Secrets may lead to one cluster. `unseen`: a region of which that is not known now; empty when all are.
    """

    secrets: frozenset[str]
    regions: Mapping[str, frozenset[str]]
    unseen: str


def needs(places: Iterable[Place], visits: Mapping[str, Visit]) -> Needs:
    """Of the places that are wanted."""
    remote = {place.name: place.secret for place in places if place.secret}
    regions: dict[str, frozenset[str]] = {}
    for name in remote:
        visit = visits[name]
        if isinstance(visit, Turn) and visit.subject.anchor is not None:
            uid = visit.subject.anchor.uid
            regions[uid] = regions.get(uid, frozenset()) | {name}
    unseen = (name for name in remote if isinstance(visits[name], Missed))
    return Needs(frozenset(remote.values()), regions, next(unseen, ""))


class RegionVisits:
    """Takes the turns of regions; those of one cluster one after the other, several clusters at once."""

    def __init__(self, home: ClusterAccess, remotes: RemoteClusters, places: PlaceReconciler, anchors: Anchors) -> None:
        self._home = home
        self._remotes = remotes
        self._places = places
        self._anchors = anchors

    async def list_home(self, subject: Subject) -> Listing:
        """What carries the WeldModel's label in this cluster."""
        return await self._places.list_all(self._home, subject)

    async def take_all(
        self, subject: Subject, places: Iterable[Place], listing: Listing, without: Collection[Name]
    ) -> dict[str, Visit]:
        """The turns of the places by their names. `listing`: of this cluster. `without`: what no place here wants.

        Raises ClusterError where this cluster does not do what it is asked.
        """
        by_secret: dict[str, list[Place]] = {}
        for place in places:
            by_secret.setdefault(place.secret, []).append(place)
        visits = await _all_of(
            self._take_remote(subject, secret, group) if secret else self._take_home(group, listing, without)
            for secret, group in by_secret.items()
        )
        return {name: visit for group in visits for name, visit in group.items()}

    async def finish_all(self, visits: Mapping[str, Visit], without: Collection[Name]) -> bool:
        """Delete what is surplus; whether that could be done everywhere."""
        is_done = True
        for name, visit in visits.items():
            if isinstance(visit, Missed):
                continue
            try:
                await self._places.finish(visit, without if visit.access.is_home else ())
            except ClusterError as error:
                if visit.access.is_home:
                    raise
                _log.warning("Region %s still has what is surplus: %s", name, error)
                is_done = False
        return is_done

    async def remove(
        self, subject: Subject, place: Place, needs: Needs, listing: Listing, without: Collection[Name]
    ) -> str:
        """Delete all that a place has; why that could not be done, empty when it was."""
        if not place.secret:
            await self._places.remove(self._home, place.subject, listing, without)
            return ""
        access = await self._remotes.reach(subject.key, place.secret)
        if isinstance(access, Silence):
            return access.message
        try:
            async with asyncio.timeout(VISIT_SECONDS):
                return await self._remove_remote(access, subject, place, needs)
        except TimeoutError:
            return f"no end within {VISIT_SECONDS:g} s"
        except AnchorTakenError:
            return ""  # nothing there is ours
        except ClusterError as error:
            return str(error)

    async def _remove_remote(self, access: ClusterAccess, subject: Subject, place: Place, needs: Needs) -> str:
        there = await self._places.list_all(access, place.subject)
        anchor = await self._anchors.find(access, subject, there)
        if anchor is None:
            return ""
        staying = needs.regions.get(anchor.uid, frozenset())
        is_last = not staying and place.secret not in needs.secrets
        if is_last and not needs.unseen:
            await self._anchors.delete(access, subject)
            return ""
        if place.name not in staying:
            await self._places.remove(access, replace(place.subject, anchor=anchor), there)
        return f"whether region {needs.unseen} is in the same cluster is not known yet" if is_last else ""

    async def keep(self, subject: Subject, secrets: Collection[str]) -> None:
        """These clusters are all that the WeldModel needs."""
        await self._remotes.keep(subject.key, secrets)

    async def _take_home(
        self, places: Iterable[Place], listing: Listing, without: Collection[Name]
    ) -> dict[str, Visit]:
        return {place.name: await self._places.take(self._home, place.subject, listing, without) for place in places}

    async def _take_remote(self, subject: Subject, secret: str, places: Sequence[Place]) -> dict[str, Visit]:
        visits = await self._try_remote(subject, secret, places)
        return {place.name: visits for place in places} if isinstance(visits, Missed) else visits

    async def _try_remote(self, subject: Subject, secret: str, places: Sequence[Place]) -> dict[str, Visit] | Missed:
        access = await self._remotes.reach(subject.key, secret)
        if isinstance(access, Silence):
            return Missed(access.message)
        try:
            async with asyncio.timeout(VISIT_SECONDS):
                listing = await self._places.list_all(access, places[0].subject)
                anchor = await self._anchors.ensure(access, subject, listing)
                return {
                    place.name: await self._places.take(access, replace(place.subject, anchor=anchor), listing)
                    for place in places
                }
        except TimeoutError:
            message = f"no end within {VISIT_SECONDS:g} s"
            self._remotes.give_up(subject.key, secret, message)
            return Missed(message)
        except (BusyError, ConflictError) as error:
            return Missed(str(error), is_unreachable=False)
        except (ClusterError, AnchorTakenError) as error:
            return Missed(str(error))


async def _all_of(visits: Iterable[Awaitable[dict[str, Visit]]]) -> list[dict[str, Visit]]:
    """All results; the first exception, but not before the others have ended."""
    results = await asyncio.gather(*visits, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
