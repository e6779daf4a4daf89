"""A trial that is tried call by call: what is seen is said, time is passed by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from weld_api.action import RolloutAction, Verb
from weld_api.rollout import Rollout
from weld_api.rollout_status import GateVerdict, RolloutStatus
from weld_api.status import BundleReference
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout.advance import advance
from weld_operator.domain.rollout.trial import Advance, Memory, Sight, gates_of, is_measured

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
A, B, C = (
    BundleReference(version=f"{number}.0.0", digest=letter * 64) for number, letter in ((1, "a"), (2, "b"), (3, "c"))
)

ERRORS = {"name": "errors", "errorRate": {"max": 0.001}}
SPEED = {"name": "speed", "latency": {}}
STEPS = [{"weight": 10, "hold": "1m"}, {"weight": 50, "hold": "2m", "gates": [SPEED]}]


def rollout(**changes: Any) -> Rollout:
    """Shadow of 5 minutes, then 10 % and 50 %; a gate of its own at the second step."""
    body: dict[str, Any] = {
        "shadow": {"for": "5m", "minReadings": 100},
        "steps": STEPS,
        "gates": [ERRORS],
        "deadline": {"per": "1h", "then": "Rollback"},
    }
    return Rollout.model_validate({name: value for name, value in (body | changes).items() if value is not None})


def verdict(gate: str, says: GateVerdict) -> Verdict:
    return Verdict(gate, says, "Told", f"{gate} says {says}")


@dataclass
class Trials:
    """One WeldModel's trials. The cluster shows what was last asked of it, and everything is in order, unless said."""

    spec: Rollout | None = field(default_factory=rollout)
    now: datetime = START
    memory: Memory = field(default_factory=Memory)
    sight: Sight = field(
        default_factory=lambda: Sight(
            asked=B, stable=A, exists=True, is_ready=True, can_take_all=True, answers=True, weight=0, compared=1_000
        )
    )
    says: GateVerdict = "Pass"
    """Of every gate, whenever they are judged."""
    told: list[str] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)
    acts: int = 0

    def step(self, **seen: Any) -> Advance:
        """One call; the share that it asks for is in force at the next one."""
        self.sight = replace(self.sight, **seen)
        sight = self.sight
        state = self.memory.rollout
        if "verdicts" not in seen:
            judged = {}
            if (
                self.spec is not None
                and state is not None
                and is_measured(state)
                and state.step <= len(self.spec.steps)
            ):
                judged = {gate.name: verdict(gate.name, self.says) for gate in gates_of(self.spec, state)}
            sight = replace(sight, verdicts=judged or None)
        found = advance(self.spec, self.memory, sight, self.now)
        assert found == advance(self.spec, self.memory, sight, self.now)
        self.memory = found.memory
        self.told += [each.reason for each in found.happenings]
        self.shares.append(found.weight)
        self.sight = replace(self.sight, weight=found.weight, action=None)
        if found.promotes:
            self.sight = replace(self.sight, stable=self.sight.asked, weight=None)
        return found

    def wait(self, seconds: float, every: float = 10, **seen: Any) -> Advance:
        """Calls for so long."""
        found = self.step(**seen)
        for _ in range(int(seconds // every)):
            self.now += timedelta(seconds=every)
            found = self.step()
        return found

    def act(self, verb: Verb, digest: str = B.digest) -> Advance:
        self.acts += 1
        action = RolloutAction(id=str(self.acts), verb=verb, digest=digest, by="ana", why="as agreed", at=self.now)
        return self.step(action=action)

    @property
    def state(self) -> RolloutStatus:
        assert self.memory.rollout is not None
        return self.memory.rollout

    @property
    def place(self) -> tuple[str, int]:
        return self.state.phase, self.state.step

    def until(self, phase: str, step: int = 0, seconds: float = 3_600) -> None:
        """Calls until it is there."""
        for _ in range(int(seconds // 5)):
            if self.memory.rollout is not None and self.place == (phase, step):
                return
            self.step()
            self.now += timedelta(seconds=5)
        raise AssertionError(f"it is in {self.place} after {seconds} s: {self.state.message}")
