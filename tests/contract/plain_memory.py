"""The rules of the memory of sensors in plain Python, one reading after the other."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.flags import Flag
from weld_predictor.intake.memory import Recollection
from weld_predictor.intake.policy import TIMES_OF_A_SENSOR, Policy, Sampling
from weld_predictor.intake.readings import Readings

MILLISECOND = timedelta(milliseconds=1)


@dataclass
class Answered:
    """One remembered answer: at a place of the sensor's own, with a risk of 1 until it is known."""

    time: int
    flags: int
    of: Source


@dataclass
class Source:
    """Where a risk comes from: one scoring, shared by all answers that have it."""

    risk: float = 1.0
    reading: int = -1


@dataclass
class Reference:
    time: int
    of: Source
    features: list[float]
    carried: int = 0


@dataclass
class Sensor:
    newest: int | None = None
    heard: int = 0
    answers: list[Answered] = field(default_factory=list)
    """By age: the one at the front is overwritten next."""
    reference: Reference | None = None


class PlainMemory:
    """As `SensorMemory`."""

    name = "plain"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._sensors: dict[Any, Sensor] = {}
        self._before: tuple[dict[Any, Sensor], list[Source]] | None = None
        self._wanting = 0
        self.forgotten = 0

    @property
    def sensors(self) -> int:
        return len(self._sensors)

    def bytes_at(self, sensors: int) -> int:
        return sensors

    def recall(self, readings: Readings, flags: NDArray[np.uint32], now: float) -> Recollection:
        self.forget()
        heard = int(now * 1000) % 2**32
        self._make_room(heard)
        sources: list[Source] = []
        self._before = (copy.deepcopy(self._sensors), sources)
        self._counts = {"repeated": 0, "disordered": 0, "carried": 0, "unremembered": 0}
        for i in range(len(readings)):
            sensor_id = readings.sensor_id[i].item()
            untimed = readings.untimed is not None and readings.untimed[i]
            key = None if sensor_id == b"-" or untimed else sensor_id
            own, source = self._one(
                key, i, int(readings.sampled_at[i]), int(flags[i]), readings.features[i].tolist(), heard
            )
            flags[i] = own
            sources.append(source)
        self._wanting = self._counts["unremembered"]
        rows = [i for i, source in enumerate(sources) if source.reading == i]
        return Recollection(np.array(rows, np.intc), **self._counts)

    def keep(self, risk: NDArray[np.float32]) -> None:
        if self._before is None:
            return
        _, sources = self._before
        for i, source in enumerate(sources):
            if source.reading == i:
                source.risk = float(risk[i])
        for i, source in enumerate(sources):
            risk[i] = source.risk
        for source in sources:
            source.reading = -1
        self._before = None

    def forget(self) -> None:
        if self._before is not None:
            self._sensors, _ = self._before
            self._wanting = 0
            self._before = None

    def _one(self, key: Any, i: int, time: int, flags: int, features: list[float], heard: int) -> tuple[int, Source]:
        policy = self._policy
        sensor = self._sensors.get(key) if key is not None else None
        same = next((each for each in sensor.answers if each.time == time), None) if sensor else None
        if sensor and same and (heard - sensor.heard) % 2**32 <= policy.repeat_for // MILLISECOND:
            self._counts["repeated"] += 1
            return same.flags, same.of
        older = sensor is not None and sensor.newest is not None and time < sensor.newest
        if older and not flags & Flag.NOT_SCORED:
            self._counts["disordered"] += 1
            flags |= Flag.LATE | (Flag.NOT_SCORED if policy.reject_late else 0)
        if flags & Flag.NOT_SCORED:
            if sensor and not older:
                sensor.reference = None
            return flags, Source()
        sound = not older and not flags & ~Flag.LATE
        reference = sensor.reference if sensor and sound else None
        if sensor and reference and self._carries(sensor, reference, time, features):
            flags |= Flag.CARRIED
            self._counts["carried"] += 1
            reference.carried += 1
            source = reference.of
        else:
            source = Source(reading=i)
            reference = None
        if key is None:
            return flags, source
        if sensor is None:
            if len(self._sensors) >= policy.most_sensors:
                self._counts["unremembered"] += 1
                return flags, source
            sensor = self._sensors[key] = Sensor()
        sensor.heard = heard
        if same:
            same.flags, same.of = flags, source
        else:
            sensor.answers = [*sensor.answers, Answered(time, flags, source)][-TIMES_OF_A_SENSOR:]
        if not older and not flags & Flag.AHEAD:
            sensor.newest = time
        if not older and reference is None:
            chosen = [features[column] for column, _ in policy.dead_bands]
            sensor.reference = Reference(time, source, chosen) if sound else None
        return flags, source

    def _carries(self, sensor: Sensor, reference: Reference, time: int, features: list[float]) -> bool:
        policy = self._policy
        if policy.sampling is Sampling.ALL or sensor.newest is None or time <= sensor.newest:
            return False
        if time - reference.time >= policy.longest_silence // MILLISECOND:
            return False
        if policy.sampling is Sampling.EVERY_NTH:
            return reference.carried + 1 < policy.every
        return all(
            abs(features[column] - was) <= width
            for (column, width), was in zip(policy.dead_bands, reference.features, strict=True)
        )

    def _make_room(self, heard: int) -> None:
        wanting, self._wanting = self._wanting, 0
        if not wanting or not self._sensors:
            return
        count = min(max(self._policy.most_sensors // 16 + 1, wanting), len(self._sensors))
        ages = {key: (heard - sensor.heard) % 2**32 for key, sensor in self._sensors.items()}
        least = sorted(ages.values(), reverse=True)[count - 1]
        self._sensors = {key: sensor for key, sensor in self._sensors.items() if ages[key] < least}
        self.forgotten += sum(age >= least for age in ages.values())
