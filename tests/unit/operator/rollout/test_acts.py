"""What people do to a trial: approve it, pause it, end it, and try it again."""

from typing import Any

import pytest

from tests.unit.operator.rollout.trials import C, Trials, rollout


def test_manual_approval_is_waited_for() -> None:
    trials = Trials(spec=rollout(approval="Manual"))
    trials.until("AwaitingApproval", 2)
    trials.wait(100_000, every=1_000)
    assert trials.place == ("AwaitingApproval", 2)
    assert trials.shares[-1] == 50
    trials.act("promote")
    trials.step()
    assert trials.memory.history[-1].outcome == "Promoted"
    assert trials.memory.history[-1].by is not None
    assert trials.memory.history[-1].by.by == "ana"


def test_an_approval_in_advance_is_not_waited_for_and_skips_no_gate() -> None:
    trials = Trials(spec=rollout(approval="Manual"), says="InsufficientEvidence")
    trials.step()
    trials.act("promote")
    trials.wait(3_000)
    assert trials.place == ("Shadow", 0)
    trials.says = "Pass"
    trials.until("Idle", 2)
    assert "AwaitingApproval" not in trials.told


def test_while_it_is_paused_the_clocks_stand_and_the_weight_stays() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(60)
    trials.act("pause")
    trials.wait(100_000, every=1_000)
    assert (trials.state.phase, trials.shares[-1]) == ("Paused", 50)
    trials.act("resume")
    trials.wait(40)
    assert trials.place == ("Canary", 2)
    trials.wait(40)
    assert trials.place[0] in ("Promoting", "Idle")


def test_a_gate_that_fails_while_it_is_paused_rolls_back() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(20)
    trials.act("pause")
    trials.says = "Fail"
    trials.step()
    assert trials.place[0] == "RollingBack"


def test_abort_rolls_back_and_rejects_and_says_who_and_why() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    trials.act("abort")
    assert trials.step().weight == 0
    trials.step()
    assert trials.place[0] == "RolledBack"
    assert trials.memory.rejected[0].message == "ana aborted it: as agreed"
    assert trials.memory.history[-1].outcome == "Aborted"


def test_abort_while_it_waits_to_be_promoted_promotes_nothing() -> None:
    trials = Trials()
    trials.until("Promoting", 2)
    assert not trials.act("abort").promotes
    assert trials.place[0] in ("RollingBack", "RolledBack")


def test_retry_forgets_the_rejection_and_begins_anew() -> None:
    trials = Trials(says="Fail")
    trials.until("RolledBack", 0)
    trials.says = "Pass"
    trials.act("retry")
    assert (trials.place, trials.memory.rejected) == (("Shadow", 0), ())
    trials.until("Idle", 2)


def test_an_act_is_carried_out_once() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    trials.act("pause")
    trials.acts -= 1
    trials.act("pause")
    assert trials.told.count("Act") == 1


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_an_act_that_makes_no_sense_is_refused_and_changes_nothing(verb: Any) -> None:
    trials = Trials()
    trials.until("Canary", 1)
    before = trials.state
    trials.act(verb)
    assert "ActRefused" in trials.told
    assert (trials.place, trials.state.since) == (("Canary", 1), before.since)


def test_an_act_about_another_bundle_is_refused() -> None:
    trials = Trials()
    trials.until("Canary", 1)
    trials.act("abort", digest=C.digest)
    assert "ActRefused" in trials.told
    assert trials.place == ("Canary", 1)
