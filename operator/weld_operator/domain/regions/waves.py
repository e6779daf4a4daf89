"""Which bundle each region is asked for now, and why: promotion in waves.

D is the bundle that the spec asks for. A region's own trial, from shadow to promotion or rollback, is the affair of
weld_operator.domain.decision; here is decided when it begins, and what one region's end means for the others. A wave is
over when each of its regions has promoted D and has served it for the wave's `bake` without a break.

| a region                          | and                                  | is asked for                            |
| --------------------------------- | ------------------------------------ | --------------------------------------- |
| serves nothing yet                | its wave is on, or nobody serves     | D, untried (First)                      |
| serves nothing yet                | its wave is not on, or one failed    | what the last region in order serves    |
|                                   |                                      | (First): any answer is better than none |
| serves another bundle             | every earlier wave is over           | D, on trial (Trial)                     |
| has D on trial                    | an earlier wave is not over any more | D: what has begun goes on (Trial)       |
| serves another bundle             | an earlier wave is not over          | what it serves (Held)                   |
| serves another bundle             | a wave turned D down                 | what it serves (Held); a trial of D     |
|                                   |                                      | that is on ends                         |
| turned D down                     |                                      | D, which it does not try again          |
|                                   |                                      | (Rejected)                              |
| serves D                          | its wave turned D down               | what it served before, at once and      |
|                                   |                                      | untried (Back); D where that is not     |
|                                   |                                      | known any more                          |
| serves D                          | otherwise, also if a later wave      | D (Promoted)                            |
|                                   | turned D down                        |                                         |
| cannot be reached                 |                                      | the same, once it can; until then its   |
|                                   |                                      | wave is not over                        |
| does not serve                    |                                      | the same; until it serves again its     |
|                                   |                                      | wave is not over, and bakes anew        |
| is not named any more             | a region that is named serves        | nothing: it is removed                  |
| is not named any more             | no region that is named serves       | what it serves (stays)                  |

| the spec                          | then                                                                           |
| --------------------------------- | ------------------------------------------------------------------------------ |
| asks for another bundle           | that a wave turned one down is forgotten; the waves begin anew with the new D  |
| asks for what some regions serve  | those are Promoted at once; the others follow in their waves                   |
| keeps D, changes in other things  | every region that is asked for D has them in place, at once; those that are    |
|                                   | Held have the new scaling alone                                                |
| changes the waves                 | they count as they are now; a trial that has begun goes on                     |
| has no rollout                    | all regions are one wave, and D is not tried                                   |
| has no regions any more           | that is a WeldModel without regions; all that are remembered are not named     |

| an act                            | then                                                                           |
| --------------------------------- | ------------------------------------------------------------------------------ |
| promote, pause, resume, abort     | each region hears it that had that bundle on trial when it was said            |
| retry                             | each region hears it that turned that bundle down; the waves go on             |

So every state has a way out: a wave that waits for a region that is lost goes on when that region is back, is moved to
a later wave, or is not named any more; one that failed, by `retry` or with another bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from weld_api.action import RolloutAction
from weld_api.region_status import WaveFailure
from weld_api.spec import WeldModelSpec
from weld_api.status import RegionStatus
from weld_operator.domain.regions.asks import Ask, Case, ask_of, is_reached, shortened
from weld_operator.domain.regions.sights import stable_of
from weld_operator.domain.regions.wave_progress import (
    Memories,
    has_begun,
    hindrances,
    rejection_of,
    waves_of,
)
from weld_operator.domain.rollout.trial import Happening


@dataclass(frozen=True)
class WaveCourse:
    """What follows for all regions, in their order.

    `failure`: to be remembered in the status. `stays`: regions that are not named any more and stay for now; all other
    regions that are remembered and not named are to be removed. `look_at`: when the next wave may begin.
    """

    asks: tuple[Ask, ...]
    failure: WaveFailure | None
    stays: tuple[str, ...]
    happenings: tuple[Happening, ...]
    look_at: datetime | None


def next_waves(
    spec: WeldModelSpec, memories: Memories, failure: WaveFailure | None, act: RolloutAction | None, now: datetime
) -> WaveCourse:
    """What each region of `spec` (own ones alone: countries.own_part; at least one) is asked for.

    `memories`: the status's regions by name, as they were remembered before this moment; what served before there were
    regions may be among them, with an empty name. Where a status was lost, what exists must have been adopted before,
    which a decision without a spec does. `failure`: the status's wave_failure. `act`: of a person, not answered yet.
    """
    retries = act is not None and act.verb == "retry" and act.digest == spec.model.sha256
    case = Case(spec, waves_of(spec), memories, None, retries, now.replace(microsecond=0))
    after = _failure(case, failure)
    case = case._replace(failure=after)
    asks = tuple(ask_of(case, region) for region in spec.regions)
    ends = [each.ends for each in hindrances(case.waves, memories, case.digest, case.now) if each.ends is not None]
    return WaveCourse(
        asks=asks,
        failure=after,
        stays=_stays(spec, memories),
        happenings=tuple(_happenings(case, failure, asks)),
        look_at=min(ends, default=None),
    )


def hearers(memories: Memories, act: RolloutAction) -> tuple[str, ...]:
    """The regions that an act is about now: it is given out once, at the first look at it.

    Its id is then remembered in the status's last_action, so that no trial that begins later takes it for its own.
    """
    return tuple(name for name, memory in memories.items() if is_reached(memory) and _is_about(memory, act))


def is_refused(memories: Memories, failure: WaveFailure | None, act: RolloutAction) -> bool:
    """Whether an act is about nothing, so that it is to be refused once for the WeldModel as a whole."""
    is_about_failure = act.verb == "retry" and failure is not None and failure.digest == act.digest
    return not is_about_failure and not hearers(memories, act)


def _is_about(memory: RegionStatus, act: RolloutAction) -> bool:
    if act.verb == "retry":
        has_failed = memory.rollout is not None and memory.rollout.digest == act.digest
        return rejection_of(memory, act.digest) is not None or (has_failed and has_begun(memory, act.digest))
    return has_begun(memory, act.digest)


def _failure(case: Case, before: WaveFailure | None) -> WaveFailure | None:
    """That a wave turned the bundle down: as it is remembered, or of the first region that has just done so."""
    if before is not None and before.digest == case.digest and not case.retries:
        return before
    for number, wave in enumerate(case.waves, 1):
        for name in wave.regions:
            memory = case.memories.get(name)
            rejection = None if memory is None else rejection_of(memory, case.digest)
            if memory is not None and rejection is not None and case.turned_down(memory):
                return WaveFailure(
                    digest=case.digest,
                    version=case.version,
                    wave=number,
                    region=name,
                    message=shortened(rejection.message),
                    at=rejection.at,
                )
    return None


def _stays(spec: WeldModelSpec, memories: Memories) -> tuple[str, ...]:
    """The regions that are not named any more and serve on, while one that is named serves nothing yet."""
    named = [memories.get(region.name) for region in spec.regions]
    if all(memory is not None and stable_of(memory) is not None for memory in named):
        return ()
    names = {region.name for region in spec.regions}
    return tuple(name for name, memory in memories.items() if name not in names and stable_of(memory) is not None)


def _happenings(case: Case, before: WaveFailure | None, asks: tuple[Ask, ...]) -> Iterator[Happening]:
    """A wave that failed, and each region that begins a trial or goes back; told by the state before."""
    failure = case.failure
    if failure is not None and failure != before:
        number = f"Wave {failure.wave} of {len(case.waves)}"
        text = f"{number} turned version {failure.version} down in {failure.region}: {failure.message}"
        yield Happening("Warning", "WaveFailed", text, f"{failure.digest} {failure.at.isoformat()}")
    for ask in asks:
        memory = case.memories.get(ask.region)
        answering = None if memory is None else stable_of(memory)
        if memory is None or answering is None or (memory.asked is not None and memory.asked.stage == ask.asked.stage):
            continue
        moment = f"{ask.region} {case.digest} {answering.since.isoformat()}"
        if ask.asked.stage == "Trial" and memory.asked is not None:
            text = f"Region {ask.region} tries version {ask.asked.version}: {ask.asked.reason}"
            yield Happening("Normal", "WaveBegins", text, moment)
        elif ask.asked.stage == "Back":
            text = f"Region {ask.region} goes back to version {ask.asked.version}: {ask.asked.reason}"
            yield Happening("Warning", "RegionGoesBack", text, moment)
