"""All that a set of gates asks of a metric source."""

from __future__ import annotations

from collections.abc import Sequence

from weld_api.gate import Gate
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.kinds import kind_of
from weld_operator.domain.gates.measurement import Question


def questions(gates: Sequence[Gate], trial: Trial) -> frozenset[Question]:
    """Each once, however many gates ask it."""
    return frozenset(asked for gate in gates for asked in kind_of(gate).asks(gate, trial).values())
