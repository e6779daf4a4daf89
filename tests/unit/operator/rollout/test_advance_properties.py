"""Whatever arrives, in whatever order: what is never done, and what is always reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.operator.rollout.trials import STEPS, A, B, C, Trials, rollout, verdict
from weld_api.rollout_status import GateVerdict
from weld_operator.domain.rollout.trial import Advance, Memory, gates_of

SPECS = [
    rollout(),
    rollout(shadow=None),
    rollout(steps=[]),
    rollout(approval="Manual"),
    rollout(deadline={"per": "1m", "then": "Hold"}),
    rollout(steps=[{"weight": 20, "hold": "1s"}, STEPS[1]], deadline={"per": "1m", "then": "Rollback"}),
    None,
]
SIGHTS = st.fixed_dictionaries(
    {},
    optional={
        "exists": st.booleans(),
        "is_ready": st.booleans(),
        "can_take_all": st.booleans(),
        "answers": st.booleans(),
        "stable_answers": st.booleans(),
        "fault": st.sampled_from(["", "", "", "it does not start"]),
        "compared": st.sampled_from([0, 1_000]),
        "asked": st.sampled_from([A, B, B, B, C]),
    },
)
VERBS = st.sampled_from(["promote", "pause", "resume", "abort", "retry"])
VERDICTS: st.SearchStrategy[GateVerdict] = st.sampled_from(["Pass", "Pass", "Pass", "InsufficientEvidence", "Fail"])
MOMENTS = st.lists(
    st.tuples(
        SIGHTS,
        VERDICTS,
        st.sampled_from([0, 1, 30, 120, 4_000]),
        st.one_of(st.none(), st.none(), st.none(), VERBS),
        st.one_of(st.none(), st.none(), st.sampled_from(range(len(SPECS)))),
        st.booleans(),
    ),
    max_size=40,
)

NOTHING_GOES_THERE = ("Idle", "Shadow", "RollingBack", "RolledBack", "Failed")
ON_THE_WAY = ("Promoting", "Paused")


def play(trials: Trials, moment: Any) -> Advance:
    seen, says, seconds, verb, spec, is_lost = moment
    if spec is not None:
        trials.spec = SPECS[spec]
    trials.says = says
    trials.now += timedelta(seconds=seconds)
    state = trials.memory.rollout
    trials.sight = replace(trials.sight, **seen)
    if verb is not None and state is not None:
        return trials.act(verb, digest=state.digest)
    before = trials.memory
    found = trials.step()
    if is_lost and not found.promotes:
        # A crash after the objects and before the status: the same moment is seen again.
        trials.memory = before
    return found


@settings(max_examples=150, deadline=None)
@given(MOMENTS)
def test_whatever_arrives_nothing_untrusted_gets_requests_and_a_way_out_is_left(moments: list[Any]) -> None:
    trials = Trials()
    for moment in moments:
        was = trials.memory
        found = play(trials, moment)
        assert 0 <= found.weight <= 100
        assert_share_follows_from(was, trials, found)
        assert_promoted_from_promoting_alone(was, trials, found)
        if moment[3] != "retry":
            assert_still_rejected(was, trials)
    assert_a_way_out(trials)


def assert_share_follows_from(was: Memory, trials: Trials, found: Advance) -> None:
    state = was.rollout
    if state is None or state.digest != trials.sight.asked.digest or state.phase in NOTHING_GOES_THERE:
        assert found.weight == 0


def assert_promoted_from_promoting_alone(was: Memory, trials: Trials, found: Advance) -> None:
    """And there every gate had passed."""
    state, after = was.rollout, found.memory.rollout
    if found.promotes and trials.spec is not None:
        assert state is not None
        assert (state.phase, state.digest) == ("Promoting", trials.sight.asked.digest)
    enters = after is not None and after.phase == "Promoting" and (state is None or state.phase not in ON_THE_WAY)
    if enters and after is not None and trials.spec is not None:
        assert {each.verdict for each in after.evidence} <= {"Pass"}
        assert {gate.name for gate in gates_of(trials.spec, after)} == {each.gate for each in after.evidence}


def assert_still_rejected(was: Memory, trials: Trials) -> None:
    """As long as the spec asks for it."""
    asked = trials.sight.asked.digest
    if any(each.digest == asked for each in was.rejected):
        assert any(each.digest == asked for each in trials.memory.rejected) or trials.sight.stable == trials.sight.asked


def assert_a_way_out(trials: Trials) -> None:
    """From wherever it is, another bundle whose gates all pass is promoted in the end."""
    trials.says = "Pass"
    trials.spec = rollout()
    target = C if trials.sight.stable != C else B
    trials.sight = replace(
        trials.sight, asked=target, exists=True, is_ready=True, can_take_all=True, answers=True, stable_answers=True,
        fault="", compared=1_000, action=None,
    )  # fmt: skip
    for _ in range(2_000):
        if trials.sight.stable == target:
            return
        if trials.memory.rollout is not None and trials.memory.rollout.phase == "Paused":
            trials.act("resume", digest=target.digest)
        trials.step()
        if trials.memory.rollout is not None and trials.memory.rollout.phase == "RolledBack":
            trials.act("retry", digest=target.digest)
        trials.now += timedelta(seconds=5)
    raise AssertionError(f"no way out of {trials.memory.rollout}")


@settings(max_examples=80, deadline=None)
@given(MOMENTS)
def test_once_it_rolls_back_the_candidate_gets_nothing_whatever_arrives(moments: list[Any]) -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(20)
    trials.says = "Fail"
    trials.step()
    assert trials.state.phase == "RollingBack"
    for seen, says, seconds, _, _, is_lost in moments:
        found = play(trials, ({**seen, "asked": B}, says, seconds, None, None, is_lost))
        assert found.weight == 0
        assert not found.promotes
        assert trials.state.phase in ("RollingBack", "RolledBack")


@settings(max_examples=80, deadline=None)
@given(MOMENTS)
def test_no_gate_that_is_not_passed_is_passed_by(moments: list[Any]) -> None:
    """Evidence that never suffices promotes nothing, whatever people do and whatever dies, while there is a rollout."""
    trials = Trials()
    for seen, _, seconds, verb, spec, is_lost in moments:
        kept = spec if spec is not None and SPECS[spec] is not None else None
        found = play(trials, ({**seen, "asked": B}, "InsufficientEvidence", seconds, verb, kept, is_lost))
        assert not found.promotes
        state = trials.memory.rollout
        assert state is None or state.step <= 1


def test_a_verdict_of_an_earlier_look_is_no_verdict_now() -> None:
    trials = Trials()
    trials.until("Canary", 2)
    trials.wait(20)
    trials.now += timedelta(hours=1)
    trials.step(verdicts={"errors": verdict("errors", "Pass"), "speed": verdict("speed", "InsufficientEvidence")})
    assert trials.place == ("Canary", 2)
