"""Gathers what is there of one WeldModel, in one cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from weld_api import names
from weld_operator.adapters.cluster import Cluster, NotServedError
from weld_operator.desired.traffic.backend import Found, TrafficBackend
from weld_operator.domain.observation import Observation, RevisionObservation, unknown
from weld_operator.domain.revisions import pending
from weld_operator.domain.subject import Subject
from weld_operator.kinds import CONFIG_MAP, OWNED_KINDS, POD, Kind, Object

Listing = Mapping[Kind, list[Object] | None]
"""All objects that carry a WeldModel's label, by kind; None for a kind that the cluster does not know."""

Live = Mapping[Kind, Mapping[str, Object]]
"""Objects of ours by kind and name."""


@dataclass(frozen=True)
class Look:
    """What was found, what of it is ours, what it says; `url` is where KServe lets requests in, if it does."""

    found: Found
    live: Live
    observation: Observation
    url: str | None


class Observer:
    """Reads a cluster; Pods only of a revision that is not complete, or on trial."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def list_all(self, subject: Subject, kinds: Iterable[Kind]) -> Listing:
        """All of these kinds, and ConfigMaps, that carry the WeldModel's label, whatever region they are of."""
        labels = {names.MODEL_LABEL: subject.name}
        asked = tuple(dict.fromkeys((*kinds, CONFIG_MAP)))
        answers = await asyncio.gather(*(self._list(kind, subject.namespace, labels) for kind in asked))
        return dict(zip(asked, answers, strict=True))

    async def look(self, subject: Subject, backend: TrafficBackend, listing: Listing) -> Look:
        """What of it is of the subject's region, what of that belongs to it, and what is seen of its revisions."""
        found = {kind: _by_name(_of_region(kind, listing[kind], subject)) for kind in (*backend.reads, CONFIG_MAP)}
        await self._find_unlabelled(subject, backend, found)
        traffic = backend.read(subject, found)
        tried = _on_trial(subject)
        revisions = await asyncio.gather(
            *(
                self._with_pods(each, subject.namespace, backend.pod_labels(name), is_tried=name == tried)
                for name, each in traffic.revisions.items()
            )
        )
        owned = (*backend.owned_kinds, CONFIG_MAP)
        elsewhere = subject.anchor is not None
        obstacles = [unknown(kind, elsewhere=elsewhere) for kind in owned if listing[kind] is None]
        observation = Observation(
            revisions={each.name: each for each in revisions},
            route=traffic.route,
            weights=traffic.weights,
            is_in_force=traffic.in_force,
            obstacles=(*obstacles, *(() if traffic.obstacle is None else (traffic.obstacle,))),
        )
        live = {kind: {name: body for name, body in found[kind].items() if is_owned(body, subject)} for kind in owned}
        return Look(found, live, observation, traffic.url)

    async def _list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Object] | None:
        """The objects; None when the cluster does not know their kind."""
        try:
            return await self._cluster.list(kind, namespace, labels)
        except NotServedError:
            return None

    async def _find_unlabelled(
        self, subject: Subject, backend: TrafficBackend, found: dict[Kind, dict[str, Object]]
    ) -> None:
        """Add what the status tells of and the label did not find: somebody may have edited the label."""
        for kind, name in backend.expected(subject):
            if name in found[kind]:
                continue
            body = await self._get(kind, subject.namespace, name)
            if body is not None:
                found[kind][name] = body

    async def _get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        try:
            return await self._cluster.get(kind, namespace, name)
        except NotServedError:
            return None

    async def _with_pods(
        self, revision: RevisionObservation, namespace: str, labels: Mapping[str, str], *, is_tried: bool
    ) -> RevisionObservation:
        """The revision with its Pods while not everything is in order, or while it is to be reached one by one."""
        if revision.is_complete and not is_tried:
            return revision
        pods = await self._cluster.list(POD, namespace, labels)
        return replace(revision, pods=tuple(sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))))


def is_going(body: Object) -> bool:
    """Whether the object is being deleted."""
    return "deletionTimestamp" in body["metadata"]


def is_owned(body: Object, subject: Subject) -> bool:
    """Whether the object belongs to the subject."""
    return any(owner["uid"] == subject.owner.uid for owner in body["metadata"].get("ownerReferences", []))


def region_of(body: Object) -> str:
    """The region that an object of ours is of; empty where it is of none."""
    return str(body["metadata"].get("labels", {}).get(names.REGION_LABEL, ""))


def strays(listing: Listing, subject: Subject, regions: Iterable[str]) -> list[tuple[Kind, Object]]:
    """What belongs to the subject and is of a region that is not one of these, as after a status was lost."""
    known = set(regions)
    return [
        (kind, body)
        for kind in reversed(OWNED_KINDS)
        for body in listing.get(kind) or ()
        if is_owned(body, subject) and region_of(body) not in known
    ]


def _of_region(kind: Kind, bodies: list[Object] | None, subject: Subject) -> list[Object]:
    """What others make of our objects is known by its name."""
    return [body for body in bodies or () if kind not in OWNED_KINDS or region_of(body) == subject.region]


def _on_trial(subject: Subject) -> str | None:
    """The name of the revision that is compared with the Stable one, whose Pods a shadow must reach."""
    candidate = pending(subject.status.revisions)
    is_compared = subject.spec is not None and subject.spec.rollout is not None
    return candidate.name if candidate is not None and is_compared else None


def _by_name(bodies: Iterable[Object]) -> dict[str, Object]:
    return {str(body["metadata"]["name"]): body for body in bodies}
