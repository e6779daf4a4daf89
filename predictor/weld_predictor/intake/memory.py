"""What is remembered of each sensor, so that a reading that came before is not answered anew.

The rules, reading by reading in the order in which they came:

1. A reading whose sensor and sampling time are remembered, the last new one of the sensor not being older than
   `Policy.repeat_for`, is the same reading: it gets the first answer again, flags and all.
2. One that cannot be scored is answered so, and leaves nothing behind; a later one of the same time is scored. If it is
   in order, nothing is carried across it: the next sound reading is scored.
3. One that was sampled before the newest that was answered is disordered: it is flagged LATE, and scored unless late
   readings are rejected.
4. A sound reading - with no flag but LATE, in order, later than the newest - is not scored if its sampling says so: it
   gets the answer of its reference, which is the last reading that was scored, if that was sound too. With EveryNth,
   `every` - 1 of them do; with OnChange, those whose chosen features all lie within their dead bands around the
   reference's. None does once `longest_silence` has passed between the two sampling times. It is flagged CARRIED.
5. Everything else is scored. The last answers of each sensor are kept with their times. A reading that says that it is
   AHEAD of time is answered, but makes no other disordered, and nothing is carried from it: its clock is wrong.

A sensor called `-` is none, and a reading without a sampling time is like no other: nothing is remembered of them.
When there are more sensors than `Policy.most_sensors`, readings of the others are scored without memory, and before
the next pass those are forgotten that have not been heard for the longest time, at least one in sixteen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.instances import NO_SENSOR
from weld_predictor.intake.readings import Readings

SHARE_TO_FORGET = 16


@dataclass(frozen=True, slots=True)
class Recollection:
    """What is known of the readings of one pass before they are scored."""

    rows: NDArray[np.intc]
    """Readings to be scored, rising."""
    repeated: int = 0
    """Readings that get their first answer again."""
    disordered: int = 0
    """Readings that are older than what was answered before."""
    carried: int = 0
    """Readings that get the answer of an earlier one."""
    unremembered: int = 0
    """Readings scored without memory, because there was no room for their sensors."""


class SensorMemory(Protocol):
    """Remembers sensors by number and by name; belongs to one pass at a time."""

    name: str

    def recall(self, readings: Readings, flags: NDArray[np.uint32], now: float) -> Recollection:
        """What is known of N readings; their `flags` [N], which they would have alone, become those of their answers.

        `now`: seconds, by a clock that never goes back. What was recalled before and not kept is forgotten.
        """

    def keep(self, risk: NDArray[np.float32]) -> None:
        """The readings recalled last have their answers: `risk` [N] of the rows is given, that of the others filled in.

        Those that are neither scored nor known get a risk of 1.
        """

    def forget(self) -> None:
        """The readings recalled last get no answers: they leave nothing behind."""

    @property
    def sensors(self) -> int:
        """How many are remembered."""

    @property
    def forgotten(self) -> int:
        """How many were forgotten to make room, ever."""

    def bytes_at(self, sensors: int) -> int:
        """Bytes of the arrays that hold what is remembered of so many sensors."""


def of_nobody(readings: Readings) -> NDArray[np.bool_]:
    """Which of N readings nothing may be remembered of, [N]."""
    nobody = np.zeros(len(readings), np.bool_)
    if not readings.numbered:
        nobody |= readings.sensor_id == NO_SENSOR.encode()
    if readings.untimed is not None:
        nobody |= readings.untimed
    return nobody
