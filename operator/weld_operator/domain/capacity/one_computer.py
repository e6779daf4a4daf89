"""How far one computer goes that scores a whole tick at once, all of its readings in memory, and what fails first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Of one computer; bytes and seconds."""

    memory: float
    memory_for_the_rest: float
    memory_per_reading: float
    seconds_per_reading: float


@dataclass(frozen=True)
class Tick:
    """A tick on that computer."""

    kilometres: float
    readings: float
    memory: float
    memory_share: float
    seconds: float
    time_share: float
    """Of the deadline or the tick, whichever is shorter."""
    verdict: str


@dataclass(frozen=True)
class Reach:
    """How far it goes."""

    readings_by_memory: int
    readings_by_time: int
    kilometres_by_memory: float
    kilometres_by_time: float
    fails_first: str
    ticks: tuple[Tick, ...]


def reach(
    limits: Limits, tick: float, deadline: float, readings_per_kilometre: float, lengths: tuple[float, ...]
) -> Reach:
    """With the `readings_per_kilometre` of each tick, for assets of these `lengths` in km.

    Both grow in proportion to the readings: memory by memory_per_reading beside the rest, time by seconds_per_reading;
    a tick must be scored before the next one comes, and within the deadline.
    """
    time = min(tick, deadline)
    # A billionth more, so that what fits exactly does not fail by the last bit of a float.
    by_memory = max(int((limits.memory - limits.memory_for_the_rest) / limits.memory_per_reading * (1 + 1e-9)), 0)
    by_time = int(time / limits.seconds_per_reading * (1 + 1e-9))
    return Reach(
        readings_by_memory=by_memory,
        readings_by_time=by_time,
        kilometres_by_memory=by_memory / readings_per_kilometre,
        kilometres_by_time=by_time / readings_per_kilometre,
        fails_first=_first(by_memory, by_time),
        ticks=tuple(_tick(limits, time, kilometres, kilometres * readings_per_kilometre) for kilometres in lengths),
    )


def _first(by_memory: int, by_time: int) -> str:
    if by_memory == by_time:
        return (
            f"memory and time at the same length, and memory is worse: beyond {by_memory:,} readings a tick the "
            "program is killed and nothing is answered, while late answers still come"
        )
    if by_memory < by_time:
        return f"memory, beyond {by_memory:,} readings a tick; time would do for {by_time:,}"
    return f"time, beyond {by_time:,} readings a tick; memory would do for {by_memory:,}"


def _tick(limits: Limits, time: float, kilometres: float, readings: float) -> Tick:
    memory = limits.memory_for_the_rest + readings * limits.memory_per_reading
    seconds = readings * limits.seconds_per_reading
    return Tick(
        kilometres=kilometres,
        readings=readings,
        memory=memory,
        memory_share=memory / limits.memory,
        seconds=seconds,
        time_share=seconds / time,
        verdict=_verdict(memory / limits.memory, seconds / time),
    )


def _verdict(memory_share: float, time_share: float) -> str:
    faults = [
        sentence
        for share, sentence in ((memory_share, "out of memory"), (time_share, "late, and later with each tick"))
        if share > 1 + 1e-9
    ]
    if faults:
        return ", ".join(faults)
    full = [name for share, name in ((memory_share, "memory"), (time_share, "time")) if share > 1 - 1e-9]
    return f"{' and '.join(full)} exactly full: nothing may go wrong" if full else "it fits"
