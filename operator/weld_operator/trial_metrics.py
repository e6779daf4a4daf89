"""What Prometheus is told of trials; all that is about a WeldModel goes with it."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from weld_api.rollout_status import Outcome, RolloutStatus
from weld_api.status import PlaceStatus
from weld_operator.kinds import Key

ABOUT = ("weldmodel_namespace", "weldmodel")


class TrialMetrics:
    """Phase, share and verdicts of each WeldModel's trial, and how many trials ended in which way."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._phase = Gauge(
            "weldserve_operator_trial_phase",
            "1 for the phase that a trial is in.",
            [*ABOUT, "phase"],
            registry=registry,
        )
        self._weight = Gauge(
            "weldserve_operator_trial_weight", "Requests of a hundred that a candidate gets.", ABOUT, registry=registry
        )
        self._verdict = Gauge(
            "weldserve_operator_trial_verdict",
            "1 for the last verdict of each gate of the phase or step that a trial is in.",
            [*ABOUT, "gate", "verdict"],
            registry=registry,
        )
        self._ended = Counter(
            "weldserve_operator_trials_ended", "Trials that are over, by outcome.", ["outcome"], registry=registry
        )
        for outcome in get_args(Outcome):
            self._ended.labels(outcome)
        self._known: dict[Key, RolloutStatus] = {}

    def set(self, key: Key, before: PlaceStatus, after: PlaceStatus) -> None:
        """How a trial stands, and which ones ended between the two statuses."""
        ended = {(each.digest, each.ended) for each in before.history}
        for past in after.history:
            if (past.digest, past.ended) not in ended:
                self._ended.labels(past.outcome).inc()
        if after.rollout == self._known.get(key):
            return
        self.forget(key)
        if after.rollout is not None:
            self._known[key] = after.rollout
            self._tell(key, after.rollout)

    def forget(self, key: Key) -> None:
        """Nothing is told of this WeldModel any more."""
        known = self._known.pop(key, None)
        if known is None:
            return
        self._phase.remove(*key, known.phase)
        self._weight.remove(*key)
        for each in known.evidence:
            self._verdict.remove(*key, each.gate, each.verdict)

    def _tell(self, key: Key, state: RolloutStatus) -> None:
        self._phase.labels(*key, state.phase).set(1)
        self._weight.labels(*key).set(0 if state.phase == "Idle" else state.weight)
        for each in state.evidence:
            self._verdict.labels(*key, each.gate, each.verdict).set(1)
