"""The gate about readings scored in a second of scoring, against the stable revision's.

A pass has costs of its own, whatever its size, so a revision that gets small passes looks slow beside one that gets
large ones. Passes of unlike size are therefore not held against the candidate, nor for it. The variation from pass to
pass is not measured but assumed to be no larger than a pass itself (`sequential.relative_radius`); the interval of each
revision takes half of the gate's error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from weld_api import metric_names
from weld_api.gate import Gate, Throughput
from weld_operator.domain.gates.case import Case, Estimate
from weld_operator.domain.gates.checks import IS_COUNTED, against_limits, first_verdict
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Counter, Question
from weld_operator.domain.gates.sequential import relative_radius
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout.wording import share_in_words

ALIKE = 2.0
"""Mean sizes of passes are alike within this factor."""

_READINGS, _SECONDS, _PASSES = "readings scored", "seconds of scoring", "passes"


class ThroughputGate:
    """From the readings, passes and seconds of both revisions."""

    is_random = True

    def asks(self, _: Gate, trial: Trial) -> Mapping[str, Question]:
        return {
            f"{owner}'s {what}": Counter(metric, trial.namespace, revision, matching)
            for owner, revision in (("the candidate", trial.candidate), ("stable", trial.stable))
            for what, metric, matching in (
                (_READINGS, metric_names.SCORED_READINGS, ()),
                (_PASSES, metric_names.PASSES, ()),
                (_SECONDS, metric_names.STAGE_SECONDS, (("stage", "score"),)),
            )
        }

    def judge(self, case: Case) -> Verdict:
        verdict = first_verdict(case, IS_COUNTED)
        if verdict is not None:
            return verdict
        idle = [role for role, answer in case.answers.items() if answer.total <= 0]
        if idle:
            return case.insufficient("NoData", f"there were no {' and no '.join(idle)} yet")
        found = _ratio(case)
        verdict = against_limits(case, found)
        unlike = _unlike_passes(case, verdict)
        return case.insufficient("Incomparable", unlike, found) if unlike else verdict


def _ratio(case: Case) -> Estimate:
    it = case.gate.condition
    assert isinstance(it, Throughput)
    passes = {owner: case.answers[f"{owner}'s {_PASSES}"].total for owner in ("the candidate", "stable")}
    radius = {owner: relative_radius(count, it.min_samples, case.error / 2) for owner, count in passes.items()}
    ours, theirs = _rate(case, "the candidate"), _rate(case, "stable")
    ratio = ours / theirs
    lower = ratio * max(1 - radius["the candidate"], 0.0) / (1 + radius["stable"])
    slack = 1 - radius["stable"]
    upper = ratio * (1 + radius["the candidate"]) / slack if slack > 0 else math.inf
    samples = math.floor(min(passes.values()))
    between = f"{share_in_words(lower)} to {share_in_words(upper)}" if slack > 0 else f"from {share_in_words(lower)} on"
    return Estimate(
        value=ratio,
        lower=lower,
        upper=upper,
        samples=samples,
        floor=it.min_samples,
        found=f"in {samples:,} passes it scores {ours:,.0f} readings a second of scoring, {share_in_words(ratio)} of "
        f"stable's {theirs:,.0f} ({between})",
        demand=f"expected at least {share_in_words(it.min_of_stable)}",
        counted="passes",
        least=it.min_of_stable,
    )


def _rate(case: Case, owner: str) -> float:
    return case.answers[f"{owner}'s {_READINGS}"].total / case.answers[f"{owner}'s {_SECONDS}"].total


def _unlike_passes(case: Case, verdict: Verdict) -> str:
    """Why the passes of the two do not support the verdict; empty where they do."""
    ours, theirs = (
        case.answers[f"{owner}'s {_READINGS}"].total / case.answers[f"{owner}'s {_PASSES}"].total
        for owner in ("the candidate", "stable")
    )
    flatters = verdict.verdict == "Pass" and ours > ALIKE * theirs
    harms = verdict.verdict == "Fail" and ours * ALIKE < theirs
    if not flatters and not harms:
        return ""
    return f"passes of {ours:,.1f} readings on average are not to be compared with stable's of {theirs:,.1f}"


THROUGHPUT = ThroughputGate()
