"""The verdict of each gate.

What is counted grows from the phase's beginning, and the intervals hold at all looks together (`sequential`). The
rollout's error probability E is shared out: each of the G gates of a phase whose verdict is open to chance may err with
E / (G K), in each of the K phases. So over all gates, phases and looks a candidate within its limits is failed with
probability E at most; and one that is beyond a limit passes that gate with less than E. A phase that starts over is
counted anew, which adds its part once more; a limit that is edited after a look is not covered at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from weld_api.gate import Gate
from weld_operator.domain.gates.case import Case
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.kinds import kind_of
from weld_operator.domain.gates.measurement import Question, Reading
from weld_operator.domain.gates.verdict import Verdict

_UNANSWERED = Reading(fault="the source left the question without an answer")


def judge(
    gate: Gate, trial: Trial, readings: Mapping[Question, Reading], now: datetime, random_gates: int = 1
) -> Verdict:
    """One gate's verdict at `now`, in UTC; `random_gates` of its phase share the error probability."""
    kind = kind_of(gate)
    answers = {role: readings.get(asked, _UNANSWERED) for role, asked in kind.asks(gate, trial).items()}
    error = error_of_gate(trial.error_probability, random_gates, trial.phases)
    return kind.judge(Case(gate, trial, answers, error, now))


def judge_all(
    gates: Sequence[Gate], trial: Trial, readings: Mapping[Question, Reading], now: datetime
) -> dict[str, Verdict]:
    """The verdicts of all gates of one phase, by name, in their order."""
    random_gates = count_random(gates)
    return {gate.name: judge(gate, trial, readings, now, random_gates) for gate in gates}


def error_of_gate(error_probability: float, random_gates: int, phases: int) -> float:
    """One gate's part of a rollout's error probability, among the random gates of its phase and all phases."""
    return error_probability / (max(random_gates, 1) * max(phases, 1))


def count_random(gates: Sequence[Gate]) -> int:
    """Gates whose verdict is open to chance."""
    return sum(kind_of(gate).is_random for gate in gates)
