"""What is planned: a WeldModel, what its bundle's card says, and the assets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weld_api.card import Throughput
from weld_api.quantity import parse_duration, parse_quantity
from weld_api.spec import WeldModelSpec
from weld_operator.domain.capacity.assets import PlanAssets, Prices, Region
from weld_operator.domain.capacity.passes import Load
from weld_operator.domain.capacity.sampling import Policy, every_nth, every_reading, on_change
from weld_operator.domain.capacity.service import Replica, ServiceTime
from weld_operator.domain.capacity.sizing import Aims, Spread

SENSOR_BYTES = 200
"""That a replica remembers of each sensor, at most."""
_USUAL_NTH = 10
"""For the comparison where the WeldModel does not say every how many readings one would be scored."""


class PlanError(Exception):
    """What was given does not make a plan; the message is one sentence that names the field."""


@dataclass(frozen=True)
class Subject:
    """All that a plan follows from. `Subject.checked` makes one that is sound."""

    name: str
    spec: WeldModelSpec
    assets: PlanAssets
    throughput: Throughput
    prices: Prices | None
    inputs: int
    """Of each reading, by the card."""
    precision: float
    recall: float
    """By the card's evaluation."""

    def check(self) -> None:
        """Raises PlanError for what no plan can be made of."""
        if self.tick <= 0 or self.deadline <= 0:
            raise PlanError("workload.tick and workload.deadline must be longer than 0, such as 100ms")
        if self.jitter >= self.tick:
            raise PlanError(
                f"workload.jitter {self.spec.workload.jitter} must be shorter than workload.tick "
                f"{self.spec.workload.tick}"
            )
        batching, request = self.spec.serving.batching, self.assets.delivery.request_readings
        if request > batching.max_readings:
            raise PlanError(
                f"delivery.requestReadings {request:,} must not be above serving.batching.maxReadings "
                f"{batching.max_readings:,}: a plan does not reckon with requests that are scored in parts"
            )
        for name, share in (("precision", self.precision), ("recall", self.recall)):
            if not 0 < share <= 1:
                raise PlanError(f"{name} {share:g} must be above 0 and at most 1, such as 0.95")

    @property
    def tick(self) -> float:
        return parse_duration(self.spec.workload.tick).total_seconds()

    @property
    def jitter(self) -> float:
        return parse_duration(self.spec.workload.jitter).total_seconds()

    @property
    def deadline(self) -> float:
        return parse_duration(self.spec.workload.deadline).total_seconds()

    @property
    def mean_delay(self) -> float:
        return parse_duration(self.assets.delivery.mean_delay).total_seconds()

    @property
    def lateness(self) -> float:
        """Seconds after the sampling from which on a reading counts as late."""
        intake = self.spec.serving.intake
        if intake is not None and intake.lateness is not None:
            return parse_duration(intake.lateness).total_seconds()
        return self.deadline + 3 * self.jitter

    @property
    def readings_per_second(self) -> float:
        return float(self.spec.workload.readings_per_second)

    @property
    def readings_per_kilometre(self) -> float:
        """In each tick."""
        return self.spec.workload.readings_per_tick / self.assets.kilometres

    @property
    def aims(self) -> Aims:
        goals = self.assets.goals
        return Aims(goals.on_time, goals.occupancy, goals.survive, self.spec.serving.scaling.min_replicas)

    def replica(self, scored_share: float) -> Replica:
        """One that scores this share of the readings."""
        batching = self.spec.serving.batching
        return Replica(
            service=ServiceTime.of(self.throughput, scored_share),
            request_readings=self.assets.delivery.request_readings,
            max_readings=batching.max_readings,
            max_delay=parse_duration(batching.max_delay).total_seconds(),
            queue_readings=batching.queue_readings,
            quick_readings=self.throughput.quick_readings,
        )

    def load(self, share: float) -> Load:
        """Of a share of the readings; a last request that is not full counts as one that is."""
        requests = self.spec.workload.readings_per_tick * share / self.assets.delivery.request_readings
        return Load(max(math.ceil(requests - 1e-9), 1), self.tick, self.jitter, self.deadline)

    def sensors(self, share: float) -> int:
        """That a replica remembers: each sends one reading in a tick."""
        intake = self.spec.serving.intake
        most = 1_000_000 if intake is None else intake.most_sensors
        return min(round(self.spec.workload.readings_per_tick * share), most)

    def memory_of_replica(self, share: float) -> float:
        """Bytes, at the peak, where `share` of the readings may come to it."""
        return self.throughput.memory_bytes + SENSOR_BYTES * self.sensors(share)

    @property
    def policies(self) -> tuple[Policy, Policy, Policy]:
        """All, EveryNth and OnChange, as they would be of this WeldModel."""
        intake, maintenance = self.spec.serving.intake, self.assets.maintenance
        shows_for = parse_duration(maintenance.flaw_shows_for).total_seconds()
        nth = (intake.every_nth if intake is not None else None) or _USUAL_NTH
        silence = parse_duration("10s" if intake is None else intake.longest_silence).total_seconds()
        return (
            every_reading(self.recall, self.tick),
            every_nth(nth, self.recall, self.tick, shows_for),
            on_change(maintenance.changing, maintenance.below_dead_band, silence, self.recall, self.tick, shows_for),
        )

    @property
    def policy(self) -> Policy:
        """That the WeldModel asks for."""
        intake = self.spec.serving.intake
        names = ("All", "EveryNth", "OnChange")
        return self.policies[names.index("All" if intake is None else intake.sampling)]

    def spread(self, region: Region) -> Spread:
        return Spread(region.zones, region.machines)

    @property
    def computer_bytes(self) -> tuple[float, float, float]:
        """Of the one computer: memory, what the rest takes, and what each reading takes."""
        computer = self.assets.computer
        memory, rest, reading = (
            float(parse_quantity(text))
            for text in (computer.memory, computer.memory_for_the_rest, computer.memory_per_reading)
        )
        return memory, rest, reading
