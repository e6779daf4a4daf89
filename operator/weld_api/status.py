"""`WeldModel.status`: what the operator found and did, and all that it must remember."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from weld_api.schema import Schema

ConditionStatus = Literal["True", "False", "Unknown"]
RevisionPhase = Literal["Pending", "Stable", "Retiring"]


class StatusSchema(Schema):
    """Unlike in a spec, an unknown field is passed over: a newer operator may have written the status."""

    model_config = ConfigDict(extra="ignore")


class Condition(StatusSchema):
    """One aspect of the state, in the form that Kubernetes' tools expect."""

    type: Annotated[str, Field(max_length=316, description="Serving, Progressing or PlatformReady.")]
    status: ConditionStatus
    reason: Annotated[str, Field(max_length=1024, description="One word for programs.")]
    message: Annotated[str, Field(max_length=32768, description="One sentence for people.")]
    last_transition_time: Annotated[datetime, Field(description="When the status last changed.")]
    observed_generation: Annotated[int, Field(ge=0, description="Generation of the spec that this is about.")]


class Revision(StatusSchema):
    """One bundle as served: one InferenceService."""

    name: Annotated[str, Field(description="Name of the InferenceService.")]
    version: str
    digest: Annotated[str, Field(description="SHA-256 of the bundle's manifest.")]
    phase: Annotated[RevisionPhase, Field(description="Pending: on its way; Stable: answers; Retiring: replaced.")]
    since: Annotated[datetime, Field(description="When it entered this phase.")]
    asked_at: Annotated[datetime, Field(description="When the spec last asked for something new of it.")]
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    replica_floor: Annotated[
        int, Field(ge=0, description="Replicas at the least while it takes over a load; 0 for what its spec says.")
    ] = 0
    spec: Annotated[
        dict[str, Any],
        Field(description="The spec that asked for it last, so that it can be rebuilt while another is asked for."),
        WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    ] = Field(default_factory=dict)


class BundleReference(StatusSchema):
    """A bundle, by what people call it and by what it is."""

    version: str
    digest: str


class Replicas(StatusSchema):
    """Replicas of the revision that answers."""

    desired: Annotated[int, Field(ge=0)] = 0
    ready: Annotated[int, Field(ge=0)] = 0


class WeldModelStatus(StatusSchema):
    """The whole status; the operator's memory between reconciliations."""

    observed_generation: Annotated[int, Field(ge=0, description="Generation that was last reconciled.")] = 0
    phase: Annotated[str, Field(description="The state in one word, for listings.")] = ""
    conditions: Annotated[tuple[Condition, ...], Field(description="Serving, Progressing and PlatformReady.")] = ()
    stable: Annotated[BundleReference | None, Field(description="The bundle that answers.")] = None
    revisions: Annotated[tuple[Revision, ...], Field(description="Each InferenceService that exists.")] = ()
    url: Annotated[str, Field(description="Where sensors send readings.")] = ""
    replicas: Replicas = Replicas()
    readings_per_second: Annotated[
        str, Field(description="Rate that the workload asks for, in readings per second.")
    ] = ""
