"""What holds for every decision, whatever the users ask for and whatever happens to the cluster."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.operator.cluster_objects import (
    NOW,
    URL,
    desired,
    revision_of,
    route_to,
    routed,
    seen,
    subject,
    weighed,
)
from weld_api.status import Revision
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.observation import Observation
from weld_operator.domain.revisions import MOST_RETIRING

LETTERS = st.sampled_from("abcd")


class Rollouts(RuleBasedStateMachine):
    """Users change their minds, replicas come and go, objects are deleted, status and writes get lost."""

    @initialize(letter=LETTERS)
    def begin(self, letter: str) -> None:
        self.asked = letter
        self.now = NOW
        self.revisions: tuple[Revision, ...] = ()
        self.available: dict[str, int] = {}
        self.routed: tuple[str, ...] = ()
        self.was_stable = False
        self.decision: Decision | None = None

    @rule(letter=LETTERS)
    def ask_for(self, letter: str) -> None:
        self.asked = letter

    @rule(letter=LETTERS, available=st.integers(0, 3))
    def replicas_change(self, letter: str, available: int) -> None:
        if letter in self.available:
            self.available[letter] = available

    @rule(letter=LETTERS)
    def somebody_deletes_a_revision(self, letter: str) -> None:
        self.available.pop(letter, None)

    @rule()
    def somebody_deletes_the_route(self) -> None:
        self.routed = ()

    @rule(seconds=st.sampled_from([1, 20, 61, 400]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_operator_decides(self) -> None:
        self._decide(route_is_written=True, status_is_written=True)

    @rule()
    def the_operator_is_killed_before_the_status_is_written(self) -> None:
        self._decide(route_is_written=True, status_is_written=False)

    @rule()
    def the_route_cannot_be_written(self) -> None:
        self._decide(route_is_written=False, status_is_written=True)

    @precondition(lambda self: self.decision is not None)
    @rule()
    def the_status_is_lost(self) -> None:
        self.revisions = ()

    def _decide(self, *, route_is_written: bool, status_is_written: bool) -> None:
        observation = self._observation()
        about = subject(self.asked, *self.revisions)
        decision = decide(about, observation, URL, self.now)
        assert decide(about, observation, URL, self.now) == decision
        self._check(decision, observation, status_is_known=bool(self.revisions))
        self.decision = decision
        if route_is_written:
            self.routed = tuple(routed(decision))
        for revision in desired(decision):
            self.available.setdefault(revision.name[-1], 0)
        if status_is_written:
            self.revisions = decision.status.revisions
            self.available = {letter: n for letter, n in self.available.items() if revision_of(letter) in decision.kept}

    def _observation(self) -> Observation:
        return Observation(
            {revision_of(letter): seen(letter, available=n) for letter, n in self.available.items()},
            route_to(*self.routed) if self.routed else None,
            weighed(**dict.fromkeys(self.routed, 100)) if self.routed else None,
        )

    def _check(self, decision: Decision, observation: Observation, *, status_is_known: bool) -> None:
        phases = [revision.phase for revision in decision.status.revisions]
        assert phases.count("Stable") <= 1
        assert phases.count("Pending") <= 1
        assert phases.count("Retiring") <= MOST_RETIRING + len(self.routed)
        names = [revision.name for revision in decision.status.revisions]
        assert len(names) == len(set(names))
        assert set(names) == decision.kept
        assert {each.name for each in desired(decision)} <= decision.kept
        assert revision_of(self.asked) in decision.kept, "what is asked for is made"
        # Exactly one backend once something is stable, and it is one that exists or is rebuilt.
        shares = routed(decision)
        assert list(shares.values()) == [100] * phases.count("Stable")
        assert all(revision_of(letter) in decision.kept for letter in shares)
        self._check_stable(decision, observation, status_is_known=status_is_known)

    def _check_stable(self, decision: Decision, observation: Observation, *, status_is_known: bool) -> None:
        before = {revision.name: revision for revision in self.revisions}
        stable_before = next((each.name for each in self.revisions if each.phase == "Stable"), None)
        stable_after = next((each.name for each in decision.status.revisions if each.phase == "Stable"), None)
        if stable_before is not None:
            assert stable_after is not None, "there is always one to answer"
        if status_is_known and stable_after != stable_before:
            assert stable_after == revision_of(self.asked), "only what is asked for becomes stable"
            assert observation.available_replicas(stable_after) > 0, "and only when it can answer"
            answering = observation.ready_replicas(stable_before) if stable_before else 0
            assert answering == 0 or observation.revisions[stable_after].is_ready(2)
        for letter in self.routed:
            exists = revision_of(letter) in observation.revisions
            known = revision_of(letter) in before
            assert not (exists and known) or revision_of(letter) in decision.kept, "nothing that answers is removed"

    @invariant()
    def the_status_can_be_stored(self) -> None:
        if getattr(self, "decision", None) is not None:
            assert self.decision is not None
            assert len(self.decision.status.model_dump_json()) < 32 * 1024


Rollouts.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestRollouts = Rollouts.TestCase
