"""When to look again at the latest, where no event of the cluster would bring it about.

Pods are not watched, and neither is any source of metrics: whatever is on its way is looked at again, less and less
often; a trial when its gates are due, when its hold ends and at its deadline; what is at rest never.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from weld_api.quantity import parse_duration
from weld_api.rollout import Rollout
from weld_api.rollout_status import RolloutStatus
from weld_operator.domain.rollout.advance import hold_of
from weld_operator.domain.rollout.trial import is_measured

SHORTEST_LOOK = timedelta(seconds=1)
LONGEST_LOOK = timedelta(seconds=15)
LOOK_AFTER_TROUBLE = timedelta(seconds=10)


def pace(waited: timedelta) -> timedelta:
    """For what is on its way since so long."""
    return min(max(SHORTEST_LOOK, waited / 10), LONGEST_LOOK)


def at(moment: datetime, now: datetime) -> timedelta:
    """For what is due at a moment."""
    return max(moment - now, SHORTEST_LOOK)


def trial_look(rollout: Rollout, before: RolloutStatus | None, state: RolloutStatus, now: datetime) -> timedelta:
    """For a trial that is on; `before` is the state that was remembered until now."""
    is_going = state.phase in ("Shadow", "Canary")
    looks = [at(moment, now) for moment in _moments(rollout, state) if moment > now] if is_going else []
    if before is None or (before.phase, before.step, before.measured_from) != (
        state.phase,
        state.step,
        state.measured_from,
    ):
        looks.append(SHORTEST_LOOK)
    if is_measured(state):
        looks.append(at(next_analysis(rollout, state), now))
    elif state.phase == "Paused":
        # The addresses that the shadow is told of may change.
        looks.append(LONGEST_LOOK)
    else:
        looks.append(pace(now - state.since))
    return min(looks)


def next_analysis(rollout: Rollout, state: RolloutStatus) -> datetime:
    """When the gates are to be judged next: an interval after the last look, or when the hold ends in between.

    `state` is one that is measured.
    """
    began = state.measured_from or state.since
    if state.looked_at is None:
        return began
    due = state.looked_at + parse_duration(rollout.analysis.interval)
    ends = began + timedelta(seconds=state.paused_seconds) + hold_of(rollout, state)
    return min(due, ends) if state.looked_at < ends else due


def _moments(rollout: Rollout, state: RolloutStatus) -> Iterator[datetime]:
    """When its hold ends, and its deadline."""
    stood, hold = timedelta(seconds=state.paused_seconds), hold_of(rollout, state)
    if state.measured_from is not None:
        yield state.measured_from + stood + hold
    yield state.since + stood + hold + parse_duration(rollout.deadline.per)
