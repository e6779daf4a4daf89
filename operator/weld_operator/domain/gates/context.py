"""What a gate must know of the trial that it judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Trial:
    """A candidate on trial beside the stable revision, in one phase or step.

    `candidate` and `stable` are the InferenceServices' names, `digest` is the candidate's. `since`: what is counted
    begins then. `deadline` is the workload's. `phases`: of the whole rollout, the shadow and each step.
    `error_probability`: the one of the whole rollout, over all gates, phases and looks.
    `is_shadow`: the candidate's only requests are those that the stable revision forwards.
    """

    namespace: str
    candidate: str
    stable: str
    digest: str
    since: datetime
    deadline: timedelta
    phases: int
    error_probability: float
    is_shadow: bool
