"""Gateways send an input before every model asks for it: it is no fault, and changes no answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from tests.unit.predictor.cards import card
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import json_tensors, readings, sensor_bytes, with_binary
from weld_predictor.envelopes import Envelopes
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.form import MOST_UNREAD, InputForm
from weld_predictor.intake.layout import read_columns
from weld_predictor.intake.readings import Readings, join, take_readings
from weld_predictor.intake.wire import parse_request

FEATURES = 3
FORM = InputForm.of(card(FEATURES))
GIVEN = readings(2, FEATURES)
PRESSURE = np.array([4.5, np.nan], np.float32)
INPUTS = "features FP32 [N, 3], sensor_id BYTES or INT64 [N], sampled_at INT64 [N]"


def tensor(name: str = "pressure", datatype: str = "FP32", shape: tuple[int, ...] = (2,)) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": [1.0, 2.0]}


def from_json(*more: dict[str, Any]) -> Readings:
    body = orjson.dumps({"inputs": [*json_tensors(GIVEN), *more]})
    return take_readings(parse_request(body, None), FORM, 10)


def binary(given: Readings, **context: np.ndarray) -> tuple[bytes, str | None]:
    return with_binary(
        [
            ("features", "FP32", given.features.shape, given.features.tobytes()),
            ("sensor_id", "BYTES", [len(given)], sensor_bytes(given)),
            *((name, "FP32", values.shape, values.tobytes()) for name, values in context.items()),
            ("sampled_at", "INT64", [len(given)], given.sampled_at.tobytes()),
        ]
    )


def from_binary(*bodies: tuple[bytes, str | None]) -> Readings:
    envelopes = Envelopes(FORM, 10, {})
    opened = [(envelopes.of_body(*each)[0], each[0]) for each in bodies]
    return read_columns([(envelope.layout, body) for envelope, body in opened if envelope.layout is not None], FORM)


def test_in_json_it_is_kept_beside_the_columns() -> None:
    read = from_json(tensor())
    assert read.features.tolist() == GIVEN.features.tolist()
    assert read.unread is not None
    assert read.unread["pressure"].tolist() == [1, 2]


def test_in_binary_it_moves_no_column_whoever_else_is_in_the_pass() -> None:
    other = readings(3, FEATURES, seed=1)
    read = from_binary(binary(other), binary(GIVEN, pressure=PRESSURE), binary(other, flow=other.features[:, 0]))
    expected = join([other, GIVEN, other])
    assert read.features.tolist() == expected.features.tolist()
    assert read.sensor_id.tolist() == expected.sensor_id.tolist()
    assert read.unread is not None
    np.testing.assert_array_equal(read.unread["pressure"], [np.nan] * 3 + [4.5, np.nan] + [np.nan] * 3)
    np.testing.assert_array_equal(read.unread["flow"], [*[np.nan] * 5, *other.features[:, 0]])


def test_over_grpc_it_moves_no_column_either() -> None:
    request = message(GIVEN)
    request.inputs.add(name="pressure", datatype="FP32", shape=[2])
    request.raw_input_contents.append(PRESSURE.tobytes())
    serialized = request.SerializeToString()
    envelope, _ = Envelopes(FORM, 10, {}).of_message(serialized, lambda *_: None)
    assert envelope.layout is not None
    read = read_columns([(envelope.layout, serialized)], FORM)
    assert read.features.tolist() == GIVEN.features.tolist()
    assert read.unread is not None
    np.testing.assert_array_equal(read.unread["pressure"], PRESSURE)


def test_it_goes_with_its_readings() -> None:
    one, other = from_json(tensor()), from_json(tensor("flow"))
    joined = join([one, readings(1, FEATURES), other])
    part = joined.part(1, 4)
    assert part.unread is not None
    np.testing.assert_array_equal(part.unread["pressure"], [2, np.nan, np.nan])
    np.testing.assert_array_equal(part.unread["flow"], [np.nan, np.nan, 1])
    assert join([GIVEN, GIVEN]).unread is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (tensor("Pressure"), f"tensor 'Pressure' is not an input of this model, expected {INPUTS}"),
        (tensor(datatype="INT64"), f"tensor 'pressure' is not an input of this model, expected {INPUTS}"),
        (tensor(shape=(2, 1)), f"tensor 'pressure' is not an input of this model, expected {INPUTS}"),
        (tensor("p" * 64), f"tensor '{'p' * 64}' is not an input of this model, expected {INPUTS}"),
        (tensor(shape=(3,)), "tensor 'pressure': 3 readings came, expected 2 as in 'features'"),
        ({**tensor(), "data": [1.0]}, "tensor 'pressure': 1 values came, expected 2 for shape [2]"),
        ({**tensor(), "data": ["a", "b"]}, "tensor 'pressure': 'a' came among its values, expected numbers"),
    ],
)
def test_what_can_be_no_context_is_said_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError) as refused:
        from_json(given)
    assert str(refused.value) == sentence


def test_there_is_an_end_to_it() -> None:
    from_json(*(tensor(f"input_{number}") for number in range(MOST_UNREAD)))
    with pytest.raises(RequestError) as refused:
        from_json(*(tensor(f"input_{number}") for number in range(MOST_UNREAD + 1)))
    assert str(refused.value) == (
        f"{MOST_UNREAD + 1} tensors came that are not inputs of this model, such as 'input_0', "
        f"expected at most {MOST_UNREAD} besides {INPUTS}"
    )
