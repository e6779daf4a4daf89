"""Chains of checks, in the manner of cert-manager's policies: each gives a verdict, or None where it has no objection.

The first verdict stands. First comes whether there is something to be judged at all; what is judged comes last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

from weld_api.quantity import parse_duration
from weld_operator.domain.gates.case import Case, Estimate
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout.wording import time_in_words

CLOCK_TOLERANCE = timedelta(seconds=30)
"""Clocks may differ by so much; a sample that is further ahead says that one of them is wrong."""

Check = Callable[[Case], Verdict | None]


def first_verdict(case: Case, chain: tuple[Check, ...]) -> Verdict | None:
    return next((verdict for check in chain if (verdict := check(case)) is not None), None)


def source_failed(case: Case) -> Verdict | None:
    faults = [each.fault for each in case.answers.values() if each.fault]
    return case.insufficient("SourceFailed", f"the metrics cannot be had: {faults[0]}") if faults else None


def no_data(case: Case) -> Verdict | None:
    absent = [role for role, each in case.answers.items() if not each.values or each.newest is None]
    return case.insufficient("NoData", f"there is no sample yet of {' and '.join(absent)}") if absent else None


def ahead_of_time(case: Case) -> Verdict | None:
    ahead = max(each.newest - case.now for each in case.answers.values() if each.newest is not None)
    if ahead <= CLOCK_TOLERANCE:
        return None
    message = f"the newest sample is {time_in_words(ahead)} ahead of the operator's clock: one of the clocks is wrong"
    return case.insufficient("ClockSkew", message)


def stale(case: Case) -> Verdict | None:
    newest = case.newest
    if newest is None or case.now - newest <= parse_duration(case.gate.fresh_for):
        return None
    age = time_in_words(case.now - newest)
    return case.insufficient("Stale", f"the newest sample is {age} old, freshFor is {case.gate.fresh_for}")


def not_finite(case: Case) -> Verdict | None:
    if all(map(math.isfinite, case.numbers())):
        return None
    return case.insufficient("NotANumber", "a value is NaN or infinite")


def negative(case: Case) -> Verdict | None:
    lowest = min(case.numbers(), default=0.0)
    return case.insufficient("Negative", f"a counter rose by {lowest:g}, which no counter does") if lowest < 0 else None


IS_THERE: tuple[Check, ...] = (source_failed, no_data, ahead_of_time, stale, not_finite)
IS_COUNTED: tuple[Check, ...] = (*IS_THERE, negative)


def against_limits(case: Case, found: Estimate) -> Verdict:
    """Nothing below the floor; Pass or Fail where the whole interval is on one side; undecided in between."""
    if found.samples < found.floor:
        message = f"{found.samples:,} {found.counted} are counted, and {found.floor:,} must be before it is judged"
        return case.insufficient("BelowFloor", message, found)
    lower = -math.inf if found.least is None else found.least
    upper = math.inf if found.most is None else found.most
    if found.lower > upper or found.upper < lower:
        return case.verdict("Fail", "BeyondLimit", f"{found.found}; {found.demand}", found)
    if lower <= found.lower and found.upper <= upper:
        return case.verdict("Pass", "WithinLimit", f"{found.found}; {found.demand}", found)
    return case.insufficient("Undecided", f"{found.found}; {found.demand}: {found.if_undecided}", found)
