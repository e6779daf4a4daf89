"""The status of a WeldModel with regions, from what was decided in each of them.

`status.regions` is the memory of each region; `stable` and `replicas` of the whole are for listings. What is remembered
for the whole itself: the failure of a wave, the version of the endpoint document, the last act, and, while it stays,
what served before there were regions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from weld_api.action import RolloutAction
from weld_api.region import Region
from weld_api.region_status import Destination
from weld_api.spec import WeldModelSpec
from weld_api.status import BundleReference, PlaceStatus, RegionStatus, Replicas, WeldModelStatus
from weld_operator.domain import conditions
from weld_operator.domain.plain_number import plain_number
from weld_operator.domain.regions import whole_conditions
from weld_operator.domain.regions.asks import Ask
from weld_operator.domain.regions.endpoints import published
from weld_operator.domain.regions.failover import FailoverCourse, next_failover
from weld_operator.domain.regions.headroom import survived_losses
from weld_operator.domain.regions.sights import sight_of_region, stable_of
from weld_operator.domain.regions.summary import summary
from weld_operator.domain.regions.waves import WaveCourse, hearers, is_refused
from weld_operator.domain.rollout.trial import Happening
from weld_operator.domain.status_size import MOST_BYTES, fitted
from weld_operator.domain.subject import Subject

MOST_BYTES_OF_REGIONS = 96_000
"""Of all regions' statuses as JSON, in equal parts."""

BEFORE_REGIONS = ""
"""The name by which what served before there were regions is remembered."""


@dataclass(frozen=True)
class Part:
    """What came of one region at this moment.

    `decided`: the status of its decision; None where its cluster could not be reached, and `reason` says why in one
    sentence. `is_late`: nothing was decided now, and soon will be: it is as it was.
    """

    decided: WeldModelStatus | None
    reason: str = ""
    is_late: bool = False


@dataclass(frozen=True)
class Whole:
    """What follows for the WeldModel: its status, what to tell besides the regions' own, when to look again."""

    status: WeldModelStatus
    happenings: tuple[Happening, ...]
    look_at: datetime | None


def memories_of(status: WeldModelStatus) -> dict[str, RegionStatus]:
    """What is remembered of each region by name; of what served before there were regions, with an empty name."""
    known = {region.name: region for region in status.regions}
    if status.revisions:
        return {BEFORE_REGIONS: RegionStatus(name=BEFORE_REGIONS, **_fields(status)), **known}
    return known


def memory_at(memories: Mapping[str, RegionStatus], name: str, secret: str) -> RegionStatus | None:
    """What is remembered of a region in the cluster of that Secret; None where it was in another one."""
    memory = memories.get(name)
    return memory if memory is not None and memory.kubeconfig_secret == secret else None


def place_of(memory: PlaceStatus | None) -> WeldModelStatus:
    """What is remembered of a place, as the status of a WeldModel without regions; an empty one where nothing is."""
    return WeldModelStatus() if memory is None else WeldModelStatus(**_fields(memory))


def whole(
    subject: Subject,
    spec: WeldModelSpec,
    elsewhere: tuple[str, ...],
    course: WaveCourse,
    parts: Mapping[str, Part],
    now: datetime,
) -> Whole:
    """Put the parts together.

    `subject`: the WeldModel. `spec` and `elsewhere`: as countries.own_part gave them. `parts`: one for each region of
    `spec` and for each that stays.
    """
    now = now.replace(microsecond=0)
    before = memories_of(subject.status)
    asked = {ask.region: ask for ask in course.asks}
    placed = [_placed(region, before, parts[region.name], asked[region.name], now) for region in spec.regions]
    outages = {name: memory.outage for name, memory in before.items()}
    failover = next_failover(spec, {each.name: sight_of_region(each) for each in placed}, outages, now)
    named = [_carrying(each, failover) for each in placed]
    staying = [_staying(before[name], parts[name], now) for name in course.stays if name != BEFORE_REGIONS]
    regions = tuple(fitted(each, _most_bytes(len(named) + len(staying))) for each in (*named, *staying))
    status = _status(subject, spec, elsewhere, course, regions, len(named), now)
    status = status.model_copy(update=_before_regions(course, parts))
    hearing = _hearing(subject, before)
    if any(parts[name].is_late for name in hearing if name in parts):
        status = status.model_copy(update={"last_action": subject.status.last_action})
    looks = [moment for moment in (course.look_at, failover.look_at) if moment is not None]
    told = (*course.happenings, *failover.happenings, *_refusals(subject, before), *_unheard(subject, hearing, parts))
    return Whole(status, told, min(looks, default=None))


def _fields(status: PlaceStatus) -> dict[str, Any]:
    return {name: getattr(status, name) for name in PlaceStatus.model_fields}


def _placed(region: Region, before: Mapping[str, RegionStatus], part: Part, ask: Ask, now: datetime) -> RegionStatus:
    secret = region.cluster.kubeconfig_secret or ""
    memory = memory_at(before, region.name, secret)
    changes = {"where": where(region), "kubeconfig_secret": secret, "asked": ask.asked, "former": ask.former}
    if part.decided is not None:
        former = {} if memory is None else {"outage": memory.outage, "replica_floor": memory.replica_floor}
        return RegionStatus(name=region.name, **_fields(part.decided), **former, **changes)
    return _unreached(memory or RegionStatus(name=region.name), part, now).model_copy(update=changes)


def _staying(memory: RegionStatus, part: Part, now: datetime) -> RegionStatus:
    """A region that is not named any more: its sensors go on sending there."""
    kept = {"asked": None, "former": None, "outage": None, "replica_floor": 0}
    alone = {"sends_to": (Destination(region=memory.name, weight=100),)}
    if part.decided is None:
        return _unreached(memory, part, now).model_copy(update=kept | alone)
    about = {"name": memory.name, "where": memory.where, "kubeconfig_secret": memory.kubeconfig_secret}
    return RegionStatus(**about, **_fields(part.decided), **alone)


def _unreached(memory: RegionStatus, part: Part, now: datetime) -> RegionStatus:
    since = memory.unreachable_since or now
    return memory.model_copy(update={"unreachable_since": since, "unreachable_reason": part.reason[:300]})


def where(region: Region) -> str:
    """Which cluster a region is in, in words."""
    if region.cluster.kubeconfig_secret is not None:
        return f"the cluster of Secret {region.cluster.kubeconfig_secret}"
    labels = {} if region.cluster.local is None else region.cluster.local.node_selector
    chosen = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return f"this cluster, nodes with {chosen}" if chosen else "this cluster"


def _carrying(region: RegionStatus, failover: FailoverCourse) -> RegionStatus:
    carriage = failover.regions[region.name]
    return region.model_copy(
        update={
            "outage": carriage.outage,
            "sends_to": carriage.sends_to,
            "replica_floor": carriage.replica_floor,
        }
    )


def _status(
    subject: Subject,
    spec: WeldModelSpec,
    elsewhere: tuple[str, ...],
    course: WaveCourse,
    regions: tuple[RegionStatus, ...],
    named: int,
    now: datetime,
) -> WeldModelStatus:
    own = regions[:named]
    serves, progresses = whole_conditions.serving(spec, own), whole_conditions.progressing(own, course.failure)
    dated = (
        conditions.dated("Serving", serves, subject, now),
        conditions.dated("Progressing", progresses, subject, now),
        whole_conditions.platform_ready(subject, own, now),
    )
    return WeldModelStatus(
        observed_generation=subject.generation,
        phase=whole_conditions.phase_of(serves, progresses, own),
        conditions=tuple(each for each in dated if each is not None),
        stable=_answering(own),
        candidate=_candidate(spec, own),
        last_action=subject.status.last_action if subject.action is None else subject.action.id,
        url=next((region.url for region in own if region.url), ""),
        replicas=Replicas(
            desired=sum(region.replicas.desired for region in own), ready=sum(region.replicas.ready for region in own)
        ),
        readings_per_second=plain_number(spec.workload.readings_per_second),
        regions=regions,
        summary=summary(own, elsewhere),
        elsewhere=elsewhere,
        wave_failure=course.failure,
        survives_losses=survived_losses(spec, {region.name: sight_of_region(region) for region in own}),
        endpoints=published(regions, "", subject.status.endpoints, now),
    )


def _answering(regions: Iterable[RegionStatus]) -> BundleReference | None:
    """The bundle of the last region that serves one: what has come through every wave, or has yet to go."""
    found = [answering for region in regions if (answering := stable_of(region)) is not None]
    return BundleReference(version=found[-1].version, digest=found[-1].digest) if found else None


def _candidate(spec: WeldModelSpec, regions: Iterable[RegionStatus]) -> BundleReference | None:
    """What the spec asks for, while a region serves something else or nothing."""
    digests = [None if (one := stable_of(region)) is None else one.digest for region in regions]
    if all(digest == spec.model.sha256 for digest in digests):
        return None
    return BundleReference(version=spec.model.version, digest=spec.model.sha256)


def _before_regions(course: WaveCourse, parts: Mapping[str, Part]) -> dict[str, Any]:
    """What served before there were regions, as long as it stays."""
    part = parts.get(BEFORE_REGIONS)
    if BEFORE_REGIONS not in course.stays or part is None or part.decided is None:
        return {}
    kept = ("revisions", "rollout", "rejected", "history")
    return {name: getattr(part.decided, name) for name in kept}


def _most_bytes(regions: int) -> int:
    return min(MOST_BYTES, MOST_BYTES_OF_REGIONS // max(regions, 1))


def _hearing(subject: Subject, before: Mapping[str, RegionStatus]) -> tuple[str, ...]:
    """The regions that an act of a person is about which not all have heard."""
    action = subject.action
    if not isinstance(action, RolloutAction) or action.id == subject.status.last_action:
        return ()
    return hearers(before, action)


def _unheard(subject: Subject, hearing: Iterable[str], parts: Mapping[str, Part]) -> Iterator[Happening]:
    """An act does not wait for a cluster that cannot be reached: there it might be carried out long after."""
    action = subject.action
    for name in hearing:
        part = parts.get(name)
        if isinstance(action, RolloutAction) and part is not None and part.decided is None:
            text = f"region {name} has not heard of {action.verb}, as its cluster cannot be reached: {part.reason}"
            yield Happening("Warning", "ActRefused", f"{text}; by {action.by}: {action.why}", f"{action.id} {name}")


def _refusals(subject: Subject, before: Mapping[str, RegionStatus]) -> Iterator[Happening]:
    """An act that no region hears, or that cannot be read; told once."""
    action = subject.action
    if action is None or action.id == subject.status.last_action:
        return
    if not isinstance(action, RolloutAction):
        yield Happening("Warning", "ActRefused", action.fault, action.id)
    elif is_refused(before, subject.status.wave_failure, action):
        text = f"{action.verb} was refused: no region has that bundle on trial; by {action.by}: {action.why}"
        yield Happening("Warning", "ActRefused", text, action.id)
