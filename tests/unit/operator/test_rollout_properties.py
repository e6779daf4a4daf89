"""What holds for every decision with a rollout, whatever the gates say, people do and the cluster comes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.unit.operator.cluster_objects import NOW, URL, digest, revision_of, route_to, seen, subject
from tests.unit.operator.rollouts import ROLLOUT
from weld_api.action import RolloutAction, Verb
from weld_api.rollout import Rollout
from weld_api.rollout_status import GateVerdict
from weld_api.status import WeldModelStatus
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.observation import Observation
from weld_operator.domain.subject import Subject

LETTERS = st.sampled_from("abc")
WITHOUT_SHADOW = {**ROLLOUT, "shadow": None, "gates": ROLLOUT["gates"][:1]}
EDITS = (ROLLOUT, WITHOUT_SHADOW, {**ROLLOUT, "approval": "Manual"}, {**ROLLOUT, "steps": ROLLOUT["steps"][1:]}, None)
GATES = ("errors", "agreement")


class Trials(RuleBasedStateMachine):
    """Every rule is a turn of things, and each is followed by a decision whose writes may be lost."""

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.asked = "a"
        self.rollout: Rollout | None = Rollout.model_validate(ROLLOUT)
        self.status = WeldModelStatus()
        self.available: dict[str, int] = {}
        self.weights: dict[str, int] | None = None
        self.action: RolloutAction | None = None
        self.acts = 0
        for _ in range(3):
            self._decide()
            self.available = dict.fromkeys(self.available, 2)

    @rule(letter=LETTERS)
    def ask_for(self, letter: str) -> None:
        self.asked = letter
        self._decide()

    @rule(edit=st.sampled_from(EDITS))
    def edit_the_rollout(self, edit: object) -> None:
        self.rollout = None if edit is None else Rollout.model_validate(edit)
        self._decide()

    @rule(letter=LETTERS, available=st.integers(0, 4))
    def replicas_change(self, letter: str, available: int) -> None:
        if letter in self.available:
            self.available[letter] = available
        self._decide()

    @rule(letter=LETTERS)
    def somebody_deletes_a_revision(self, letter: str) -> None:
        self.available.pop(letter, None)
        self._decide()

    @rule()
    def somebody_deletes_the_route(self) -> None:
        self.weights = None
        self._decide()

    @rule(verb=st.sampled_from(["promote", "pause", "resume", "abort", "retry"]))
    def somebody_acts(self, verb: Verb) -> None:
        self.acts += 1
        about = digest(self.asked)
        self.action = RolloutAction(id=str(self.acts), verb=verb, digest=about, by="ann", why="so", at=self.now)
        self._decide()

    @rule(says=st.tuples(*[st.sampled_from(["Pass", "Fail", "InsufficientEvidence"])] * 2))
    def gates_are_judged(self, says: tuple[GateVerdict, GateVerdict]) -> None:
        self._judge(dict(zip(GATES, says, strict=True)))

    @rule(turns=st.integers(1, 12))
    def all_goes_well(self, turns: int) -> None:
        for _ in range(turns):
            self.now += timedelta(seconds=30)
            self.available = dict.fromkeys(self.available, 2)
            self._judge(dict.fromkeys(GATES, "Pass"))

    @rule(seconds=st.sampled_from([1, 30, 61, 700]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self._decide()

    @rule(is_routed=st.booleans())
    def the_operator_is_killed(self, is_routed: bool) -> None:
        self._decide(is_routed=is_routed, is_remembered=False)

    def _judge(self, says: dict[str, GateVerdict]) -> None:
        verdicts = {name: Verdict(name, said, "Played", "as played") for name, said in says.items()}
        self._decide(verdicts)

    def _subject(self) -> Subject:
        about = subject(self.asked)
        assert about.spec is not None
        spec = about.spec.model_copy(update={"rollout": self.rollout})
        return replace(about, spec=spec, status=self.status, action=self.action)

    def _decide(
        self, verdicts: dict[str, Verdict] | None = None, *, is_routed: bool = True, is_remembered: bool = True
    ) -> None:
        about = self._subject()
        observation = Observation(
            {revision_of(letter): seen(letter, available=n) for letter, n in self.available.items()},
            None if self.weights is None else route_to(*(name[-1] for name in self.weights)),
            self.weights,
            verdicts=verdicts,
            compared=10_000,
        )
        decision = decide(about, observation, URL, self.now)
        assert decide(about, observation, URL, self.now) == decision
        self._check(about, observation, decision)
        for each in (decision.stable, decision.candidate):
            if each is not None:
                self.available.setdefault(each.name[-1], 0)
        if is_routed and decision.stable is not None:
            self.weights = _weights(decision)
        if is_remembered:
            self.status = decision.status
            self.available = {letter: n for letter, n in self.available.items() if revision_of(letter) in decision.kept}

    def _check(self, about: Subject, observation: Observation, decision: Decision) -> None:
        before, after = about.status, decision.status
        phases = [each.phase for each in after.revisions]
        assert phases.count("Stable") <= 1
        assert phases.count("Pending") <= 1
        assert 0 <= decision.weight <= 100
        assert sum(_weights(decision).values()) == (0 if decision.stable is None else 100)
        assert all("rollout" not in each.spec for each in after.revisions)
        assert len(after.model_dump_json(exclude_none=True).encode()) < 32 * 1024
        if before.stable is None:
            return
        assert after.stable is not None, "there is always one to answer"
        if after.stable != before.stable:
            assert after.stable.digest == digest(self.asked), "only what is asked for becomes stable"
            trial = before.rollout
            is_passed = trial is not None and trial.phase == "Promoting" and trial.digest == after.stable.digest
            assert is_passed or self.rollout is None, "and only when every gate had passed"
        self._check_going_back(before, observation, decision)

    def _check_going_back(self, before: WeldModelStatus, observation: Observation, decision: Decision) -> None:
        trial, after = before.rollout, decision.status
        if trial is not None and trial.phase in ("RollingBack", "RolledBack", "Failed", "Shadow") and self.rollout:
            assert decision.weight == 0, f"{trial.phase} gets no requests"
        is_rejected = any(each.digest == digest(self.asked) for each in before.rejected)
        was_retried = self.action is not None and self.action.verb == "retry" and self.action.id != before.last_action
        is_over = trial is None or trial.phase != "RollingBack"
        if is_rejected and is_over and not was_retried:
            assert decision.candidate is None, "a rejected bundle is not tried again"
            assert any(each.digest == digest(self.asked) for each in after.rejected)
        if decision.candidate is not None and not observation.available_replicas(decision.candidate.name):
            assert decision.weight == 0, "what does not answer gets no requests"


def _weights(decision: Decision) -> dict[str, int]:
    if decision.stable is None:
        return {}
    weights = {decision.stable.name: 100 - decision.weight}
    if decision.candidate is not None and decision.weight > 0:
        weights[decision.candidate.name] = decision.weight
    return {name: weight for name, weight in weights.items() if weight > 0}


Trials.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTrials = Trials.TestCase
