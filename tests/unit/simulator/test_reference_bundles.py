"""The reference models take what they say they take, and training that cannot succeed is refused."""

from __future__ import annotations

import pytest

from weld_simulator.features import CONTEXT, FEATURES
from weld_simulator.reference_bundles import FIRST, SECOND, Sizes, card_inputs, train


def test_the_second_model_takes_what_the_first_takes_and_the_context_after_it() -> None:
    first, second = card_inputs(FIRST), card_inputs(SECOND)
    assert [each.name for each in first] == [feature.name for feature in FEATURES]
    assert second[: len(first)] == first
    assert [each.name for each in second[len(first) :]] == [feature.name for feature in CONTEXT]
    assert {each.source for each in first} == {"AScan"}
    assert {each.source for each in second[len(first) :]} == {"Context"}


@pytest.mark.parametrize("sizes", [(1, 2, 2), (2, 1, 2), (2, 2, 0)])
def test_too_few_sites_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 sites are needed to train, to choose thresholds and to test"):
        Sizes(*sizes)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="the seed must not be negative, as -1 is"):
        list(train(-1, Sizes(2, 2, 2)))
