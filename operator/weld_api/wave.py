"""One wave of `WeldModel.spec.rollout.waves`: regions that try a bundle at the same time."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from weld_api.gate import Gate
from weld_api.quantity import Duration
from weld_api.region import MOST_REGIONS, RegionName
from weld_api.schema import CelRule, Schema

MOST_WAVE_GATES = 6


class Wave(Schema):
    """Regions that try a bundle at the same time, once every earlier wave has promoted it and baked."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.gates.all(one, self.gates.exists_one(other, other.name == one.name))",
            "rollout.waves[].gates must have each name once",
            ".gates",
        ),
    )

    regions: Annotated[
        tuple[RegionName, ...], Field(min_length=1, max_length=MOST_REGIONS, description="Names of its regions.")
    ]
    bake: Annotated[
        Duration,
        Field(description="Time for which all of its regions must serve the bundle before the next wave begins."),
    ] = "1h"
    gates: Annotated[
        tuple[Gate, ...],
        Field(max_length=MOST_WAVE_GATES, description="Gates of its regions' trials, beside those of the rollout."),
    ] = ()
