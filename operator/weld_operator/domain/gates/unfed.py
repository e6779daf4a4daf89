"""Gates about what inspections found and about drift: nothing feeds them yet, so they never have evidence."""

from __future__ import annotations

from collections.abc import Mapping

from weld_api.gate import Gate
from weld_operator.domain.gates.case import Case
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Question
from weld_operator.domain.gates.verdict import Verdict


class UnfedGate:
    """Asks for nothing, and says why it cannot be judged."""

    is_random = False

    def __init__(self, lacks: str) -> None:
        """`lacks`: what is not fed, in the plural."""
        self._lacks = lacks

    def asks(self, _gate: Gate, _trial: Trial) -> Mapping[str, Question]:
        return {}

    def judge(self, case: Case) -> Verdict:
        return case.insufficient("NotFed", f"no {self._lacks} are fed yet")


EFFECTIVE_PRECISION = UnfedGate("outcomes")
EFFECTIVE_RECALL = UnfedGate("outcomes")
DRIFT = UnfedGate("distances from the training profile")
