"""The threshold is the lowest that gives the wanted precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_simulator.evaluation import performance, threshold_for
from weld_simulator.first_bundle import train

RISK = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.69995, 0.8, 0.9], dtype=np.float32)
TRUTH = np.array([0, 0, 1, 0, 1, 0, 1, 1], dtype=bool)


def test_precision_and_recall_are_counted() -> None:
    assert performance(RISK, TRUTH, 0.5) == (3 / 4, 3 / 4)
    assert performance(RISK, TRUTH, 0.75) == (1, 1 / 2)
    assert performance(RISK, TRUTH, 0.95) == (0, 0)
    assert performance(RISK, np.zeros(8, dtype=bool), 0.5) == (0, 0)


@pytest.mark.parametrize(("precision", "threshold"), [(1.0, 0.7), (0.75, 0.4001), (0.1, 0.0001)])
def test_the_threshold_finds_as_much_as_the_precision_lets_it(precision: float, threshold: float) -> None:
    assert threshold_for(RISK, TRUTH, precision) == pytest.approx(threshold)


def test_a_precision_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no threshold gives precision 0\.9 on 8 readings"):
        threshold_for(RISK, np.zeros(8, dtype=bool), 0.9)


@given(seed=st.integers(0, 2**32 - 1), precision=st.floats(0.05, 1))
def test_a_threshold_keeps_what_it_promises(seed: int, precision: float) -> None:
    draw = np.random.default_rng(seed)
    risk = draw.uniform(0, 1, 300).astype(np.float32)
    truth = draw.uniform(0, 1, 300) < risk
    try:
        threshold = threshold_for(risk, truth, precision)
    except ValueError:
        return
    assert performance(risk, truth, threshold).precision >= precision


@pytest.mark.parametrize(
    ("version", "seed", "readings", "sentence"),
    [
        ("3.0.0", 0, 60_000, "no recipe for version '3.0.0'; there is one for 1.0.0 and 1.1.0"),
        ("1.0.0", -1, 60_000, "the seed must not be negative, as -1 is"),
        ("1.0.0", 0, 100, "100 readings are too few to train on; take 6000 or more"),
    ],
)
def test_training_that_cannot_succeed_is_refused(version: str, seed: int, readings: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        train(version, seed, readings)
