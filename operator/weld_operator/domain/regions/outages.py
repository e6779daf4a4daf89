"""One region's outage, from its first sign to the end of its return; the table is in failover.

An outage is told of once: when others take over or stand ready, when nobody can, and when it is over. It remembers
what was told of it; the time of its first sign is its identity, so that a crash before the status is written tells
nothing twice either.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from weld_api.region_status import Outage
from weld_operator.domain.regions.sights import State
from weld_operator.domain.rollout.trial import Happening

_TOLD = ("FailedOver", "Offered", "Stranded")


def next_outage(state: State, outage: Outage | None, after: timedelta, back: timedelta, now: datetime) -> Outage | None:
    """What becomes of a region's outage at this moment; whether somebody can carry its share is not its affair."""
    if state == "New":
        return None
    if state == "Serving":
        return _serving(outage, back, now)
    if outage is None:
        return Outage(
            stage="Waiting",
            why="Unseen" if state == "Unseen" else "NotServing",
            since=now,
            worse_since=None if state == "Unseen" else now,
        )
    lost = outage.model_copy(update={"stage": _stage_before(outage), "serves_since": None})
    if state == "NotServing" and lost.worse_since is None:
        lost = lost.model_copy(update={"worse_since": now, "why": "NotServing"})
    return _acted(lost, after, now)


def has_moved(outage: Outage | None) -> bool:
    """Whether an outage moved the share of its region, or would, if somebody could carry it."""
    return outage is not None and outage.moved


def change_at(outage: Outage | None, after: timedelta, back: timedelta) -> datetime | None:
    """When time alone changes an outage."""
    if outage is None:
        return None
    if outage.serves_since is not None:
        return outage.serves_since + back
    if outage.worse_since is not None and not outage.moved:
        return outage.worse_since + after
    return outage.since + after if outage.acted_at is None else None


def tell(region: str, before: Outage | None, outage: Outage | None, carriers: tuple[str, ...]) -> Iterator[Happening]:
    """What is to be told of a region's outage."""
    if outage is None:
        if before is not None and before.acted_at is not None:
            text = f"Region {region} serves again, and has its share back"
            yield Happening("Normal", "RegionReturned", text, _moment(region, before))
        return
    if before is not None and outage.stage in before.told:
        return
    moment, names = _moment(region, outage), " and ".join(carriers)
    seen = "does not serve" if outage.why == "NotServing" else "cannot be seen"
    since = f"Region {region} {seen} since {outage.since:%H:%M:%S} UTC"
    match outage.stage:
        case "FailedOver":
            yield Happening("Warning", "RegionFailedOver", f"{since}: {names} has its share", moment)
        case "Offered":
            text = f"{since}: {names} stands ready for its share" if names else f"{since}, and nobody can take over"
            yield Happening("Warning", "RegionUnseen", text, moment)
        case "Stranded":
            text = f"{since}, and no region that it names serves: its share stays with it"
            yield Happening("Warning", "RegionStranded", text, moment)


def remembering_what_was_told(outage: Outage | None) -> Outage | None:
    """The outage after `tell`."""
    if outage is None or outage.stage not in _TOLD or outage.stage in outage.told:
        return outage
    return outage.model_copy(update={"told": (*outage.told, outage.stage)})


def _serving(outage: Outage | None, back: timedelta, now: datetime) -> Outage | None:
    if outage is None or outage.acted_at is None:
        return None
    since = now if outage.serves_since is None else outage.serves_since
    if now >= since + back:
        return None
    return outage.model_copy(update={"stage": "Returning", "serves_since": since, "worse_since": None})


def _stage_before(outage: Outage) -> str:
    """The stage that an outage had before its region began to return."""
    if outage.stage != "Returning":
        return outage.stage
    return "FailedOver" if outage.moved else "Offered"


def _acted(outage: Outage, after: timedelta, now: datetime) -> Outage:
    if outage.moved:
        return outage
    if outage.worse_since is not None and now >= outage.worse_since + after:
        return outage.model_copy(update={"stage": "FailedOver", "moved": True, "acted_at": outage.acted_at or now})
    if outage.worse_since is None and outage.acted_at is None and now >= outage.since + after:
        return outage.model_copy(update={"stage": "Offered", "acted_at": now})
    return outage


def _moment(region: str, outage: Outage) -> str:
    return f"{region} {outage.since.isoformat()}"
