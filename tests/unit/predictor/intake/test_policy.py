"""What a WeldModel says of intake becomes rules for the columns of its bundle."""

from datetime import timedelta

import pytest

from tests.unit.predictor.cards import card
from weld_api.predictor_settings import PredictorSettings
from weld_predictor.intake import compiled
from weld_predictor.intake.choice import open_memory
from weld_predictor.intake.policy import TIMES_OF_A_SENSOR, Policy, PolicyError, Sampling
from weld_predictor.metadata import model_metadata

REQUIRED = [
    "--model-name=north-line",
    f"--digest={'6c' * 32}",
    "--version=1.0.0",
    "--asset-kind=PipelineWeld",
    "--site=north",
]


def policy(*arguments: str) -> Policy:
    return Policy.of(PredictorSettings.from_args([*REQUIRED, *arguments]), card(3))


def sampling(*arguments: str) -> str:
    text = model_metadata("north-line", card(3), "6c" * 32, {}, policy(*arguments))["properties"]["sampling"]
    assert isinstance(text, str)
    return text


def test_by_default_every_reading_is_scored() -> None:
    assert policy() == Policy()
    assert sampling() == "All"


def test_features_are_found_by_name() -> None:
    arguments = ("--sampling=OnChange", "--on-change=echo_2:0.5,echo_0:0", "--longest-silence=3s")
    found = policy(*arguments)
    assert (found.sampling, found.dead_bands) == (Sampling.ON_CHANGE, ((2, 0.5), (0, 0.0)))
    assert found.longest_silence == timedelta(seconds=3)
    assert sampling(*arguments) == (
        "OnChange: of echo_2 by more than 0.5 dB, echo_0 by more than 0 dB, at least once in 3 s"
    )


def test_a_feature_that_the_card_does_not_have_is_refused() -> None:
    with pytest.raises(PolicyError) as error:
        policy("--sampling=OnChange", "--on-change=echo_1:1,gate:2")
    assert str(error.value) == (
        "--on-change=echo_1:1,gate:2: gate is not an input of the bundle's card, expected one of echo_0, echo_1, echo_2"
    )


def test_every_nth_is_told_in_the_metadata() -> None:
    arguments = ("--sampling=EveryNth", "--every-nth=5", "--late=Reject", "--most-sensors=7")
    found = policy(*arguments)
    assert (found.every, found.reject_late, found.most_sensors) == (5, True, 7)
    assert sampling(*arguments) == "EveryNth: of 5 readings of a sensor one is scored, at least once in 10 s"
    properties = model_metadata("north-line", card(3), "6c" * 32, {}, found)["properties"]
    assert properties["not_scored_with"] == "not_finite, late, missing_context"


def test_answers_are_repeated_for_as_long_as_their_times_are_remembered() -> None:
    assert policy("--tick=100ms").repeat_for == timedelta(seconds=10)
    assert policy("--tick=1m").repeat_for == TIMES_OF_A_SENSOR * timedelta(minutes=1)


def test_without_a_compiler_sensors_are_remembered_in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_memory(Policy()).name == "compiled"
    monkeypatch.setattr(compiled, "compiled", None)
    assert open_memory(Policy()).name == "numpy"
