"""Where a trial stands at one moment: how long it holds still, and how long until its deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from weld_api.quantity import parse_duration
from weld_api.rollout import Rollout
from weld_api.rollout_status import RolloutPhase, RolloutStatus
from weld_operator.domain.rollout import states
from weld_operator.domain.rollout.advance import hold_of


@dataclass(frozen=True)
class Standing:
    """Of the phase or step that a trial is in, pauses not counted.

    `phase`: the one that it was paused in, where it is paused. `held`: time for which it has been measured, up to
    `hold`. `until_deadline`: None where no deadline is set to what it is in; negative once that has passed.
    """

    phase: RolloutPhase
    hold: timedelta
    held: timedelta
    until_deadline: timedelta | None

    @property
    def hold_left(self) -> timedelta:
        return self.hold - self.held


def standing(rollout: Rollout, state: RolloutStatus, now: datetime) -> Standing:
    """At `now`, in UTC; while it is paused, at the moment from which on it is."""
    at = state.paused_from or now
    phase = state.paused_in or state.phase
    hold = hold_of(rollout, state)
    held = min(max(states.time_measured(state, at), timedelta()), hold)
    until_deadline = None
    if phase in ("Shadow", "Canary"):
        until_deadline = hold + parse_duration(rollout.deadline.per) - states.time_in_phase(state, at)
    return Standing(phase, hold, held, until_deadline)
