"""Who carries whose share: what follows when a region does not serve, or cannot be seen.

`after` and `back` are those of spec.failover. "Up" is a region that has served and
has no outage, or one that did not move its share: also one that is Waiting, so that a short break sends nobody around.

| region was               | is seen             | then                                                                |
| ------------------------ | ------------------- | ------------------------------------------------------------------- |
| up                       | not serving, unseen | Waiting                                                             |
| Waiting                  | serving             | up; nothing has happened                                            |
| Waiting, seen not to     | not serving, unseen | for `after`: FailedOver. Its share goes to the regions that it      |
| serve                    |                     | names and that are up, in equal parts, and they grow. Stranded      |
|                          |                     | where there is none: its share stays with it                        |
| Waiting, never seen not  | unseen              | for `after`: Offered. The same regions grow and are the next        |
| to serve                 |                     | choice; the first choice stays                                      |
| Waiting, never seen not  | not serving         | Waiting, and its time begins anew                                   |
| to serve                 |                     |                                                                     |
| Offered                  | not serving         | for `after`: FailedOver or Stranded                                 |
| FailedOver               | not serving, unseen | it stays; of the regions that it names those carry that are up      |
| Stranded                 | not serving, unseen | FailedOver, as soon as a region that it names is up                 |
| Offered, FailedOver,     | serving             | Returning: everything stays as it is                                |
| Stranded                 |                     |                                                                     |
| Returning                | not serving, unseen | as before it served: it is the same outage                          |
| Returning                | serving             | for `back`: up. Its share comes back, and the others shrink         |
| New                      | anything            | no outage: its share is with those that it names, while one is up,  |
|                          |                     | and they do not grow for it; from its first answer on it is up      |

Why an unseen region keeps its share: its operator's view is lost, not its service. Its data plane needs no control
plane, and most likely serves on; moving its share would load others for nothing, and at the worst two regions would
answer the same sensors by different bundles. A sensor's gateway sees better: where the first choice does not answer it
goes on to the next one, which by then has grown. So what is really gone is answered elsewhere too.

A region's own endpoint is always among its destinations, and so is every region that it names: there are never fewer
endpoints than serve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from weld_api.quantity import parse_duration
from weld_api.region import Failover, Region
from weld_api.region_status import Destination, Outage
from weld_api.spec import WeldModelSpec
from weld_operator.domain.regions.headroom import replica_floors
from weld_operator.domain.regions.outages import (
    change_at,
    has_moved,
    next_outage,
    remembering_what_was_told,
    tell,
)
from weld_operator.domain.regions.sights import RegionSight
from weld_operator.domain.rollout.trial import Happening

WHOLE = 100

Outages = Mapping[str, Outage | None]


@dataclass(frozen=True)
class Carriage:
    """What follows for one region: all of it is to be remembered in its status.

    `replica_floor` takes effect in the region's next spec (regional_spec).
    """

    outage: Outage | None
    sends_to: tuple[Destination, ...]
    replica_floor: int


@dataclass(frozen=True)
class FailoverCourse:
    """What follows for all regions by name, what to tell, and when time alone will change something."""

    regions: Mapping[str, Carriage]
    happenings: tuple[Happening, ...]
    look_at: datetime | None


def next_failover(
    spec: WeldModelSpec, sights: Mapping[str, RegionSight], outages: Outages, now: datetime
) -> FailoverCourse:
    """For the regions of `spec` (own ones alone). `sights`: of each, as of now. `outages`: as remembered."""
    now = now.replace(microsecond=0)
    after, back = _times(spec.failover or Failover())
    moving = {
        region.name: next_outage(sights[region.name].state, outages.get(region.name), after, back, now)
        for region in spec.regions
    }
    up = frozenset(name for name, outage in moving.items() if sights[name].state != "New" and not has_moved(outage))
    carriers = {region.name: tuple(name for name in region.failover_to if name in up) for region in spec.regions}
    settled = {name: _settled(outage, bool(carriers[name])) for name, outage in moving.items()}
    floors = replica_floors(spec, _carried(spec, settled, carriers))
    told = (
        happening
        for region in spec.regions
        for happening in tell(region.name, outages.get(region.name), settled[region.name], carriers[region.name])
    )
    moments = (moment for outage in settled.values() if (moment := change_at(outage, after, back)) is not None)
    return FailoverCourse(
        regions={
            region.name: Carriage(
                remembering_what_was_told(settled[region.name]),
                tuple(_destinations(region, region.name in up, carriers[region.name])),
                floors[region.name],
            )
            for region in spec.regions
        },
        happenings=tuple(told),
        look_at=min(moments, default=None),
    )


def _times(failover: Failover) -> tuple[timedelta, timedelta]:
    return parse_duration(failover.after), parse_duration(failover.back)


def _settled(outage: Outage | None, can_be_carried: bool) -> Outage | None:
    """FailedOver where somebody carries, Stranded where nobody does."""
    if outage is None or outage.stage not in ("FailedOver", "Stranded"):
        return outage
    return outage.model_copy(update={"stage": "FailedOver" if can_be_carried else "Stranded"})


def _carried(
    spec: WeldModelSpec, outages: Outages, carriers: Mapping[str, tuple[str, ...]]
) -> dict[str, dict[str, float]]:
    """For each region the part of each other one's share that it carries, or stands ready for."""
    carried: dict[str, dict[str, float]] = {region.name: {} for region in spec.regions}
    for region in spec.regions:
        outage = outages[region.name]
        if outage is None or outage.acted_at is None:
            continue
        for name, weight in _parts(carriers[region.name]):
            carried[name][region.name] = weight / WHOLE
    return carried


def _destinations(region: Region, is_up: bool, carriers: tuple[str, ...]) -> Iterator[Destination]:
    """Where a region's sensors send, in the order of choice: every region that it names is among them."""
    others = [name for name in region.failover_to if name not in carriers]
    if is_up or not carriers:
        yield Destination(region=region.name, weight=WHOLE)
        for name in (*carriers, *others):
            yield Destination(region=name, weight=0)
        return
    for name, weight in _parts(carriers):
        yield Destination(region=name, weight=weight)
    yield Destination(region=region.name, weight=0)
    for name in others:
        yield Destination(region=name, weight=0)


def _parts(carriers: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Equal parts of a hundred; what cannot be divided goes to the first ones."""
    for number, name in enumerate(carriers):
        yield name, WHOLE // len(carriers) + (1 if number < WHOLE % len(carriers) else 0)
