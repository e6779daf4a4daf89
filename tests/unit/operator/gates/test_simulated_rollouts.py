"""The campaign of `tests.simulation`, in short: it keeps its promises, and it would notice if they were broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pytest

from tests.simulation import one_rollout
from tests.simulation.campaign import bounds, campaign, summary
from tests.simulation.truth import CLASSES
from weld_api.gate import Gate
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Question, Reading
from weld_operator.domain.gates.verdict import Verdict

RUNS = 10 * len(CLASSES)


def test_rollouts_decide_truthfully() -> None:
    found = summary(list(campaign(RUNS, seed=5)))
    assert [bound for bound in bounds(found) if not bound.is_kept] == []
    counts = found["counts"]
    assert counts["good_promoted"] > counts["good"] / 2
    assert counts["bad_rolled_back"] > counts["bad"] / 2
    assert counts["good_promoted"] + counts["bad_rolled_back"] + counts["undecided"] == found["runs"] == RUNS


def test_a_campaign_can_be_repeated() -> None:
    once, again = (list(campaign(len(CLASSES), seed=6)) for _ in range(2))
    assert once == again


def test_gates_that_always_pass_break_the_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(
        gates: Sequence[Gate], _trial: Trial, _readings: Mapping[Question, Reading], _now: datetime
    ) -> dict[str, Verdict]:
        return {gate.name: Verdict(gate.name, "Pass", "WithinLimit", "all is well") for gate in gates}

    monkeypatch.setattr(one_rollout, "judge_all", trusting)
    found = summary(list(campaign(2 * len(CLASSES), seed=7)))
    broken = {bound.name for bound in bounds(found) if not bound.is_kept}
    assert broken == {"bad promoted", "decided below a floor"}


def test_gates_that_always_fail_break_the_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    def timid(
        gates: Sequence[Gate], _trial: Trial, _readings: Mapping[Question, Reading], _now: datetime
    ) -> dict[str, Verdict]:
        return {gate.name: Verdict(gate.name, "Fail", "BeyondLimit", "all is lost") for gate in gates}

    monkeypatch.setattr(one_rollout, "judge_all", timid)
    found = summary(list(campaign(2 * len(CLASSES), seed=8)))
    broken = {bound.name for bound in bounds(found) if not bound.is_kept}
    assert "good rolled back" in broken
