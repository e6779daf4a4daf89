"""How many replicas a candidate needs, and how many the Stable revision keeps while there is one.

Each revision is scaled on its own signal; what is decided here is what its autoscaler may not go below. A floor never
goes beyond the revision's own maxReplicas.

| revision  | when                                | its floor                                                       |
| --------- | ----------------------------------- | --------------------------------------------------------------- |
| Stable    | a trial is on                       | the replicas that it had ready when the trial began             |
| candidate | in Shadow                           | its own minimum                                                 |
| candidate | at a step                           | its weight's share of those replicas, or its own minimum        |
| candidate | Promoting; without a rollout always | as many as the Stable revision had when the candidate came      |
| candidate | RollingBack, Failed                 | its own minimum, whatever it was before                         |
| any       | when no other one is left           | its own minimum: its autoscaler knows its load                  |
"""

from __future__ import annotations

import math
from typing import NamedTuple

from weld_api.rollout import Rollout
from weld_api.rollout_status import RolloutStatus
from weld_api.spec import WeldModelSpec
from weld_api.status import Revision


class Needs(NamedTuple):
    """Replicas that a candidate needs: for the share that it has or is to have next, and for all requests."""

    for_share: int
    for_all: int


def least_replicas(spec: WeldModelSpec, floor: int) -> int:
    """Replicas that a revision has at the least: its own minimum, or its floor; no more than its maximum."""
    scaling = spec.serving.scaling
    return max(scaling.min_replicas, min(floor, scaling.max_replicas))


def needs_of(spec: WeldModelSpec, state: RolloutStatus | None, size: int) -> Needs:
    """`size`: replicas that bear all requests. `state`: the trial as it is remembered; None before it begins."""
    return Needs(
        for_share=least_replicas(spec, candidate_floor(spec.rollout, state, size)),
        for_all=least_replicas(spec, size),
    )


def candidate_floor(rollout: Rollout | None, state: RolloutStatus | None, size: int) -> int:
    """The share of `size` replicas, rounded up, that bears what the candidate has or is to have next."""
    weight = 100 if rollout is None else _next_weight(rollout, state)
    return math.ceil(size * weight / 100)


def whole_size(rollout: Rollout | None, candidate: Revision | None, stable: Revision | None, ready: int) -> int:
    """Replicas that bear all requests: what the Stable revision had ready when the candidate came; `ready` before."""
    if candidate is None or candidate.phase != "Pending" or stable is None:
        return ready
    return max(candidate.replica_floor, stable.replica_floor) or (0 if rollout is None else ready)


def stable_floor(candidate: Revision | None, stable: Revision, ready: int) -> int:
    """What the Stable revision keeps while a candidate is on trial; `candidate` as it was before this moment."""
    is_new = candidate is None or candidate.phase != "Pending"
    return max(stable.replica_floor, ready) if is_new else stable.replica_floor or ready


def _next_weight(rollout: Rollout, state: RolloutStatus | None) -> int:
    if state is None:
        return 0
    phase = state.paused_in if state.phase == "Paused" else state.phase
    if phase == "Promoting":
        return 100
    if phase in ("Canary", "AwaitingApproval") and 0 < state.step <= len(rollout.steps):
        return rollout.steps[state.step - 1].weight
    return 0
