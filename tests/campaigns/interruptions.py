"""Whole rollouts whose operator is killed at one write each, held against one that nothing disturbs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

from tests.integration.rollout_plant import Plant
from tests.integration.rollout_story import Ending, Record, Rollout
from tests.sandbox.fault_proxy.call import Call
from tests.sandbox.fault_proxy.faults import KilledAt, Moment

ENDINGS: tuple[Ending, ...] = get_args(Ending)
MOMENTS: tuple[Moment, ...] = get_args(Moment)

MORE_WRITES = 4
"""Writes by which one run may have more than another, as they also come by the clock."""


@dataclass(frozen=True)
class Interruption:
    """Killed before or after one write, in a rollout with this ending.

    `write`: its number among those that count, from 1, or what it is about, in words, for the first such one.
    """

    ending: Ending
    moment: Moment
    write: int | str

    def __str__(self) -> str:
        return f"{self.ending}, {self.moment} write {self.write}"


@dataclass(frozen=True)
class Outcome:
    """What an interruption did. `victim`: the write, in words; empty where the run had fewer writes than that.

    `differences` from the undisturbed run, in words.
    """

    interruption: Interruption
    victim: str
    seconds: float
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = "; ".join(self.differences) or "same end"
        return f"{self.interruption} ({self.victim or 'not reached'}): {said}, {self.seconds:.0f} s"


Undisturbed = dict[Ending, Record]


async def undisturbed(plants: Sequence[Plant]) -> Undisturbed:
    """One run of each ending that nothing is done to."""

    async def run(plant: Plant, ending: Ending) -> Record:
        rollout = Rollout(plant, ending)
        await rollout.prepare()
        record = await rollout.run()
        await rollout.remove()
        return record

    records = await asyncio.gather(*(run(plant, ending) for plant, ending in zip(plants, ENDINGS, strict=False)))
    return dict(zip(ENDINGS, records, strict=True))


async def interrupt_all(
    plants: Sequence[Plant],
    interruptions: Iterable[Interruption],
    expected: Undisturbed,
    say: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Share the interruptions out among the plants; each plant does one after the other."""
    outcomes: list[Outcome] = []
    waiting = iter(list(interruptions))

    async def work(plant: Plant) -> None:
        for interruption in waiting:
            outcome = await _interrupted(plant, interruption, expected[interruption.ending])
            say(str(outcome))
            outcomes.append(outcome)

    await asyncio.gather(*(work(plant) for plant in plants))
    return outcomes


async def _interrupted(plant: Plant, interruption: Interruption, expected: Record) -> Outcome:
    rollout = Rollout(plant, interruption.ending)

    def is_it(call: Call, number: int) -> bool:
        return interruption.write in (number, rollout.about(call))

    fault = KilledAt(is_it, interruption.moment, plant.kill)
    try:
        await rollout.prepare()
        record = await rollout.run(fault)
    except AssertionError as error:  # it did not come to its end
        victim = "" if fault.victim is None else rollout.about(fault.victim)
        return Outcome(interruption, victim, 0, [str(error)])
    finally:
        await rollout.remove()
    differences = record.differences(expected)
    victim = "" if fault.victim is None else rollout.about(fault.victim)
    if victim and record.starts != 1:
        differences.append(f"the operator was started {record.starts} times instead of once")
    return Outcome(interruption, victim, record.seconds, differences)


def every_write(expected: Undisturbed) -> Iterator[Interruption]:
    """Both sides of each write, and of a few more than the undisturbed run had."""
    for ending, record in expected.items():
        for number in range(1, len(record.writes) + MORE_WRITES + 1):
            for moment in MOMENTS:
                yield Interruption(ending, moment, number)


def each_move(expected: Undisturbed) -> Iterator[Interruption]:
    """Both sides of the first write of each weight and of each phase and step, of any ending."""
    known: set[str] = set()
    for ending, record in expected.items():
        for write in record.writes:
            if write not in known and write.split()[1] in ("httproutes", "weldmodels/status"):
                known.add(write)
                yield from (Interruption(ending, moment, write) for moment in MOMENTS)


def missed(expected: Undisturbed, outcomes: Iterable[Outcome]) -> list[Interruption]:
    """Both sides of each kind of write of the undisturbed runs, but for those at which an operator was killed.

    One run has some more writes than another, so that a number is not always that of the same write.
    """
    struck = {(each.interruption.ending, each.interruption.moment, each.victim) for each in outcomes}
    wanted = (
        (ending, moment, write)
        for ending, record in expected.items()
        for write in dict.fromkeys(record.writes)
        for moment in MOMENTS
    )
    return [Interruption(*each) for each in wanted if each not in struck]
