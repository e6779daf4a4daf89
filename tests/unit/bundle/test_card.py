"""What a card says of training and evaluation fits together, and old cards stay valid."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.bundle.samples import boosted, card_for
from tests.unit.operator.capacity.examples import THROUGHPUT
from weld_api.card import Evaluation, FeatureSet, InputProfile, Interval, ModelInput, Stalls, TrainingProfile
from weld_bundle.card_file import read_card, write_card


def input_profile(name: str = "x0", **changes: Any) -> InputProfile:
    fields: dict[str, Any] = {"edges": (0.0, 1.0, 2.0), "counts": (3, 4), "quantiles": (1.0,)}
    return InputProfile(name=name, **{**fields, **changes})


def profile(**changes: Any) -> TrainingProfile:
    fields: dict[str, Any] = {
        "readings": 7,
        "probabilities": (0.5,),
        "inputs": tuple(input_profile(f"x{index}") for index in range(4)),
        "correlation": tuple(tuple(float(row == column) for column in range(4)) for row in range(4)),
    }
    return TrainingProfile(**{**fields, **changes})


def test_a_full_card_survives_its_file() -> None:
    card = card_for(
        boosted(),
        profile=profile(),
        sites=("north", "south"),
        features=FeatureSet(name="weld-pulse-echo", version=1),
        flags={"missing_context": "Reserve", "no_coupling": "Reject"},
        intended_use="Screening.",
        limits=("Simulated readings only.",),
        evaluation=Evaluation(
            dataset="held-out sites",
            readings=10,
            precision=0.9,
            recall=0.8,
            precision_interval=Interval(lowest=0.8, highest=0.95),
            interval_method="cluster bootstrap",
        ),
    )
    assert read_card(write_card(card)) == card


def test_how_fast_a_replica_is_survives_its_file_with_stalls_and_without() -> None:
    stalls = Stalls(per_second=9, seconds=(0.0003, 0.004))
    for throughput in (THROUGHPUT, THROUGHPUT.model_copy(update={"stalls": stalls})):
        assert read_card(write_card(card_for(boosted(), throughput=throughput))).throughput == throughput


def test_an_input_is_heard_unless_it_says_otherwise() -> None:
    assert ModelInput(name="x", unit="1", minimum=0, maximum=1).source == "AScan"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Interval(lowest=0.9, highest=0.8), "lowest 0.9 must not be above highest 0.8"),
        (lambda: Stalls(per_second=300, seconds=(0.003, 0.005)), "stalls take 120% of the time, which leaves none"),
        (lambda: input_profile(counts=(1,)), "'x0' has 3 edges, so 2 counts are expected"),
        (lambda: input_profile(edges=(0.0, 1.0, 1.0)), "the edges of 'x0' must rise"),
        (lambda: profile(probabilities=(0.1, 0.5)), "'x0' must have 2 quantiles"),
        (lambda: profile(correlation=((1.0,),)), "correlation must have 4 rows of as many numbers"),
        (
            lambda: card_for(boosted(), inputs=4, profile=profile(inputs=(), correlation=())),
            "profile must describe the inputs, all of them in their order",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        make()
