"""What is seen of a region, as far as others must know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from weld_api.status import PlaceStatus, RegionStatus, Revision

State = Literal["New", "Serving", "NotServing", "Unseen"]


@dataclass(frozen=True)
class RegionSight:
    """One region at one moment.

    New: nothing has served there yet. Unseen: its cluster cannot be reached, so that nobody knows. `ready`: replicas
    of its Stable revision, as last seen.
    """

    state: State
    ready: int = 0


def sight_of_region(memory: RegionStatus) -> RegionSight:
    """What the state of a region says, as it was decided on just now; where it cannot be reached, as last seen."""
    ready = memory.replicas.ready
    if memory.unreachable_since is not None:
        return RegionSight("Unseen", ready)
    if stable_of(memory) is None:
        return RegionSight("New", ready)
    return RegionSight("Serving" if serving_since(memory) is not None else "NotServing", ready)


def stable_of(memory: PlaceStatus) -> Revision | None:
    """The revision that answers there."""
    return next((each for each in memory.revisions if each.phase == "Stable"), None)


def serving_since(memory: PlaceStatus) -> datetime | None:
    """Since when the bundle that answers there has done so without a break; None when it does not."""
    answering = stable_of(memory)
    serving = next((each for each in memory.conditions if each.type == "Serving"), None)
    if answering is None or serving is None or serving.status != "True":
        return None
    return max(answering.since, serving.last_transition_time)
