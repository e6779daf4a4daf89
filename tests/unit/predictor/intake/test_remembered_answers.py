"""Answers by memory: what fails leaves nothing behind, and no answer is carried from a reading that has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.predictor.cards import card
from weld_predictor.decision import Decision
from weld_predictor.intake.arrays import ArrayMemory
from weld_predictor.intake.compiled import CompiledMemory
from weld_predictor.intake.flags import Bounds, Flag
from weld_predictor.intake.memory import SensorMemory
from weld_predictor.intake.policy import Policy, Sampling
from weld_predictor.intake.readings import Readings, join
from weld_predictor.passes import Assessor

NOW = 1_700_000_000_000
BOUNDS = Bounds.of(card(2), timedelta(seconds=1), timedelta(milliseconds=20))
SECOND = Policy(sampling=Sampling.EVERY_NTH, every=2)
every_memory = pytest.mark.parametrize("make", [ArrayMemory, CompiledMemory])
Make = Callable[[Policy], SensorMemory]
Floats = NDArray[np.float32]


class EstimatorError(Exception):
    pass


class Estimator:
    """Answers with the first feature; fails on those above 0.9, has no answer to those below -0.9."""

    def __init__(self) -> None:
        self.scored = 0

    def __call__(self, features: Floats) -> Floats:
        self.scored += len(features)
        if (features[:, 0] > 0.9).any():
            raise EstimatorError
        return np.where(features[:, 0] < -0.9, np.float32(np.nan), features[:, 0])


def reading(time: int, first: float, sensor: int = 1) -> Readings:
    return Readings(np.array([[first, 0]], np.float32), np.array([sensor]), np.array([NOW + time]))


def assess(assessor: Assessor, *readings: Readings) -> list[tuple[float, int, int]]:
    answer, _ = assessor.answer(join(readings), NOW + 100)
    return list(zip(answer.risk.tolist(), answer.decision.tolist(), answer.flags.tolist(), strict=True))


@every_memory
def test_a_pass_that_raises_leaves_no_answer_behind(make: Make) -> None:
    assessor = Assessor(BOUNDS, 0.5, Estimator(), make(SECOND))
    with pytest.raises(EstimatorError):
        assess(assessor, reading(0, 0.25), reading(1, 0.95), reading(1, 0.95, sensor=2))
    assert assessor.memory is not None
    assert assessor.memory.sensors == 0
    assert assess(assessor, reading(0, 0.75)) == [(0.75, Decision.AT_RISK, 0)]


@every_memory
def test_what_the_estimator_has_no_answer_to_is_neither_repeated_nor_carried(make: Make) -> None:
    estimator = Estimator()
    assessor = Assessor(BOUNDS, 0.5, estimator, make(SECOND))
    answers = assess(
        assessor, reading(0, -0.95), reading(0, 0.25), reading(1, -0.95), reading(2, -0.95), reading(3, 0.75)
    )
    unanswered = (1.0, Decision.AT_RISK, Flag.NOT_SCORED)
    assert answers == [unanswered, (0.25, Decision.SOUND, 0), (0.25, Decision.SOUND, Flag.CARRIED), unanswered,
                       (0.75, Decision.AT_RISK, 0)]  # fmt: skip
    assert assess(assessor, reading(2, 0.125)) == [(0.125, Decision.SOUND, Flag.LATE)]


@every_memory
def test_failures_without_end_are_all_answered_as_not_scored(make: Make) -> None:
    estimator = Estimator()
    assessor = Assessor(BOUNDS, 0.5, estimator, make(Policy()))
    answers = assess(assessor, *(reading(0, -0.95) for _ in range(200)), reading(0, 0.25), reading(0, 0.75))
    assert answers[:200] == [(1.0, Decision.AT_RISK, Flag.NOT_SCORED)] * 200
    assert answers[200:] == [(0.25, Decision.SOUND, 0)] * 2
    assert estimator.scored < 1000


@every_memory
def test_a_decision_is_carried_with_its_risk(make: Make) -> None:
    assessor = Assessor(BOUNDS, 0.5, Estimator(), make(SECOND))
    answers = assess(assessor, reading(0, 0.75), reading(1, 0.125), reading(2, 0.125))
    assert answers == [
        (0.75, Decision.AT_RISK, 0),
        (0.75, Decision.AT_RISK, Flag.CARRIED),
        (0.125, Decision.SOUND, 0),
    ]


@every_memory
def test_a_reading_far_out_of_range_or_ahead_of_time_is_scored_on_its_own(make: Make) -> None:
    assessor = Assessor(BOUNDS, 0.5, Estimator(), make(SECOND))
    assess(assessor, reading(0, 0.25))
    bad = replace(reading(1, 0.5), features=np.array([[0.5, 7]], np.float32))
    assert assess(assessor, bad, reading(10_000, 0.125), reading(2, 0.375)) == [
        (0.5, Decision.AT_RISK, Flag.OUT_OF_RANGE),
        (0.125, Decision.SOUND, Flag.AHEAD),
        (0.375, Decision.SOUND, 0),
    ]


@settings(deadline=None, max_examples=300)
@example([(3, 0, -0.95), (3, 1, 0.25), (3, 2, -0.95)], [1], SECOND)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 20), st.sampled_from([0.25, 0.5, 0.75, -0.95, np.nan, 5.0 / 8])),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.integers(1, 29), max_size=4),
    st.sampled_from([Policy(), SECOND, Policy(sampling=Sampling.ON_CHANGE, dead_bands=((0, 0.25),))]),
)
def test_answers_are_the_same_however_readings_are_cut_into_passes(
    stream: list[Any], cuts: list[int], policy: Policy
) -> None:
    given_readings = [reading(time, first, sensor) for sensor, time, first in stream]
    wholes = [assess(Assessor(BOUNDS, 0.5, Estimator(), make(policy)), *given_readings) for make in MAKES]
    parts: list[tuple[float, int, int]] = []
    assessor = Assessor(BOUNDS, 0.5, Estimator(), CompiledMemory(policy))
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for start, stop in pairwise(bounds):
        parts += assess(assessor, *given_readings[start:stop])
    assert wholes == [parts, parts]


MAKES: list[Make] = [ArrayMemory, CompiledMemory]
