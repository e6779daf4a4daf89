"""What may become of a site: named scenarios, each with a date from which it holds and a strength.

Physical scenarios change conditions, sensors or flaws (see where `strength_of` is asked for them); the two bugs change
what a gateway makes of the features (`weld_simulator.observation`). Their sizes at strength 1 are stated at each place:
they are assumptions of ours, and no measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

ALWAYS = datetime(1, 1, 1, tzinfo=UTC)


class ScenarioName(StrEnum):
    """What happens."""

    NONE = "none"
    """Nothing but time."""
    NEW_SENSOR_TYPE = "new_sensor_type"
    """Sensors are replaced by another maker's."""
    AGEING = "ageing"
    """Couplant and probes are as if they were years older, and the wall's inside has become rough."""
    COUPLING_LOSS = "coupling_loss"
    """The couplant fails below many of the probes."""
    NOISE = "noise"
    """A source of electrical interference stands near the line."""
    OTHER_FLUID = "other_fluid"
    """The line carries light condensate in place of crude oil: less friction, so less pressure."""
    HOT_SUMMER = "hot_summer"
    """Hot steel, thin oil, and pumps that run at reduced speed because their drives get too hot."""
    MORE_FLAWS = "more_flaws"
    """Cracks are born more often: pressure cycles have become harder."""
    UNITS_BUG = "units_bug"
    """A gateway sends levels as 10 log10 in place of 20 log10, pressure in bar and temperature in °F."""
    COLUMN_ORDER_BUG = "column_order_bug"
    """A gateway exchanges columns."""
    STALE_FIRMWARE = "stale_firmware"
    """Sensors fall back to a firmware with another gain and without averaging."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One of them, from a date on."""

    name: ScenarioName
    since: datetime = ALWAYS
    """The first instant at which it holds; aware."""
    strength: float = 1.0
    """1 is as described; 0 is nothing. Where sensors or gateways are concerned, the share of them up to 1."""

    def __post_init__(self) -> None:
        if self.since.tzinfo is None:
            raise ValueError(f"the date of scenario {self.name} must state its time zone, as {self.since} does not")
        if not 0 <= self.strength <= 2:
            raise ValueError(
                f"the strength of scenario {self.name} must lie within 0 and 2, as {self.strength} does not"
            )


Scenarios: TypeAlias = tuple[Scenario, ...]
"""Those that hold together; of the same name, the strongest counts."""


def strength_of(scenarios: Scenarios, name: ScenarioName, when: datetime) -> float:
    """0 before its date, and when it is not among them."""
    return max((each.strength for each in scenarios if each.name == name and each.since <= when), default=0.0)
