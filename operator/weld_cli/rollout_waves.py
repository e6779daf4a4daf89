"""What `weldserve rollout plan` says about regions: the waves, and when each begins at the soonest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from weld_api.quantity import parse_duration
from weld_api.spec import WeldModelSpec
from weld_api.wave import Wave
from weld_cli.rollout_table import aligned
from weld_operator.domain.regions.wave_progress import waves_of
from weld_operator.domain.rollout.preview import Preview
from weld_operator.domain.rollout.wording import time_in_words


def waves_in_words(spec: WeldModelSpec, found: Preview) -> Iterator[str]:
    """Line by line; nothing for a WeldModel without regions."""
    waves = waves_of(spec)
    if not waves:
        return
    yield "In regions, one wave after the other:"
    heading = ["wave", "regions", "begins after", "then bakes", "gates beside those above"]
    rows = [heading, *(_row(number, *each) for number, each in enumerate(_beginnings(waves, found), 1))]
    yield from (f"  {line}" for line in aligned(rows, left=len(heading)))
    yield "A wave begins when every region of the one before has promoted it, and has served it for the bake."
    yield "Where one region turns it down its wave goes back, later waves keep what they have, earlier ones keep it."


def waves_as_json(spec: WeldModelSpec, found: Preview) -> list[dict[str, Any]]:
    """The waves for programs; times in seconds."""
    return [
        {
            "regions": list(wave.regions),
            "begins_after": begins.total_seconds(),
            "bake": parse_duration(wave.bake).total_seconds(),
            "gates": [gate.name for gate in wave.gates],
        }
        for wave, begins in _beginnings(waves_of(spec), found)
    ]


def _beginnings(waves: tuple[Wave, ...], found: Preview) -> Iterator[tuple[Wave, timedelta]]:
    """Each wave, and the time after which it begins at the soonest: every trial takes what one takes."""
    begins = timedelta()
    for wave in waves:
        yield wave, begins
        begins += found.soonest + parse_duration(wave.bake)


def _row(number: int, wave: Wave, begins: timedelta) -> list[str]:
    return [
        str(number),
        ", ".join(wave.regions),
        time_in_words(begins) if begins else "at once",
        time_in_words(parse_duration(wave.bake)),
        ", ".join(gate.name for gate in wave.gates) or "none",
    ]
