"""What follows from the risk; a reading that nobody scored never looks sound."""

import numpy as np
import pytest

from weld_predictor.decision import complete, decide
from weld_predictor.intake.flags import Flag


def test_a_reading_that_was_not_scored_counts_as_at_risk() -> None:
    flags = np.array([0, Flag.NOT_SCORED | Flag.NOT_FINITE, Flag.LATE], np.uint32)
    risk, completed = complete(flags, np.array([0.25, 0.75], np.float32))
    assert risk.tolist() == [0.25, 1.0, 0.75]
    assert completed.tolist() == flags.tolist()
    assert decide(risk, 0.5).tolist() == [0, 1, 1]


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_a_reading_without_a_finite_answer_counts_as_not_scored(nothing: float) -> None:
    risk, flags = complete(np.zeros(2, np.uint32), np.array([nothing, 0.25], np.float32))
    assert risk.tolist() == [1.0, 0.25]
    assert flags.tolist() == [Flag.NOT_SCORED, 0]


def test_nothing_may_be_scored_at_all() -> None:
    risk, _ = complete(np.full(3, Flag.NOT_SCORED, np.uint32), np.empty(0, np.float32))
    assert risk.tolist() == [1.0, 1.0, 1.0]


def test_a_reading_is_at_risk_from_the_threshold_on() -> None:
    risk = np.array([0.4999999, 0.5, 0.5000001], np.float32)
    assert decide(risk, 0.5).tolist() == [0, 1, 1]


def test_the_decision_is_what_a_client_finds_from_the_answered_risk() -> None:
    threshold = 0.7
    risk = np.array([np.float32(threshold)])  # below 0.7, in double precision
    assert decide(risk, threshold).tolist() == [int(float(risk[0]) >= threshold)]
