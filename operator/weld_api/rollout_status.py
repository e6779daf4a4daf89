"""`WeldModel.status.rollout` and what is remembered of trials that are over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from weld_api.schema import Schema

RolloutPhase = Literal[
    "Idle",
    "Shadow",
    "Canary",
    "Paused",
    "AwaitingApproval",
    "Promoting",
    "RollingBack",
    "RolledBack",
    "Failed",
]
Outcome = Literal["Promoted", "RolledBack", "Aborted", "Superseded", "Failed"]
GateVerdict = Literal["Pass", "Fail", "InsufficientEvidence"]

LONGEST_SENTENCE = 300
MOST_HISTORY = 10
MOST_REJECTIONS = 20


class _Remembered(Schema):
    """Unlike in a spec, an unknown field is passed over: a newer operator may have written the status."""

    model_config = ConfigDict(extra="ignore")


class Evidence(_Remembered):
    """The last verdict of one gate, and what it rests on."""

    gate: str
    verdict: GateVerdict
    reason: Annotated[str, Field(description="One word for programs.")]
    message: Annotated[str, Field(max_length=LONGEST_SENTENCE, description="One sentence for people.")]
    value: Annotated[float | None, Field(description="What was found.")] = None
    samples: Annotated[int, Field(ge=0, description="Of how many samples it speaks.")] = 0
    lower: Annotated[float | None, Field(description="Lower end of the interval.")] = None
    upper: Annotated[float | None, Field(description="Upper end of the interval.")] = None
    query: Annotated[str, Field(max_length=LONGEST_SENTENCE, description="What was asked, perhaps shortened.")] = ""
    window_seconds: Annotated[float, Field(ge=0, description="Length of the time that was counted.")] = 0
    age_seconds: Annotated[float | None, Field(description="Age of the newest sample.")] = None
    since: Annotated[datetime, Field(description="When this verdict was first reached.")]


class HumanAct(_Remembered):
    """Who did something, and why."""

    verb: str
    by: Annotated[str, Field(max_length=253)]
    why: Annotated[str, Field(max_length=LONGEST_SENTENCE)]
    at: datetime


class RolloutStatus(_Remembered):
    """The trial that is on, or the last one until the next begins."""

    phase: RolloutPhase
    digest: Annotated[str, Field(description="The candidate's.")]
    version: Annotated[str, Field(description="The candidate's.")]
    step: Annotated[int, Field(ge=0, description="Number of the step it is at, from 1; 0 before the first.")] = 0
    steps: Annotated[int, Field(ge=0, description="Steps that there are.")] = 0
    weight: Annotated[int, Field(ge=0, le=100, description="Requests that go to the candidate, of a hundred.")] = 0
    started: Annotated[datetime, Field(description="When the trial began.")]
    since: Annotated[datetime, Field(description="When this phase or step began.")]
    measured_from: Annotated[
        datetime | None,
        Field(description="From when on it is measured: when the candidate was ready and the weight was in force."),
    ] = None
    looked_at: Annotated[datetime | None, Field(description="When the gates were last judged.")] = None
    paused_in: Annotated[RolloutPhase | None, Field(description="The phase that it was paused in.")] = None
    paused_from: Annotated[datetime | None, Field(description="When it was paused; its clocks stand since.")] = None
    paused_seconds: Annotated[
        float, Field(ge=0, description="Time that it was paused in this phase or step, which does not count.")
    ] = 0
    approval: Annotated[HumanAct | None, Field(description="Who approved of the promotion.")] = None
    reason: Annotated[str, Field(description="One word: why it is where it is.")] = ""
    message: Annotated[str, Field(max_length=LONGEST_SENTENCE, description="One sentence: why it is where it is.")] = ""
    evidence: Annotated[tuple[Evidence, ...], Field(description="The last verdict of each gate of this step.")] = ()


class Rejection(_Remembered):
    """A bundle that was rolled back; it is not tried again until the spec asks for another one."""

    digest: str
    version: str
    at: datetime
    reason: str
    message: Annotated[str, Field(max_length=LONGEST_SENTENCE)]


class PastTrial(_Remembered):
    """A trial that is over."""

    version: str
    digest: str
    outcome: Outcome
    started: datetime
    ended: datetime
    message: Annotated[str, Field(max_length=LONGEST_SENTENCE)] = ""
    by: Annotated[HumanAct | None, Field(description="Who ended it, where that was not the operator.")] = None
