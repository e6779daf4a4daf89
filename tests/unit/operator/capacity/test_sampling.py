"""What a policy saves and costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_operator.domain.capacity.sampling import every_nth, every_reading, on_change


def test_one_in_ten_finds_a_flaw_that_shows_for_half_the_gap_half_as_often() -> None:
    found = every_nth(10, recall=0.6, tick=0.1, shows_for=0.5)
    assert found.scored_share == 0.1
    assert (found.mean_delay, found.worst_delay) == (0.5, 1.0)
    assert found.recall == pytest.approx(0.3)


def test_what_lasts_is_found_by_every_policy() -> None:
    assert every_nth(10, 0.6, 0.1, shows_for=1).recall == 0.6
    assert on_change(0.05, 0.5, 10, 0.6, 0.1, shows_for=10).recall == pytest.approx(0.6)


def test_the_share_scored_on_change_is_that_of_a_drawn_sequence() -> None:
    source, silence, scored = np.random.default_rng(0).random(200_000) < 0.02, 0, 0
    for changes in source:
        silence += 1
        if changes or silence == 100:
            scored, silence = scored + 1, 0
    found = on_change(0.02, 0.0, 10.0, 1, 0.1, 1).scored_share
    assert found == pytest.approx(scored / len(source), rel=0.02)


@given(
    changing=st.floats(0, 1),
    below=st.floats(0, 1),
    silence=st.floats(0.1, 100),
    nth=st.integers(2, 10_000),
    shows=st.floats(0.001, 1000),
)
def test_no_policy_is_better_than_all(changing: float, below: float, silence: float, nth: int, shows: float) -> None:
    best = every_reading(0.6, 0.1)
    for policy in (every_nth(nth, 0.6, 0.1, shows), on_change(changing, below, silence, 0.6, 0.1, shows)):
        assert 0 < policy.scored_share <= best.scored_share
        assert policy.recall <= best.recall + 1e-12
        assert policy.worst_delay >= best.worst_delay
