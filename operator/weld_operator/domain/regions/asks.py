"""What one region is asked for at one moment: the rows of weld_operator.domain.regions.waves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError

from weld_api.region import Region
from weld_api.region_status import LONGEST_REASON, AskedBundle, FormerBundle, Stage, WaveFailure
from weld_api.spec import WeldModelSpec
from weld_api.status import RegionStatus, Revision
from weld_api.wave import Wave
from weld_operator.domain.regions.regional_spec import regional_spec, scaling_of
from weld_operator.domain.regions.sights import stable_of
from weld_operator.domain.regions.wave_progress import (
    Hindrance,
    Memories,
    has_begun,
    hindrances,
    number_of,
    rejection_of,
)
from weld_operator.domain.revisions import frozen_spec


@dataclass(frozen=True)
class Ask:
    """What one region is asked for: decide on it with this spec, and remember `asked` and `former` of it.

    `spec` is None where what a region serves is to stay and nobody knows how it was asked for: a decision without a
    spec leaves everything there as it is; `asked.reason` is the sentence to give.
    """

    region: str
    spec: WeldModelSpec | None
    asked: AskedBundle
    former: FormerBundle | None = None


class Case(NamedTuple):
    """One moment; `failure`: that a wave turned down the bundle that the spec asks for."""

    spec: WeldModelSpec
    waves: tuple[Wave, ...]
    memories: Memories
    failure: WaveFailure | None
    retries: bool
    now: datetime

    @property
    def digest(self) -> str:
        return self.spec.model.sha256

    @property
    def version(self) -> str:
        return self.spec.model.version

    def turned_down(self, memory: RegionStatus) -> bool:
        """Whether a region turned the bundle down, and is not told to try again just now."""
        return rejection_of(memory, self.digest) is not None and not (self.retries and is_reached(memory))

    def hindrance(self, number: int) -> Hindrance | None:
        """The first that keeps a wave from beginning: an earlier one is not over."""
        found = hindrances(self.waves[: number - 1], self.memories, self.digest, self.now)
        return next(found, None)


def ask_of(case: Case, region: Region) -> Ask:
    """What a region is asked for; the rows of the table in their order."""
    number = number_of(region.name, case.waves)
    memory = case.memories.get(region.name)
    answering = None if memory is None else stable_of(memory)
    floor = 0 if memory is None else memory.replica_floor
    wave = case.waves[number - 1] if number else None
    full = regional_spec(case.spec, region, wave, floor)
    if memory is None or answering is None:
        return _first(case, region, number, full)
    if case.turned_down(memory):
        return _asked(case, region.name, full, "Rejected", f"{_wave(case, number)} turned it down here")
    if answering.digest == case.digest:
        return _serving(case, region, number, memory, full)
    blocked = case.hindrance(number)
    if case.failure is None and (blocked is None or has_begun(memory, case.digest)):
        former = FormerBundle(version=answering.version, digest=answering.digest, spec=answering.spec)
        ask = _asked(case, region.name, full, "Trial", f"{_wave(case, number)} is on")
        return replace(ask, former=former if wave is not None and len(wave.regions) > 1 else None)
    return _held(region, answering, full, _why_held(case, blocked))


def _first(case: Case, region: Region, number: int, full: WeldModelSpec) -> Ask:
    """For a region that serves nothing yet."""
    other = _proven(case, region.name)
    is_on = case.failure is None and case.hindrance(number) is None
    known = None if other is None else frozen_spec(other)
    if other is None or known is None or is_on or other.digest == case.digest:
        reason = "nothing serves here yet, so that there is nothing to try it against"
        return _asked(case, region.name, full, "First", reason)
    reason = f"nothing serves here yet, and version {case.version} is not through its waves"
    asked = AskedBundle(version=other.version, digest=other.digest, stage="First", reason=shortened(reason))
    return Ask(region.name, full.model_copy(update={"model": known.model}), asked)


def _proven(case: Case, region: str) -> Revision | None:
    """What the last region in the order of the waves serves that serves anything."""
    names = [name for wave in case.waves for name in wave.regions if name != region]
    memories = (case.memories[name] for name in reversed(names) if name in case.memories)
    return next((answering for memory in memories if (answering := stable_of(memory)) is not None), None)


def _serving(case: Case, region: Region, number: int, memory: RegionStatus, full: WeldModelSpec) -> Ask:
    """For a region that serves the bundle that the spec asks for."""
    is_over = all(each.wave != number for each in hindrances(case.waves, case.memories, case.digest, case.now))
    back = None if memory.former is None else _unfrozen(memory.former, region, case, memory.replica_floor)
    if case.failure is not None and number == _failed_wave(case) and memory.former is not None and back is not None:
        former = memory.former
        reason = f"{_wave(case, number)} turned version {case.version} down in {case.failure.region}"
        asked = AskedBundle(version=former.version, digest=former.digest, stage="Back", reason=shortened(reason))
        return Ask(region.name, back, asked, former)
    bakes = (each for each in hindrances(case.waves, case.memories, case.digest, case.now) if each.ends is not None)
    own = next((each for each in bakes if each.region == region.name), None)
    reason = f"{_wave(case, number)} promoted it{'' if own is None else f'; it {own.what}'}"
    ask = _asked(case, region.name, full, "Promoted", reason)
    return replace(ask, former=None if is_over else memory.former)


def _held(region: Region, answering: Revision, full: WeldModelSpec, reason: str) -> Ask:
    """What a region serves stays as it was asked for, with the scaling of now."""
    known = frozen_spec(answering)
    asked = AskedBundle(version=answering.version, digest=answering.digest, stage="Held", reason=shortened(reason))
    return Ask(region.name, None if known is None else _scaled_as(known, full), asked)


def _scaled_as(known: WeldModelSpec, full: WeldModelSpec) -> WeldModelSpec:
    serving = known.serving.model_copy(update={"scaling": full.serving.scaling})
    return known.model_copy(update={"serving": serving, "rollout": full.rollout})


def _unfrozen(former: FormerBundle, region: Region, case: Case, floor: int) -> WeldModelSpec | None:
    """The spec of what a region served before, untried; None when it cannot be read any more."""
    try:
        known = WeldModelSpec.model_validate(former.spec)
    except ValidationError:
        return None
    serving = known.serving.model_copy(update={"scaling": scaling_of(case.spec, region, floor)})
    return known.model_copy(update={"serving": serving, "rollout": None})


def _asked(case: Case, region: str, spec: WeldModelSpec, stage: Stage, reason: str) -> Ask:
    asked = AskedBundle(version=case.version, digest=case.digest, stage=stage, reason=shortened(reason))
    return Ask(region, spec, asked)


def _failed_wave(case: Case) -> int:
    """The number of the wave that failed, as the waves are now; 0 where its region is in none any more."""
    return 0 if case.failure is None else number_of(case.failure.region, case.waves)


def _why_held(case: Case, blocked: Hindrance | None) -> str:
    if case.failure is not None:
        return f"version {case.version} was turned down in {case.failure.region}: {case.failure.message}"
    if blocked is None:
        return "its wave is about to begin"
    return f"waits for {blocked.region} in wave {blocked.wave} of {len(case.waves)}, which {blocked.what}"


def _wave(case: Case, number: int) -> str:
    return f"wave {number} of {len(case.waves)}"


def is_reached(memory: RegionStatus) -> bool:
    """Whether its cluster could be reached when it was last looked at."""
    return memory.unreachable_since is None


def shortened(text: str) -> str:
    """A sentence in the length that the status has for one."""
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"
