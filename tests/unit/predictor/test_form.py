"""A client may send features or waveforms, and context or none; the answer depends on no more than that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.unit.predictor.ascans import ascans
from tests.unit.predictor.cards import card, weld_card
from tests.unit.predictor.requests import text_bytes, with_binary
from weld_api.card import BundleCard
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.flags import Bounds, Flag, flag_readings
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.readings import Readings, take_readings, with_features
from weld_predictor.intake.wire import parse_request
from weld_predictor.metadata import model_metadata
from weld_simulator.features import CONTEXT, FEATURE_VERSION, FEATURES, extract

MEASURED = len(FEATURES)
WAVES = ascans(4)


def body(tensors: dict[str, np.ndarray]) -> Any:
    count = 4
    datatypes = {"float32": "FP32", "int16": "INT16", "float64": "FP64"}
    return with_binary(
        [
            *((name, datatypes[str(values.dtype)], values.shape, values.tobytes()) for name, values in tensors.items()),
            ("sensor_id", "BYTES", [count], text_bytes([b"a"] * count)),
            ("sampled_at", "INT64", [count], np.zeros(count, np.int64).tobytes()),
        ]
    )


def take(given: BundleCard, **tensors: np.ndarray) -> Readings:
    form = InputForm.of(given)
    taken = take_readings(parse_request(*body(tensors)), form, 10)
    return taken if taken.ascans is None else with_features([taken], form)[0]


def refusal(given: BundleCard, **tensors: np.ndarray) -> str:
    with pytest.raises(RequestError) as refused:
        take(given, **tensors)
    return str(refused.value)


def flags(given: BundleCard, readings: Readings) -> list[Flag]:
    bounds = Bounds.of(given, timedelta(seconds=1), timedelta(seconds=1))
    return [Flag(int(value)) for value in flag_readings(readings, bounds, 0)]


def context(value: float) -> dict[str, np.ndarray]:
    return {each.name: np.full(4, value, np.float32) for each in CONTEXT}


def test_waveforms_give_the_features_of_training_bit_for_bit() -> None:
    waves = ascans(1000)
    form = InputForm.of(weld_card(context=False))
    names = Readings(np.full((1000, MEASURED), np.nan, np.float32), np.arange(1000), np.arange(1000), waves)
    parts = [
        Readings(names.features[part], names.sensor_id[part], names.sampled_at[part], waves[part])
        for part in (slice(0, 1), slice(1, 400), slice(400, 1000))
    ]
    for requests in ([names], parts):
        found = np.concatenate([readings.features for readings in with_features(requests, form)])
        assert found.tobytes() == extract(waves).tobytes()


def test_waveforms_and_their_features_become_the_same_readings() -> None:
    given = weld_card()
    from_waves = take(given, ascans=WAVES, **context(5))
    from_features = take(given, features=extract(WAVES), **context(5))
    assert from_waves.features.tobytes() == from_features.features.tobytes()
    assert from_waves.features.shape == (4, MEASURED + len(CONTEXT))
    assert (from_waves.features[:, MEASURED:] == 5).all()


def test_features_find_their_columns_whatever_the_order_of_the_card() -> None:
    given = weld_card()
    turned = given.model_copy(update={"inputs": given.inputs[::-1]})
    assert (
        take(turned, ascans=WAVES, **context(5)).features.tobytes()
        == np.ascontiguousarray(take(given, ascans=WAVES, **context(5)).features[:, ::-1]).tobytes()
    )


def test_context_that_does_not_come_is_missing_and_flagged() -> None:
    given = weld_card()
    taken = take(given, features=extract(WAVES), pressure=np.array([1, np.nan, 2, 3], np.float32))
    assert np.isnan(taken.features[:, -1]).all()
    assert flags(given, taken) == [Flag.MISSING_CONTEXT | Flag.NOT_SCORED] * 4


def test_what_becomes_of_missing_context_is_the_cards_choice() -> None:
    given = weld_card(flags={"missing_context": "Reserve"})
    assert flags(given, take(given, ascans=WAVES)) == [Flag.MISSING_CONTEXT] * 4


def test_infinite_context_is_never_scored() -> None:
    given = weld_card(flags={"missing_context": "Reserve"})
    taken = take(given, ascans=WAVES, **context(np.inf))
    assert flags(given, taken) == [Flag.NOT_FINITE | Flag.NOT_SCORED] * 4


def test_a_model_without_context_takes_requests_for_one_that_has_it() -> None:
    given = weld_card(context=False)
    assert take(given, ascans=WAVES, **context(5)).features.tobytes() == take(given, ascans=WAVES).features.tobytes()


def test_saturation_and_lost_coupling_are_seen_in_waveforms_and_in_features() -> None:
    given = weld_card(context=False, flags={"saturated": "Reject"})
    waves = WAVES.copy()
    waves[1] = np.where(np.arange(512) % 10 < 5, 32767, -32768)
    waves[2, 100:] = 3
    expected = [Flag(0), Flag.SATURATED | Flag.NOT_SCORED, Flag.NO_COUPLING, Flag(0)]
    for taken in (take(given, ascans=waves), take(given, features=extract(waves))):
        assert flags(given, taken) == expected


def test_a_flag_of_another_models_features_means_nothing() -> None:
    bounds = Bounds.of(card(2), timedelta(seconds=1), timedelta(seconds=1))
    assert (bounds.saturated, bounds.no_coupling) == (None, None)


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"ascans": WAVES[:, :511]}, "tensor 'ascans': shape [4, 511] came, expected [N, 512]"),
        ({"ascans": WAVES.astype(np.float32)}, "tensor 'ascans': datatype 'FP32' came, expected INT16"),
        (
            {"ascans": WAVES, "features": extract(WAVES)},
            "tensors 'features' and 'ascans' both came, expected one of them",
        ),
        ({"ascans": WAVES[:3]}, "tensor 'sensor_id': 4 readings came, expected 3 as in 'ascans'"),
        (
            {"ascans": WAVES, "pressure": np.ones((4, 1), np.float32)},
            "tensor 'pressure': shape [4, 1] came, expected [N]",
        ),
        ({"ascans": WAVES, "pressure": np.ones(4)}, "tensor 'pressure': datatype 'FP64' came, expected FP32"),
        (
            {},
            f"tensor 'features' is missing, expected features FP32 [N, {MEASURED}] or ascans INT16 [N, 512], sensor_id "
            "BYTES or INT64 [N], sampled_at INT64 [N], pressure FP32 [N] (optional), temperature FP32 [N] (optional)",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(tensors: dict[str, np.ndarray], sentence: str) -> None:
    assert refusal(weld_card(), **tensors) == sentence


def test_waveforms_are_not_taken_for_features_of_another_version() -> None:
    given = weld_card(feature_version=FEATURE_VERSION + 1)
    assert refusal(given, ascans=WAVES).startswith("tensor 'ascans' is not an input of this model, expected features")


def test_metadata_says_that_either_is_taken() -> None:
    metadata = model_metadata("north-line", weld_card(), "6c" * 32, {})
    assert [tensor["name"] for tensor in metadata["inputs"]] == [
        "features",
        "sensor_id",
        "sampled_at",
        "pressure",
        "temperature",
    ]
    assert metadata["properties"]["inputs"].startswith(
        f"features FP32 [N, {MEASURED}], or ascans INT16 [N, 512] in its place"
    )
    assert metadata["properties"]["context"] == "pressure [MPa], temperature [degC]"
