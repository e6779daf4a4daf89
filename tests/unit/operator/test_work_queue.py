"""No key is lost, none is worked on twice at once, and a burst is one piece of work."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from weld_operator.adapters.clock import SystemClock
from weld_operator.work_queue import Backoff, Schedule, WorkQueue

KEYS = st.sampled_from("abc")


def test_a_key_that_is_added_often_is_taken_once() -> None:
    schedule: Schedule[str] = Schedule()
    for _ in range(100):
        schedule.add("a", 0)
    assert schedule.take(0) == "a"
    assert schedule.take(0) is None


def test_keys_are_taken_in_the_order_in_which_they_are_due() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("late", 3)
    schedule.add("first", 1)
    schedule.add("second", 1)
    assert [schedule.take(3) for _ in range(3)] == ["first", "second", "late"]


def test_a_key_is_not_taken_before_it_is_due() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 5)
    assert schedule.take(4.9) is None
    assert schedule.next_due() == 5
    assert schedule.take(5) == "a"


def test_the_earlier_of_two_times_counts() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 600)
    schedule.add("a", 1)
    schedule.add("a", 300)
    assert schedule.take(1) == "a"
    schedule.done("a")
    assert schedule.take(1000) is None


def test_a_key_that_is_added_while_in_work_is_taken_again_afterwards() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0)
    schedule.take(0)
    schedule.add("a", 0)
    assert schedule.take(0) is None
    schedule.done("a")
    assert schedule.take(0) == "a"


class Scheduling(RuleBasedStateMachine):
    """Adds, takes and ends work in any order, and compares with a model that is plainly right."""

    taken = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.schedule: Schedule[str] = Schedule()
        self.now = 0.0
        self.expected: dict[str, float] = {}
        self.working: set[str] = set()

    @rule(key=KEYS, after=st.integers(0, 5))
    def add(self, key: str, after: int) -> None:
        self.schedule.add(key, self.now + after)
        self.expected[key] = min(self.now + after, self.expected.get(key, self.now + after))

    @rule(target=taken)
    def take(self) -> str:
        key = self.schedule.take(self.now)
        due = {each for each, when in self.expected.items() if when <= self.now and each not in self.working}
        if key is None:
            assert not due, "a key that is due is not lost"
            return ""
        assert key in due
        self.working.add(key)
        del self.expected[key]
        return key

    @rule(key=consumes(taken))
    def done(self, key: str) -> None:
        if key:
            self.schedule.done(key)
            self.working.discard(key)

    @rule(seconds=st.integers(1, 5))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def everything_is_known(self) -> None:
        assert len(self.schedule) == len(self.expected)
        assert self.schedule.in_work == self.working
        waiting = [when for key, when in self.expected.items() if key not in self.working]
        due = self.schedule.next_due()
        assert (due is None) <= (not waiting), "somebody would wait for ever"
        if waiting and due is not None:
            assert due <= min(waiting)


Scheduling.TestCase.settings = settings(max_examples=100, deadline=None)
TestScheduling = Scheduling.TestCase


@given(failures=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_delay_after_failures_is_bounded(failures: int, chance: float) -> None:
    backoff = Backoff(first=0.5, longest=30)
    assert 0.25 <= backoff.delay(failures, chance) <= 30
    assert backoff.delay(failures, chance) <= backoff.delay(failures + 1, chance)


@dataclass
class _Work:
    """Workers at one queue, and what they saw."""

    queue: WorkQueue[str]
    at_once: dict[str, int] = field(default_factory=dict)
    most_at_once: int = 0
    done: list[str] = field(default_factory=list)

    async def work(self) -> None:
        while True:
            key = await self.queue.take()
            self.at_once[key] = self.at_once.get(key, 0) + 1
            assert self.at_once[key] == 1
            self.most_at_once = max(self.most_at_once, sum(self.at_once.values()))
            await asyncio.sleep(0)
            self.at_once[key] -= 1
            self.done.append(key)
            self.queue.done(key)


async def test_several_keys_are_worked_on_at_once_but_each_by_one_worker() -> None:
    work = _Work(WorkQueue(SystemClock(), random.Random(1)))
    async with asyncio.TaskGroup() as tasks:
        workers = [tasks.create_task(work.work()) for _ in range(3)]
        for _ in range(20):
            for key in "abcd":
                work.queue.add(key)
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(work.queue) == 0
        for worker in workers:
            worker.cancel()
    assert set(work.done) == set("abcd")
    assert work.most_at_once > 1
    assert len(work.done) < 80, "bursts are one piece of work"


async def test_a_delayed_key_comes_by_itself() -> None:
    queue: WorkQueue[str] = WorkQueue(SystemClock())
    queue.add("a", 0.01)
    assert await queue.take() == "a"


async def test_failures_delay_the_next_attempt_until_they_are_forgotten() -> None:
    delays: list[float] = []

    class Noting(WorkQueue[str]):
        def add(self, key: str, after: float = 0.0) -> None:
            delays.append(after)
            super().add(key, after)

    queue = Noting(SystemClock(), random.Random(1))
    backoff = Backoff(first=1, longest=8)
    for _ in range(6):
        queue.add_after_failure("a", backoff)
    assert all(
        low <= delay <= high for delay, (low, high) in zip(delays, [(0.5, 1), (1, 2), (2, 4), (4, 8)], strict=False)
    )
    assert max(delays) <= 8
    queue.forget_failures("a")
    queue.add_after_failure("a", backoff)
    assert delays[-1] == pytest.approx(0.75, abs=0.25)
