"""`WeldModel.status`: what the operator found and did, and all that it must remember."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from weld_api.region_status import (
    AskedBundle,
    Destination,
    FormerBundle,
    Outage,
    PublishedEndpoints,
    SurvivedLosses,
    WaveFailure,
)
from weld_api.rollout_status import PastTrial, Rejection, RolloutStatus
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


class PlaceStatus(StatusSchema):
    """The state of one place that serves: a region, or the cluster as a whole where there are no regions."""

    observed_generation: Annotated[int, Field(ge=0, description="Generation that was last reconciled.")] = 0
    phase: Annotated[str, Field(description="The state in one word, for listings.")] = ""
    conditions: Annotated[tuple[Condition, ...], Field(description="Serving, Progressing and PlatformReady.")] = ()
    stable: Annotated[BundleReference | None, Field(description="The bundle that answers.")] = None
    revisions: Annotated[tuple[Revision, ...], Field(description="Each InferenceService that exists.")] = ()
    candidate: Annotated[BundleReference | None, Field(description="The bundle that is on its way, or on trial.")] = (
        None
    )
    rollout: Annotated[RolloutStatus | None, Field(description="The trial that is on, or the last one.")] = None
    rejected: Annotated[
        tuple[Rejection, ...], Field(description="Bundles that were rolled back since another one was asked for.")
    ] = ()
    history: Annotated[tuple[PastTrial, ...], Field(description="Trials that are over, the newest last.")] = ()
    last_action: Annotated[str, Field(description="The last act of a person that was carried out or refused.")] = ""
    url: Annotated[str, Field(description="Where sensors send readings.")] = ""
    replicas: Replicas = Replicas()
    readings_per_second: Annotated[
        str, Field(description="Rate that the workload asks for, in readings per second.")
    ] = ""


class RegionStatus(PlaceStatus):
    """The state of one region; what is remembered of it is that of a WeldModel without regions."""

    name: Annotated[str, Field(description="The region's name.")]
    where: Annotated[str, Field(description="Which cluster it is in, in words.")] = ""
    kubeconfig_secret: Annotated[
        str, Field(description="The Secret by which its cluster was reached; empty for this cluster.")
    ] = ""
    asked: Annotated[AskedBundle | None, Field(description="The bundle that it is asked for now, and why.")] = None
    former: Annotated[FormerBundle | None, Field(description="What it goes back to if its wave fails.")] = None
    unreachable_since: Annotated[
        datetime | None, Field(description="Since when its cluster cannot be reached; all else is as last seen.")
    ] = None
    unreachable_reason: Annotated[str, Field(max_length=300, description="Why it cannot be reached.")] = ""
    outage: Annotated[Outage | None, Field(description="That it does not serve, or cannot be seen.")] = None
    sends_to: Annotated[
        tuple[Destination, ...],
        Field(description="Where its sensors send readings, in the order of choice; the weights add up to 100."),
    ] = ()
    replica_floor: Annotated[
        int, Field(ge=0, description="Replicas that the Stable revision has here at the least, for itself and others.")
    ] = 0


class RemovedRegion(StatusSchema):
    """A region that is not asked for any more, and whose objects could not all be deleted yet."""

    name: Annotated[str, Field(description="The region's name.")]
    kubeconfig_secret: Annotated[
        str, Field(description="The Secret by which its cluster was reached; empty for this cluster.")
    ] = ""
    since: Annotated[datetime, Field(description="Since when it is to be gone.")]
    reason: Annotated[str, Field(max_length=300, description="Why its objects could not be deleted.")] = ""


class WeldModelStatus(PlaceStatus):
    """The whole status; the operator's memory between reconciliations."""

    regions: Annotated[tuple[RegionStatus, ...], Field(description="Each region that is served from here.")] = ()
    summary: Annotated[str, Field(description="Which version runs where, and why, in one line.")] = ""
    removing: Annotated[
        tuple[RemovedRegion, ...], Field(description="Regions that are gone but for what could not be deleted yet.")
    ] = ()
    elsewhere: Annotated[
        tuple[str, ...], Field(description="Regions that installations of other countries look after.")
    ] = ()
    wave_failure: Annotated[
        WaveFailure | None, Field(description="The bundle that a wave turned down, until another one is asked for.")
    ] = None
    survives_losses: Annotated[
        SurvivedLosses | None, Field(description="What may be lost with every reading still answered.")
    ] = None
    endpoints: Annotated[PublishedEndpoints | None, Field(description="The version of the endpoint document.")] = None
