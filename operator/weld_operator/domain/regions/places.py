"""The places that a WeldModel's regions are: what each is asked for, and which cluster it is in.

What served before there were regions is a place without a name, and so is a WeldModel whose regions were taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from weld_api.region import Region
from weld_api.spec import WeldModelSpec
from weld_api.status import RegionStatus, RemovedRegion, WeldModelStatus
from weld_operator.domain import conditions
from weld_operator.domain.conditions import Verdict
from weld_operator.domain.regions.sights import serving_since
from weld_operator.domain.regions.waves import WaveCourse
from weld_operator.domain.regions.whole import memories_of, memory_at, place_of
from weld_operator.domain.stories import Story, told_of_region
from weld_operator.domain.subject import Subject


@dataclass(frozen=True)
class Place:
    """One region at one moment: the WeldModel as it is asked for there, with the region's own memory.

    `secret`: by which its cluster is reached; empty for this one.
    """

    subject: Subject
    secret: str = ""

    @property
    def name(self) -> str:
        return self.subject.region


def named_places(
    subject: Subject, spec: WeldModelSpec, course: WaveCourse, hearers: Collection[str]
) -> Iterator[Place]:
    """The regions that a spec names. `hearers`: those that an act of a person is about."""
    memories = memories_of(subject.status)
    for region, ask in zip(spec.regions, course.asks, strict=True):
        memory = memory_at(memories, region.name, secret_of(region))
        local = region.cluster.local
        about = replace(
            subject,
            region=region.name,
            status=place_of(memory),
            spec=ask.spec,
            fault="" if ask.spec is not None else ask.asked.reason,
            action=subject.action if region.name in hearers else None,
            node_selector={} if local is None else local.node_selector,
        )
        yield Place(about, secret_of(region))


def standing_places(subject: Subject, names: Collection[str]) -> Iterator[Place]:
    """Regions that are remembered and stay as they are."""
    for name, memory in memories_of(subject.status).items():
        if name in names:
            about = replace(subject, region=name, status=place_of(memory), spec=None, action=None)
            yield Place(about, memory.kubeconfig_secret)


def place_without_regions(subject: Subject) -> Place:
    """A WeldModel that names no regions."""
    return Place(replace(subject, status=place_of(subject.status)))


def removed_regions(subject: Subject, places: Collection[Place], now: datetime) -> tuple[RemovedRegion, ...]:
    """What is remembered and at none of these places, with what could not be removed until now."""
    kept = {(place.name, place.secret) for place in places}
    since = now.replace(microsecond=0)
    remembered = (
        RemovedRegion(name=name, kubeconfig_secret=memory.kubeconfig_secret, since=since)
        for name, memory in memories_of(subject.status).items()
    )
    all_of_them = {(each.name, each.kubeconfig_secret): each for each in (*remembered, *subject.status.removing)}
    return tuple(each for about, each in all_of_them.items() if about not in kept)


def removed_place(subject: Subject, removed: RemovedRegion) -> Place:
    """A region whose objects are to be deleted."""
    about = replace(subject, region=removed.name, status=WeldModelStatus(), spec=None, action=None)
    return Place(about, removed.kubeconfig_secret)


def serves_without_regions(status: WeldModelStatus) -> bool:
    """Whether a WeldModel serves by what is of no region."""
    return serving_since(status) is not None


def secret_of(region: Region) -> str:
    """The Secret by which a region's cluster is reached; empty for this cluster."""
    return region.cluster.kubeconfig_secret or ""


def unreadable(subject: Subject, regions: Collection[RegionStatus], now: datetime) -> WeldModelStatus:
    """The status while the spec cannot be read: everything is as it was, and the condition Progressing says why."""
    found = {each.type: each for each in subject.status.conditions}
    progress = conditions.dated("Progressing", Verdict("False", "InvalidSpec", subject.fault), subject, now)
    found["Progressing"] = progress
    serves = "Serving" in found and found["Serving"].status == "True"
    return subject.status.model_copy(
        update={
            "observed_generation": subject.generation,
            "phase": "UpdateFailed" if serves else "Failed",
            "conditions": tuple(found.values()),
            "regions": tuple(regions),
        }
    )


def served_elsewhere(subject: Subject, elsewhere: tuple[str, ...], now: datetime) -> WeldModelStatus:
    """The status of a WeldModel whose regions are all those of other countries."""
    line = f"elsewhere: {', '.join(elsewhere)}"
    verdicts = {
        "Serving": Verdict("Unknown", "ServedElsewhere", f"No region is this installation's; {line}"),
        "Progressing": Verdict("True", "UpToDate", "Nothing is asked for here"),
    }
    return WeldModelStatus(
        observed_generation=subject.generation,
        phase="Elsewhere",
        conditions=tuple(
            conditions.dated(kind, verdict, subject, now.replace(microsecond=0)) for kind, verdict in verdicts.items()
        ),
        last_action=subject.status.last_action,
        summary=line,
        elsewhere=elsewhere,
    )


def reachability(subject: Subject, after: WeldModelStatus) -> Iterator[Story]:
    """Each region whose cluster was lost or found."""
    before = {each.name: each for each in subject.status.regions}
    for region in after.regions:
        known = before.get(region.name)
        was_lost = None if known is None else known.unreachable_since
        if region.unreachable_since is not None and was_lost is None:
            message = f"Region {region.name} ({region.where}) cannot be reached: {region.unreachable_reason}"
            moment = region.unreachable_since.isoformat()
            yield told_of_region(subject, "Warning", "RegionUnreachable", message, region.name, moment)
        elif region.unreachable_since is None and was_lost is not None:
            message = f"Region {region.name} ({region.where}) is reached again"
            yield told_of_region(subject, "Normal", "RegionReached", message, region.name, was_lost.isoformat())
