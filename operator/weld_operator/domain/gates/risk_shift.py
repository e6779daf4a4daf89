"""The gate about the mean of the candidate's risk less the stable revision's, reading by reading."""

from __future__ import annotations

import math
from collections.abc import Mapping

from weld_api import metric_names
from weld_api.gate import Gate, RiskShift
from weld_api.shadow import SHADOW_LABEL_LENGTH
from weld_operator.domain.gates.case import Case, Estimate
from weld_operator.domain.gates.checks import IS_COUNTED, against_limits, first_verdict
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Counter, Question
from weld_operator.domain.gates.sequential import mean_interval
from weld_operator.domain.gates.shares import shadow_readings
from weld_operator.domain.gates.verdict import Verdict

_COUNTERS_AGREE = 1.01
"""Risks lie between 0 and 1, so neither sums nor squares can exceed the readings; counters are read one by one."""


class RiskShiftGate:
    """From counters of the readings, of the differences up and down, and of their squares."""

    is_random = True

    def asks(self, _: Gate, trial: Trial) -> Mapping[str, Question]:
        matching = (("candidate", trial.digest[:SHADOW_LABEL_LENGTH]),)
        sums = {
            "rises": metric_names.SHADOW_RISK_RISE,
            "falls": metric_names.SHADOW_RISK_FALL,
            "squares": metric_names.SHADOW_RISK_SQUARES,
        }
        asked = {role: Counter(name, trial.namespace, trial.stable, matching) for role, name in sums.items()}
        return {"compared readings": shadow_readings(trial), **asked}

    def judge(self, case: Case) -> Verdict:
        verdict = first_verdict(case, IS_COUNTED)
        if verdict is not None:
            return verdict
        it = case.gate.condition
        assert isinstance(it, RiskShift)
        samples, rises, falls, squares = (
            case.answers[role].total for role in ("compared readings", "rises", "falls", "squares")
        )
        if samples <= 0:
            return case.insufficient("NoData", "no readings were compared yet")
        if max(rises + falls, squares) > samples * _COUNTERS_AGREE:
            message = f"the risks of {samples:,.0f} readings differ by {rises + falls:,.1f} in all, more than they can"
            return case.insufficient("Inconsistent", message)
        shift = min(max((rises - falls) / samples, -1.0), 1.0)
        interval = mean_interval(samples, shift * samples, squares, case.error)
        between = f"{interval.lower:+.3g} to {interval.upper:+.3g}"
        found = Estimate(
            value=shift,
            lower=interval.lower,
            upper=interval.upper,
            samples=math.floor(samples),
            floor=it.min_samples,
            found=f"the mean risk of {math.floor(samples):,} readings is {shift:+.3g} off stable's ({between})",
            demand=f"expected at most {it.max:g} either way",
            counted="readings",
            least=-it.max,
            most=it.max,
            if_undecided="no count can prove that there is none" if it.max == 0 else "more must be counted",
        )
        return against_limits(case, found)


RISK_SHIFT = RiskShiftGate()
