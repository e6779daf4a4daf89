"""The gate about what another installation made of the same bundle, as its status document says.

It passes once every region there has served the bundle, healthy and without a break, for as long as the gate asks for,
and fails as soon as it was rolled back there more often than is tolerated. A bundle that is not served there yet, or
not healthy, or a document that cannot be had, is no evidence. Nothing in it is open to chance: there is no interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from weld_api.gate import Gate, ServedElsewhere
from weld_api.quantity import parse_duration
from weld_operator.domain.gates.case import Case, Estimate
from weld_operator.domain.gates.checks import IS_COUNTED, first_verdict
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Question, Served
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout.wording import time_in_words

_SECONDS, _ROLLBACKS = "time served there", "rollbacks there"


class ServedElsewhereGate:
    """Its sample is a second of service; `value` is the number of rollbacks."""

    is_random = False

    def asks(self, gate: Gate, trial: Trial) -> Mapping[str, Question]:
        it = gate.condition
        assert isinstance(it, ServedElsewhere)
        return {
            _SECONDS: Served(it.url, trial.digest, "seconds"),
            _ROLLBACKS: Served(it.url, trial.digest, "rollbacks"),
        }

    def judge(self, case: Case) -> Verdict:
        verdict = first_verdict(case, IS_COUNTED)
        if verdict is not None:
            return verdict
        it = case.gate.condition
        assert isinstance(it, ServedElsewhere)
        needed = parse_duration(it.for_)
        seconds, rollbacks = case.answers[_SECONDS].total, case.answers[_ROLLBACKS].total
        served = time_in_words(timedelta(seconds=int(seconds)))
        demand = f"expected at most {it.max_rollbacks} rollbacks and at least {time_in_words(needed)}"
        found = Estimate(
            value=rollbacks,
            lower=rollbacks,
            upper=rollbacks,
            samples=int(seconds),
            floor=int(needed.total_seconds()),
            found=f"it has served there for {served}, and was rolled back {rollbacks:g} times",
            demand=demand,
            counted="seconds",
        )
        if rollbacks > it.max_rollbacks:
            return case.verdict("Fail", "BeyondLimit", f"{found.found}; {demand}", found)
        if seconds < needed.total_seconds():
            return case.insufficient("BelowFloor", f"{found.found}; {demand}", found)
        return case.verdict("Pass", "WithinLimit", f"{found.found}; {demand}", found)


SERVED_ELSEWHERE = ServedElsewhereGate()
