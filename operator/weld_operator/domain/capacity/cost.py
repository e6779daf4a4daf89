"""What a plan costs in a year, by the user's prices."""

from __future__ import annotations

from dataclasses import dataclass

from weld_operator.domain.capacity.assets import Prices
from weld_operator.domain.capacity.ledger_size import DAY, DAYS_IN_YEAR

GIB = 2**30
HOURS_IN_YEAR = DAYS_IN_YEAR * 24
MONTHS_IN_YEAR = 12


@dataclass(frozen=True)
class Cost:
    """In the currency of the prices, in a year."""

    cores: float
    memory: float
    ledger: float
    """On average over the years that it takes to fill it."""
    transfer: float
    places: float

    @property
    def total(self) -> float:
        return self.cores + self.memory + self.ledger + self.transfer + self.places

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.cores + other.cores,
            self.memory + other.memory,
            self.ledger + other.ledger,
            self.transfer + other.transfer,
            self.places + other.places,
        )


@dataclass(frozen=True)
class Consumption:
    """What there is to pay for."""

    cores: float
    memory_bytes: float
    ledger_bytes: float
    """Once it is full."""
    bytes_per_second: float
    """Over the network, both ways."""
    bytes_per_second_abroad: float
    """Of these, over a border."""


def cost_of(consumption: Consumption, prices: Prices) -> Cost:
    """Of one place for a year. Half of the full ledger is its average while it fills."""
    in_year = DAYS_IN_YEAR * DAY / GIB
    abroad = consumption.bytes_per_second_abroad
    at_home = consumption.bytes_per_second - abroad
    return Cost(
        cores=consumption.cores * HOURS_IN_YEAR * prices.core_hour,
        memory=consumption.memory_bytes / GIB * HOURS_IN_YEAR * prices.memory_gib_hour,
        ledger=consumption.ledger_bytes / 2 / GIB * MONTHS_IN_YEAR * prices.ledger_gib_month,
        transfer=in_year * (at_home * prices.transfer_gib + abroad * prices.transfer_gib_abroad),
        places=prices.place_year,
    )
