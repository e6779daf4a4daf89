"""What a plan is told beside the WeldModel: the assets, the regions, the machines and the ways between them.

A file of the user's; regions stand in it for as long as the WeldModel has none of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from weld_api.card import NotNegative, Positive, Share, Throughput
from weld_api.names import DNS_LABEL_PATTERN
from weld_api.quantity import Duration, Quantity
from weld_api.schema import Schema


class Region(Schema):
    """A place where replicas could run, and the inspection points nearby."""

    name: Annotated[str, Field(pattern=DNS_LABEL_PATTERN, max_length=63)]
    country: Annotated[str, Field(min_length=2, max_length=63)]
    share: Annotated[Positive, Field(description="Of the inspection points, in any unit: they are put in proportion.")]
    zones: Annotated[int, Field(ge=1, le=100, description="Among which replicas are spread.")] = 3
    machines: Annotated[
        int | None, Field(ge=1, le=100_000, description="Among which they are spread; absent: each has its own.")
    ] = None
    kilometres_to_hub: Annotated[NotNegative, Field(description="By cable, to the place that would have everything.")]
    readings_may_leave: Annotated[bool, Field(description="Whether the law lets readings leave the country.")] = True


class Delivery(Schema):
    """How readings come from the sensors."""

    mean_delay: Duration = "60ms"
    request_readings: Annotated[int, Field(ge=1, le=1_000_000, description="That a gateway puts in a request.")] = 100


class Ledger(Schema):
    """What is kept of each reading."""

    policy: Annotated[
        Literal["features", "decisions", "at-risk"],
        Field(description="features: with the inputs; decisions: without; at-risk: decisions of those at risk only."),
    ] = "features"
    years: Annotated[int, Field(ge=1, le=100)] = 5
    compression: Annotated[float, Field(ge=1, le=100, description="By how many times fewer bytes; 1: unknown.")] = 1
    copies: Annotated[int, Field(ge=1, le=10)] = 1


class Maintenance(Schema):
    """What decisions lead to; a year of it."""

    flaws_per_thousand_points: Annotated[NotNegative, Field(description="Points that become a risk in a year.")] = 1.0
    flaw_shows_for: Annotated[
        Duration, Field(description="Shortest time for which a sensor shows what must not be missed.")
    ] = "1s"
    changing: Annotated[
        Share, Field(description="Of the readings, those that leave the dead band (OnChange); measure it.")
    ] = 0.05
    below_dead_band: Annotated[
        Share, Field(description="Of the flaws, those that stay within the dead band (OnChange).")
    ] = 0.01
    present_precision: Annotated[Share | None, Field(description="In operation; absent: the card's.")] = None


class Computer(Schema):
    """One computer that scores a tick at a time, all readings of it in memory."""

    memory: Quantity = "32G"
    memory_for_the_rest: Quantity = "2G"
    memory_per_reading: Quantity = "3M"
    seconds_for_readings: Annotated[Duration, Field(description="It takes for `readings`.")] = "100ms"
    readings: Annotated[int, Field(ge=1)] = 10_000


class Goals(Schema):
    """What the plan must reach."""

    on_time: Annotated[float, Field(gt=0, lt=1, description="Share of readings answered within the deadline.")] = 0.999
    in_window: Annotated[float, Field(gt=0, lt=1, description="Share of readings that a window must catch.")] = 0.999
    occupancy: Annotated[float, Field(gt=0, lt=1, description="Of a replica's most, all of them being there.")] = 0.7
    survive: Annotated[
        Literal["nothing", "machine", "zone"], Field(description="What may be lost with the goals still reached.")
    ] = "machine"


class CardFigures(Schema):
    """What a bundle's card says that a plan needs, for whoever has no bundle at hand."""

    inputs: Annotated[int, Field(ge=1, le=1024, description="Of each reading.")]
    precision: Annotated[Share, Field(gt=0)]
    recall: Annotated[Share, Field(gt=0)]


class PlanAssets(Schema):
    """All of it; every field has a default but the length and the regions."""

    format: Literal["weldserve.io/plan-assets/v1"] = "weldserve.io/plan-assets/v1"
    kilometres: Annotated[Positive, Field(description="Along which the workload's readings are measured.")]
    metres_between_points: Annotated[Positive, Field(description="From one inspection point to the next.")] = 100
    regions: Annotated[tuple[Region, ...], Field(min_length=1, max_length=100)]
    delivery: Delivery = Delivery()
    ledger: Ledger = Ledger()
    maintenance: Maintenance = Maintenance()
    computer: Computer = Computer()
    goals: Goals = Goals()
    machine_availability: Annotated[float, Field(gt=0, lt=1, description="Share of the time that one is up.")] = 0.999
    card: Annotated[CardFigures | None, Field(description="Absent: the bundle's card.")] = None
    throughput: Annotated[Throughput | None, Field(description="Measured; a bundle's card goes before it.")] = None

    @model_validator(mode="after")
    def _regions_are_distinct(self) -> Self:
        names = [region.name for region in self.regions]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"region {name!r} is given twice; each has a name of its own")
        return self

    @property
    def points(self) -> float:
        """Inspection points."""
        return self.kilometres * 1000 / self.metres_between_points

    def share_of(self, region: Region) -> float:
        """Of all inspection points."""
        return region.share / sum(each.share for each in self.regions)


class Prices(Schema):
    """The user's own; one currency for all of them."""

    format: Literal["weldserve.io/plan-prices/v1"] = "weldserve.io/plan-prices/v1"
    currency: Annotated[str, Field(min_length=1, max_length=16)]
    core_hour: NotNegative
    memory_gib_hour: NotNegative
    ledger_gib_month: NotNegative
    transfer_gib: Annotated[NotNegative, Field(description="Within a country, from the sensors to the region.")]
    transfer_gib_abroad: Annotated[NotNegative, Field(description="Over a border.")]
    place_year: Annotated[NotNegative, Field(description="To run one more place, for a year, empty.")]
    false_dig: Annotated[NotNegative, Field(description="To dig, and find a sound point.")]
    missed_flaw: Annotated[NotNegative, Field(description="What a missed flaw costs on average.")]
