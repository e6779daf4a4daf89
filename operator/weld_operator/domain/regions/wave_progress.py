"""How far a bundle has come through the waves: which of them are over, and what the next one waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from weld_api.quantity import parse_duration
from weld_api.rollout_status import Rejection
from weld_api.spec import WeldModelSpec
from weld_api.status import PlaceStatus, RegionStatus
from weld_api.wave import Wave
from weld_operator.domain.regions.sights import serving_since, stable_of

Memories = Mapping[str, RegionStatus]


@dataclass(frozen=True)
class Hindrance:
    """Why a wave is not over: a sentence's end, such as `bakes until …`, and when time alone ends it."""

    region: str
    wave: int
    what: str
    ends: datetime | None = None


def waves_of(spec: WeldModelSpec) -> tuple[Wave, ...]:
    """The waves of a spec; without a rollout all regions are one, and without any named each region is one."""
    names = tuple(region.name for region in spec.regions)
    if spec.rollout is None:
        return (Wave(regions=names, bake="0s"),) if names else ()
    return spec.rollout.waves or tuple(Wave(regions=(name,)) for name in names)


def number_of(region: str, waves: tuple[Wave, ...]) -> int:
    """The number of a region's wave, from 1; 0 where none names it."""
    return next((number for number, wave in enumerate(waves, 1) if region in wave.regions), 0)


def hindrances(waves: tuple[Wave, ...], memories: Memories, digest: str, now: datetime) -> Iterator[Hindrance]:
    """What keeps waves from being over, those of the first wave first."""
    for number, wave in enumerate(waves, 1):
        for name in wave.regions:
            found = _hindrance(name, number, wave, memories.get(name), digest, now)
            if found is not None:
                yield found


def rejection_of(memory: PlaceStatus, digest: str) -> Rejection | None:
    """That a region turned a bundle down."""
    return next((each for each in memory.rejected if each.digest == digest), None)


def has_begun(memory: PlaceStatus, digest: str) -> bool:
    """Whether a bundle is on its way or on trial in a region."""
    return any(each.phase == "Pending" and each.digest == digest for each in memory.revisions)


def _hindrance(
    name: str, number: int, wave: Wave, memory: RegionStatus | None, digest: str, now: datetime
) -> Hindrance | None:
    answering = None if memory is None else stable_of(memory)
    if memory is not None and memory.unreachable_since is not None:
        return Hindrance(name, number, "cannot be reached")
    if memory is None or answering is None:
        return Hindrance(name, number, "serves nothing yet")
    if answering.digest != digest:
        what = "tries it" if has_begun(memory, digest) else f"serves version {answering.version}"
        return Hindrance(name, number, what)
    since = serving_since(memory)
    if since is None:
        return Hindrance(name, number, "does not serve")
    ends = since + parse_duration(wave.bake)
    return Hindrance(name, number, f"bakes until {ends:%Y-%m-%dT%H:%M:%SZ}", ends) if now < ends else None
