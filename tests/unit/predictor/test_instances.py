"""Protocol V1 becomes the same readings, or one sentence says why not."""

import numpy as np
import orjson
import pytest

from tests.unit.predictor.cards import card
from tests.unit.predictor.requests import readings
from weld_predictor.answer import Answer, encode_predictions
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.instances import parse_instances
from weld_predictor.intake.readings import Readings, take_readings

FORM = InputForm.of(card(3))
ARRIVED = 1_700_000_000_000
SENT = readings(2, 3, sampled_at=7)


def take(instances: object) -> Readings:
    return take_readings(parse_instances(orjson.dumps({"instances": instances}), FORM, ARRIVED), FORM, 10)


def test_rows_are_readings_without_sensor_sampled_when_they_came() -> None:
    taken = take(SENT.features.tolist())
    np.testing.assert_array_equal(taken.features, SENT.features)
    assert taken.sensor_id.tolist() == [b"-", b"-"]
    assert taken.sampled_at.tolist() == [ARRIVED, ARRIVED]


@pytest.mark.parametrize(("sensors", "expected"), [(["a", "b"], [b"a", b"b"]), ([7, 8], [7, 8])])
def test_objects_have_the_inputs_by_name(sensors: list[object], expected: list[object]) -> None:
    taken = take(
        [
            {"features": row, "sensor_id": sensor, "sampled_at": 7}
            for row, sensor in zip(SENT.features.tolist(), sensors, strict=True)
        ]
    )
    np.testing.assert_array_equal(taken.features, SENT.features)
    assert taken.sensor_id.tolist() == expected
    assert taken.sampled_at.tolist() == [7, 7]


@pytest.mark.parametrize(
    ("instances", "sentence"),
    [
        (None, "'instances' is missing, expected a list of readings"),
        ({}, "'instances' is an object, expected a list of readings"),
        ([], "'instances' has 0 readings, expected 1 or more"),
        ([1], "instances[0] is a number, expected a list of features, or an object of inputs"),
        ([[1, 2, 3], {}], "instances[1] is an object, expected a list as the first"),
        ([[1, 2, 3], [1, 2]], "instances[1]: 'features' has 2 values, expected 3 as in features FP32 [N, 3]"),
        ([[1, 2, "3"]], "tensor 'features': '3' came among its values, expected numbers"),
        ([{"features": 1}], "instances[0]: 'features' is a number, expected a list of numbers"),
        (
            [{"features": [1, 2, 3]}, {"features": [1, 2, 3], "sensor_id": "a"}],
            "instances[1] and the first do not both have 'sensor_id', expected the same inputs in all",
        ),
        (
            [{"features": [1, 2, 3], "sensor_id": 1.5}],
            "tensor 'sensor_id': 1.5 came among its values, expected strings",
        ),
        ([{"sensor_id": "a"}], f"tensor 'features' is missing, expected {FORM}"),
        (
            [{"features": [1, 2, 3], "noise": 1}],
            f"instances have 'noise', which is not an input of this model, expected {FORM}",
        ),
        ([[1, 2, 3]] * 11, "tensor 'features': 11 readings came, expected 1 to 10 in one request"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(instances: object, sentence: str) -> None:
    with pytest.raises(RequestError) as refused:
        take(instances)
    assert str(refused.value) == sentence


def test_each_instance_has_its_prediction() -> None:
    answer = Answer(np.array([0.25, 1], np.float32), np.array([0, 1], np.uint8), np.array([0, 3], np.uint32))
    assert orjson.loads(encode_predictions(answer).body) == {
        "predictions": [{"risk": 0.25, "decision": 0, "flags": 0}, {"risk": 1.0, "decision": 1, "flags": 3}]
    }
