"""What is remembered of regions: what each is asked for, who carries whose share, and how a wave failed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from weld_api.schema import Schema

Stage = Literal["First", "Trial", "Promoted", "Held", "Rejected", "Back"]
OutageStage = Literal["Waiting", "Offered", "FailedOver", "Stranded", "Returning"]
Why = Literal["NotServing", "Unseen"]

LONGEST_REASON = 300


class _Remembered(Schema):
    """Unlike in a spec, an unknown field is passed over: a newer operator may have written the status."""

    model_config = ConfigDict(extra="ignore")


class AskedBundle(_Remembered):
    """Which bundle a region is asked for now, and why."""

    version: str
    digest: str
    stage: Annotated[
        Stage,
        Field(
            description="First: nothing was served here; Trial: its wave is on; Promoted: it answers; Held: an earlier "
            "wave is not over, or one failed; Rejected: rolled back here; Back: the wave failed elsewhere."
        ),
    ]
    reason: Annotated[str, Field(max_length=LONGEST_REASON, description="One sentence: why.")]


class FormerBundle(_Remembered):
    """What a region served before the bundle that its wave tries: what it goes back to."""

    version: str
    digest: str
    spec: Annotated[
        dict[str, Any],
        Field(description="The spec that asked for it last."),
        WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    ]


class Outage(_Remembered):
    """A region that does not serve, or that cannot be seen; one outage ends when it has come back for good."""

    stage: Annotated[
        OutageStage,
        Field(
            description="Waiting: not long enough to act; Offered: unseen, others stand ready; FailedOver: others "
            "carry its share; Stranded: no region that it names serves; Returning: it serves, not yet for long."
        ),
    ]
    why: Why
    since: Annotated[datetime, Field(description="When it was first seen so.")]
    worse_since: Annotated[
        datetime | None, Field(description="Since when it is known not to serve, rather than not to be seen.")
    ] = None
    acted_at: Annotated[datetime | None, Field(description="When others first took over, or stood ready.")] = None
    moved: Annotated[bool, Field(description="Whether its share was moved, which only its return undoes.")] = False
    serves_since: Annotated[datetime | None, Field(description="Since when it serves again without a break.")] = None
    told: Annotated[tuple[OutageStage, ...], Field(description="Stages that an Event has told of.")] = ()


class Destination(_Remembered):
    """A region to which sensors of another one, or of itself, send readings."""

    region: str
    weight: Annotated[int, Field(ge=0, le=100, description="Requests of a hundred; 0 where it is a later choice.")]


class WaveFailure(_Remembered):
    """A bundle that one wave turned down: the wave goes back, and the later ones do not begin."""

    digest: str
    version: str
    wave: Annotated[int, Field(ge=1, description="Number of the wave, from 1.")]
    region: Annotated[str, Field(description="The region whose trial failed.")]
    message: Annotated[str, Field(max_length=LONGEST_REASON)]
    at: datetime


class SurvivedLosses(_Remembered):
    """What the present size bears, at the worst, with every reading still answered."""

    regions: Annotated[int, Field(ge=0, description="Regions that may be lost at once, whichever they are.")]
    replicas: Annotated[int, Field(ge=0, description="Replicas that may be lost at once in any one region.")]


class PublishedEndpoints(_Remembered):
    """The version of the endpoint document; it rises when, and only when, the content changes."""

    version: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(description="SHA-256 of the content that has this version.")]
