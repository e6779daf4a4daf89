"""Every memory of sensors keeps the rules as plain Python does, whatever comes and however it is cut into passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from numpy.typing import NDArray

from tests.contract.plain_memory import PlainMemory
from weld_predictor.intake.arrays import ArrayMemory
from weld_predictor.intake.compiled import CompiledMemory
from weld_predictor.intake.flags import Flag
from weld_predictor.intake.memory import Recollection, SensorMemory
from weld_predictor.intake.policy import TIMES_OF_A_SENSOR, Policy, Sampling
from weld_predictor.intake.readings import Readings

MEMORIES: dict[str, Callable[[Policy], SensorMemory]] = {
    "plain": PlainMemory,
    "numpy": ArrayMemory,
    "compiled": CompiledMemory,
}
FAST = {name: make for name, make in MEMORIES.items() if name != "plain"}
every_memory = pytest.mark.parametrize("make", MEMORIES.values(), ids=list(MEMORIES))
every_fast_memory = pytest.mark.parametrize("make", FAST.values(), ids=list(FAST))
Make = Callable[[Policy], SensorMemory]

START = 1_700_000_000_000
EVERY_THIRD = Policy(sampling=Sampling.EVERY_NTH, every=3)
ON_CHANGE = Policy(
    sampling=Sampling.ON_CHANGE, dead_bands=((1, 0.125), (0, 0.5)), longest_silence=timedelta(milliseconds=500)
)
UNSCORED = Flag.NOT_FINITE | Flag.NOT_SCORED


@dataclass
class Answers:
    """What N readings were answered."""

    risk: list[float]
    flags: list[int]
    recollection: Recollection

    @property
    def scored(self) -> list[int]:
        rows: list[int] = self.recollection.rows.tolist()
        return rows


def answer(memory: SensorMemory, readings: Readings, flags: NDArray[np.uint32], now: float = 0.0) -> Answers:
    """The risk of a reading that is scored follows from its first feature."""
    own = flags.copy()
    recalled = memory.recall(readings, own, now)
    risk = np.full(len(readings), np.nan, np.float32)
    risk[recalled.rows] = score(readings.features[recalled.rows])
    memory.keep(risk)
    return Answers(risk.tolist(), own.tolist(), recalled)


def score(features: NDArray[np.float32]) -> NDArray[np.float32]:
    return (np.abs(features[:, 0]) / 4).astype(np.float32)


def one(
    memory: SensorMemory,
    time: int,
    first: float = 1.0,
    second: float = 0.0,
    *,
    sensor: int | str = 7,
    flags: int = 0,
    now: float = 0.0,
) -> tuple[float, int]:
    """Risk and flags of a single reading, sampled `time` ms after the start."""
    sensors: Any = np.array([sensor], np.int64) if isinstance(sensor, int) else np.array([sensor.encode()])
    readings = Readings(np.array([[first, second]], np.float32), sensors, np.array([START + time]))
    answers = answer(memory, readings, np.array([flags], np.uint32), now)
    return answers.risk[0], answers.flags[0]


@every_memory
def test_a_reading_that_came_before_gets_its_first_answer_again(make: Make) -> None:
    memory = make(Policy())
    assert one(memory, 0, first=1.0, flags=Flag.OUT_OF_RANGE) == (0.25, Flag.OUT_OF_RANGE)
    assert one(memory, 100, first=2.0) == (0.5, 0)
    assert one(memory, 0, first=3.0) == (0.25, Flag.OUT_OF_RANGE)
    assert one(memory, 0, first=3.0, sensor=8) == (0.75, 0)
    assert one(memory, 0, first=3.0, sensor="7") == (0.75, 0)


@every_memory
def test_in_one_pass_the_first_of_two_alike_is_scored(make: Make) -> None:
    readings = Readings(
        np.array([[1, 0], [2, 0], [3, 0]], np.float32), np.array([b"a", b"b", b"a"]), np.full(3, START, np.int64)
    )
    answers = answer(make(Policy()), readings, np.array([4, 0, 0], np.uint32))
    assert (answers.risk, answers.flags, answers.scored) == ([0.25, 0.5, 0.25], [4, 0, 4], [0, 1])


@every_memory
def test_an_answer_is_not_repeated_for_ever_to_a_clock_that_stands_still(make: Make) -> None:
    memory = make(Policy(repeat_for=timedelta(seconds=10)))
    risks = [one(memory, 0, first=1.0 + now / 100, now=now)[0] for now in (0.0, 5.0, 10.0, 10.5, 15.0)]
    assert risks == [0.25, 0.25, 0.25, pytest.approx(1.105 / 4), pytest.approx(1.105 / 4)]


@every_memory
@pytest.mark.parametrize("rejected", [False, True])
def test_a_reading_older_than_what_was_answered_is_late(make: Make, rejected: bool) -> None:
    memory = make(Policy(reject_late=rejected))
    one(memory, 100)
    flags = Flag.LATE | Flag.NOT_SCORED if rejected else Flag.LATE
    assert one(memory, 50, first=2.0) == (1.0 if rejected else 0.5, flags)
    assert one(memory, 100)[1] == 0
    assert one(memory, 150)[1] == 0


@every_memory
def test_a_time_whose_answer_is_forgotten_is_scored_as_disordered(make: Make) -> None:
    memory = make(Policy())
    for time in range(TIMES_OF_A_SENSOR + 1):
        one(memory, time)
    assert one(memory, 1, first=4.0)[0] == 0.25
    assert one(memory, 0, first=4.0) == (1.0, Flag.LATE)


@every_memory
def test_a_clock_that_is_wrong_once_makes_no_other_reading_late(make: Make) -> None:
    memory = make(Policy())
    assert one(memory, 3_600_000, first=2.0, flags=Flag.AHEAD) == (0.5, Flag.AHEAD)
    assert one(memory, 0) == (0.25, 0)
    assert one(memory, 3_600_000, first=3.0, flags=Flag.AHEAD) == (0.5, Flag.AHEAD)


@every_memory
def test_what_was_not_scored_is_scored_when_it_comes_again_intact(make: Make) -> None:
    memory = make(Policy())
    assert one(memory, 0, flags=UNSCORED) == (1.0, UNSCORED)
    assert one(memory, 0, first=2.0) == (0.5, 0)
    assert one(memory, 0, flags=UNSCORED) == (0.5, 0)


@every_memory
def test_of_every_nth_the_others_have_its_answer(make: Make) -> None:
    memory = make(EVERY_THIRD)
    answers = [one(memory, 100 * step, first=step + 1.0) for step in range(5)]
    assert answers == [(0.25, 0), (0.25, Flag.CARRIED), (0.25, Flag.CARRIED), (1.0, 0), (1.0, Flag.CARRIED)]
    assert one(memory, 200, first=9.0) == (0.25, Flag.CARRIED)
    assert one(memory, 0, first=9.0, sensor=8) == (2.25, 0)


@every_memory
def test_an_answer_is_carried_until_a_feature_leaves_its_dead_band(make: Make) -> None:
    memory = make(ON_CHANGE)
    assert one(memory, 0, 1.0, 0.0) == (0.25, 0)
    assert one(memory, 100, 1.5, -0.125) == (0.25, Flag.CARRIED)
    assert one(memory, 110, 1.5, 0.126) == (0.375, 0)
    assert one(memory, 120, 1.0, 0.126) == (0.375, Flag.CARRIED)
    assert one(memory, 130, 0.99, 0.126)[1] == 0


@every_memory
@pytest.mark.parametrize("policy", [EVERY_THIRD, ON_CHANGE])
def test_no_answer_is_carried_beyond_the_longest_silence(make: Make, policy: Policy) -> None:
    memory = make(replace(policy, longest_silence=timedelta(milliseconds=500)))
    one(memory, 0)
    assert one(memory, 499)[1] == Flag.CARRIED
    assert one(memory, 500)[1] == 0


@every_memory
@pytest.mark.parametrize("policy", [EVERY_THIRD, ON_CHANGE])
@pytest.mark.parametrize("flags", [UNSCORED, Flag.OUT_OF_RANGE, Flag.NO_COUPLING, Flag.AHEAD, Flag.UNKNOWN_SENSOR])
def test_nothing_is_carried_to_or_across_a_reading_that_is_not_sound(make: Make, policy: Policy, flags: int) -> None:
    memory = make(policy)
    one(memory, 0)
    assert one(memory, 100, flags=flags)[1] == flags
    assert one(memory, 200)[1] == 0
    assert one(memory, 300)[1] == Flag.CARRIED


@every_memory
def test_nothing_is_carried_to_a_reading_that_is_disordered_or_as_old_as_the_newest(make: Make) -> None:
    memory = make(EVERY_THIRD)
    one(memory, 100)
    assert one(memory, 50)[1] == Flag.LATE
    assert one(memory, 100, now=60.0)[1] == 0
    assert one(memory, 200, now=60.0)[1] == Flag.CARRIED


@every_memory
def test_nothing_is_remembered_of_nobody_or_of_no_time(make: Make) -> None:
    memory = make(EVERY_THIRD)
    risks = [one(memory, 0, first=first, sensor="-")[0] for first in (1.0, 2.0)]
    readings = Readings(
        np.array([[1, 0], [2, 0]], np.float32), np.array([3, 3]), np.full(2, START), untimed=np.array([True, True])
    )
    answers = answer(memory, readings, np.zeros(2, np.uint32))
    assert risks == answers.risk == [0.25, 0.5]
    assert memory.sensors == 0
    assert one(memory, 0, first=3.0, sensor="--")[0] == 0.75
    assert memory.sensors == 1


@every_memory
def test_a_pass_that_fails_leaves_nothing_behind(make: Make) -> None:
    memory = make(EVERY_THIRD)
    one(memory, 0)
    readings = Readings(np.ones((3, 2), np.float32), np.array([7, 7, 8]), START + np.array([100, 200, 0]))
    memory.recall(readings, np.zeros(3, np.uint32), 0.0)
    memory.forget()
    assert memory.sensors == 1
    assert one(memory, 200, first=3.0) == (0.25, Flag.CARRIED)
    assert one(memory, 100, first=3.0) == (0.75, Flag.LATE)


@every_memory
def test_sensors_beyond_the_most_are_scored_and_the_longest_silent_make_room(make: Make) -> None:
    memory = make(Policy(most_sensors=2))
    for sensor in (1, 2):
        one(memory, 0, sensor=sensor, now=sensor)
    assert one(memory, 0, first=2.0, sensor=3, now=3) == (0.5, 0)
    assert (memory.sensors, memory.forgotten) == (2, 0)
    assert one(memory, 0, first=3.0, sensor=3, now=4) == (0.75, 0)
    assert (memory.sensors, memory.forgotten) == (2, 1)
    assert one(memory, 0, first=9.0, sensor=2, now=4)[0] == 0.25
    assert one(memory, 0, first=9.0, sensor=3, now=4)[0] == 0.75


@every_fast_memory
def test_a_million_sensors_fit_into_200_mb(make: Make) -> None:
    bands = tuple((column, 1.0) for column in range(8))
    memory = make(Policy(sampling=Sampling.ON_CHANGE, dead_bands=bands))
    assert memory.bytes_at(1_000_000) <= 200_000_000
    assert memory.bytes_at(0) < 20_000_000


@every_fast_memory
def test_many_sensors_are_told_apart(make: Make) -> None:
    source = np.random.default_rng(1)
    for numbers in (np.arange(20_000), source.integers(-(2**63), 2**63, 20_000), np.arange(20_000) << 40):
        memory = make(Policy(most_sensors=20_000))
        for sensors in (numbers, np.array([f"pipe-{number:x}" for number in numbers], np.bytes_)):
            features = source.uniform(0, 4, (20_000, 2)).astype(np.float32)
            readings = Readings(features, sensors, np.full(20_000, START))
            flags = np.zeros(20_000, np.uint32)
            first = answer(memory, readings, flags)
            again = answer(memory, replace(readings, features=features + 1), flags)
            assert len(first.scored) == 20_000
            assert again.scored == []
            assert again.risk == first.risk
            memory = make(Policy(most_sensors=20_000))


@every_fast_memory
def test_a_name_is_the_same_in_any_width(make: Make) -> None:
    memory = make(Policy())
    for width in (5, 6, 7, 8, 9, 64, 128):
        readings = Readings(np.full((1, 2), width, np.float32), np.array([b"north"], f"S{width}"), np.array([START]))
        assert answer(memory, readings, np.zeros(1, np.uint32)).risk == [5 / 4]


FLAGS = st.sampled_from(
    [0] * 12 + [int(UNSCORED), Flag.OUT_OF_RANGE, Flag.AHEAD, Flag.LATE, Flag.MISSING_CONTEXT, Flag.AHEAD | 4]
)
TIMES = st.one_of(
    st.integers(0, 20).map(lambda step: START + 100 * step),
    st.sampled_from([-(2**63), -(2**63) + 1, 0, 2**63 - 1]),
)
FEATURES = st.sampled_from([0.0, 0.0625, 0.125, 0.25, 1.0, 2.0])
STREAM = st.lists(
    st.tuples(st.integers(0, 7), TIMES, FLAGS, FEATURES, FEATURES, st.sampled_from([False] * 9 + [True])),
    min_size=1,
    max_size=40,
)
POLICIES = st.builds(
    Policy,
    sampling=st.sampled_from(Sampling),
    every=st.integers(1, 4),
    longest_silence=st.sampled_from([timedelta(milliseconds=ms) for ms in (0, 300, 100_000)]),
    dead_bands=st.sampled_from([(), ((0, 0.125),), ((1, 0.0), (0, 1.0))]),
    reject_late=st.booleans(),
    repeat_for=st.just(timedelta(seconds=10)),
    most_sensors=st.sampled_from([1, 3, 5, 20]),
)
NAMES = np.array([b"-", b"a", b"b", b"ab", b"north-line-17", b"north-line-18", b"c", b"\xc3\xa9"])


def batch(stream: list[Any], numbered: bool) -> tuple[Readings, NDArray[np.uint32]]:
    sensors, times, flags, first, second, untimed = (np.array(column) for column in zip(*stream, strict=True))
    readings = Readings(
        np.stack([first, second], axis=1).astype(np.float32),
        sensors.astype(np.int64) if numbered else NAMES[sensors],
        times.astype(np.int64),
        untimed=untimed if untimed.any() else None,
    )
    return readings, flags.astype(np.uint32)


@settings(deadline=None, max_examples=200)
@given(POLICIES, STREAM, st.booleans(), st.lists(st.integers(1, 40), max_size=5))
def test_answers_do_not_depend_on_how_readings_are_cut_into_passes(
    policy: Policy, stream: list[Any], numbered: bool, cuts: list[int]
) -> None:
    policy = replace(policy, most_sensors=20)
    readings, flags = batch(stream, numbered)
    for make in MEMORIES.values():
        whole = answer(make(policy), readings, flags)
        memory = make(policy)
        risk: list[float] = []
        own: list[int] = []
        bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
        for start, stop in pairwise(bounds):
            part = answer(memory, readings.part(start, stop), flags[start:stop])
            risk += part.risk
            own += part.flags
        assert (risk, own) == (whole.risk, whole.flags)


class Memories(RuleBasedStateMachine):
    """The fast memories beside the plain one."""

    @initialize(policy=POLICIES)
    def start(self, policy: Policy) -> None:
        self.policy = policy
        self.now = 4_294_960.0
        self.failed = 0
        self.restart()

    @rule(seconds=st.sampled_from([0.001, 0.1, 5.0, 10.5]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        self.memories = [make(self.policy) for make in MEMORIES.values()]

    @rule(stream=STREAM, numbered=st.booleans())
    def answer(self, stream: list[Any], numbered: bool) -> None:
        readings, flags = batch(stream, numbered)
        expected, *others = [answer(memory, readings, flags, self.now) for memory in self.memories]
        for other in others:
            assert other.flags == expected.flags
            assert other.scored == expected.scored
            assert other.risk == expected.risk
            assert replace(other.recollection, rows=expected.recollection.rows) == expected.recollection
        self.must_agree()

    @rule(stream=STREAM, numbered=st.booleans(), told=st.booleans())
    def fail(self, stream: list[Any], numbered: bool, told: bool) -> None:
        """`told`: that it failed; otherwise the next pass finds out."""
        readings, flags = batch(stream, numbered)
        for memory in self.memories:
            memory.recall(readings, flags.copy(), self.now)
            if told:
                memory.forget()
        if told:
            self.must_agree()

    @precondition(lambda self: hasattr(self, "memories"))
    @rule()
    def forget_nothing(self) -> None:
        for memory in self.memories:
            memory.forget()
        self.must_agree()

    def must_agree(self) -> None:
        expected, *others = self.memories
        for other in others:
            assert (other.sensors, other.forgotten) == (expected.sensors, expected.forgotten)


def test_memories_do_as_plain_python_does() -> None:
    run_state_machine_as_test(Memories, settings=settings(deadline=None, max_examples=150, stateful_step_count=25))


def test_the_compiled_memory_knows_the_flags() -> None:
    from weld_predictor.intake import _native

    for flag in (Flag.NOT_SCORED, Flag.LATE, Flag.AHEAD, Flag.CARRIED):
        assert getattr(_native, str(flag.name)) == flag
    assert max(Flag) < _native.FLAG_LIMIT
