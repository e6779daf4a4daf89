"""What is to be measured of a trial, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from weld_api.gate import Gate
from weld_api.quantity import parse_duration
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Counter, Question, Reading
from weld_operator.domain.gates.questions import questions
from weld_operator.domain.gates.shares import shadow_readings
from weld_operator.domain.next_look import next_analysis
from weld_operator.domain.revisions import pending, stable
from weld_operator.domain.rollout.trial import gates_of, is_measured
from weld_operator.domain.subject import Subject


@dataclass(frozen=True)
class Inquiry:
    """The gates to judge and what they ask; `due`: when. `comparisons` is what the shadow's readings are counted by."""

    gates: tuple[Gate, ...]
    trial: Trial
    comparisons: Counter
    due: datetime

    @property
    def questions(self) -> frozenset[Question]:
        """All of them, each once."""
        return questions(self.gates, self.trial) | {self.comparisons}

    def is_answered_by(self, other: Inquiry) -> bool:
        """Whether what is answered to the other one answers this one."""
        return self.trial == other.trial and self.questions <= other.questions

    def compared(self, readings: Mapping[Question, Reading]) -> int:
        """Readings that the shadow has compared; none where that was not answered."""
        reading = readings.get(self.comparisons, Reading())
        return int(reading.total) if math.isfinite(reading.total) and not reading.fault else 0


def inquiry_of(subject: Subject) -> Inquiry | None:
    """What is to be measured for a WeldModel as its status tells; None where no gate is judged now."""
    spec, state = subject.spec, subject.status.rollout
    candidate, answering = pending(subject.status.revisions), stable(subject.status.revisions)
    if spec is None or spec.rollout is None or candidate is None or answering is None:
        return None
    if state is None or state.measured_from is None or not is_measured(state):
        return None
    if not state.digest == candidate.digest == spec.model.sha256:
        return None
    rollout = spec.rollout
    trial = Trial(
        namespace=subject.namespace,
        candidate=candidate.name,
        stable=answering.name,
        digest=candidate.digest,
        since=state.measured_from,
        deadline=parse_duration(spec.workload.deadline),
        phases=len(rollout.steps) + (rollout.shadow is not None),
        error_probability=rollout.analysis.error_probability,
        is_shadow=state.step == 0,
    )
    return Inquiry(gates_of(rollout, state), trial, shadow_readings(trial), next_analysis(rollout, state))
