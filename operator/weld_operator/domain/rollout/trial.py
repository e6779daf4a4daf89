"""What a trial remembers, what it sees at one moment, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from weld_api.action import RolloutAction
from weld_api.gate import Gate
from weld_api.rollout import Rollout
from weld_api.rollout_status import PastTrial, Rejection, RolloutStatus
from weld_api.status import BundleReference
from weld_operator.domain.gates.verdict import Verdict


@dataclass(frozen=True)
class Memory:
    """All that is kept of trials, in the WeldModel's status."""

    rollout: RolloutStatus | None = None
    rejected: tuple[Rejection, ...] = ()
    history: tuple[PastTrial, ...] = ()
    last_action: str = ""


@dataclass(frozen=True)
class Sight:
    """What is seen at one moment.

    `asked`: the bundle that the spec asks for. `stable`: the one that answers, None before the first.
    `is_ready`: the candidate has every replica that it needs for the share that it has, or is to have next.
    `can_take_all`: it has every replica that it needs for all requests.
    `answers`: at least one of its replicas does. `exists`: its InferenceService does.
    `fault`: why it cannot start, where that is certain. `stable_answers`: at least one replica of the stable revision.
    `weight`: the candidate's share of the requests, in percent, as the cluster shows it; None where it shows none.
    `verdicts`: of the gates, by name, where they were judged since the last look; empty where they were not.
    `compared`: readings that the shadow has compared since `measured_from`.
    """

    asked: BundleReference
    stable: BundleReference | None
    exists: bool = False
    is_ready: bool = False
    can_take_all: bool = False
    answers: bool = False
    fault: str = ""
    stable_answers: bool = True
    weight: int | None = None
    verdicts: Mapping[str, Verdict] | None = None
    compared: int = 0
    action: RolloutAction | None = None


@dataclass(frozen=True)
class Happening:
    """Something to be told as an Event; `moment` makes two of the same words different."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    moment: str


@dataclass(frozen=True)
class Advance:
    """What follows: the new memory, and what should be.

    `weight`: requests that go to the candidate, of a hundred; the stable revision has the others.
    `shadows`: whether the stable revision forwards what it has scored. `promotes`: the candidate becomes Stable now.
    `wants_candidate`: whether the candidate's objects should exist; not so for a bundle that was rolled back.
    """

    memory: Memory
    weight: int = 0
    shadows: bool = False
    promotes: bool = False
    wants_candidate: bool = True
    happenings: tuple[Happening, ...] = ()


def gates_of(spec: Rollout, state: RolloutStatus) -> tuple[Gate, ...]:
    """The gates of the phase or step that the trial is in: the rollout's, and the step's own."""
    own = spec.steps[state.step - 1].gates if 0 < state.step <= len(spec.steps) else ()
    return (*spec.gates, *own)


def is_measured(state: RolloutStatus | None) -> bool:
    """Whether gates are judged now: the candidate is on trial, paused or not, and what counts has begun."""
    phases = ("Shadow", "Canary", "AwaitingApproval", "Promoting", "Paused")
    return state is not None and state.phase in phases and state.measured_from is not None
