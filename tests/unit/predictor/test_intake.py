"""A request becomes the same readings however it is written, or one sentence says why it cannot be taken."""

import warnings

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from tests.unit.predictor.cards import card
from tests.unit.predictor.malformed_requests import FEATURES, MALFORMED, MOST
from tests.unit.predictor.requests import FORMS, Body, binary_body, json_body, json_tensors, readings
from weld_predictor.answer import requested_outputs
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.readings import Readings, take_readings
from weld_predictor.intake.wire import RequestedOutput, parse_request

FORM = InputForm.of(card(FEATURES))


def take(body: Body) -> Readings:
    request = parse_request(*body)
    requested_outputs(request)
    return take_readings(request, FORM, MOST)


@pytest.mark.parametrize("form", FORMS)
def test_a_request_becomes_the_same_readings_however_it_is_written(form: str) -> None:
    sent = readings(5, FEATURES, sampled_at=1_700_000_000_123)
    taken = take(FORMS[form](sent))
    np.testing.assert_array_equal(taken.features, sent.features)
    np.testing.assert_array_equal(taken.sampled_at, sent.sampled_at)
    expected = np.arange(5) if "numbered" in form else sent.sensor_id
    np.testing.assert_array_equal(taken.sensor_id, expected)
    assert taken.features.dtype == np.float32


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_request_is_refused_with_one_sentence(case: str) -> None:
    body, sentence = MALFORMED[case]
    with pytest.raises(RequestError) as refusal:
        take(body)
    assert str(refusal.value) == sentence


@settings(deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=128).filter(lambda text: b"\0" not in text), min_size=1, max_size=MOST),
)
def test_names_of_any_lengths_come_through_in_binary(names: list[bytes]) -> None:
    sent = readings(len(names), FEATURES)
    sent = Readings(sent.features, np.array(names, np.bytes_), sent.sampled_at)
    assert take(binary_body(sent)).sensor_id.tolist() == names


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=30), max_size=MOST))
def test_names_of_any_alphabet_come_through_in_json(names: list[str]) -> None:
    names = [*names[1:], "weld"]
    tensors = json_tensors(readings(len(names), FEATURES))
    tensors[1]["data"] = names
    taken = take((orjson.dumps({"inputs": tensors}), None))
    assert taken.sensor_id.tolist() == [name.encode() for name in names]


@settings(deadline=None)
@given(st_numpy.arrays(np.float32, (2, FEATURES)))
def test_any_features_come_through_in_binary_bit_for_bit(features: np.ndarray) -> None:
    sent = readings(2, FEATURES)
    taken = take(binary_body(Readings(features, sent.sensor_id, sent.sampled_at)))
    assert taken.features.tobytes() == features.tobytes()


@pytest.mark.parametrize("padding", range(8))
def test_features_are_aligned_wherever_they_start_in_the_body(padding: int) -> None:
    taken = take(binary_body(readings(2, FEATURES), id="x" * padding))
    assert taken.features.flags.aligned
    assert taken.sampled_at.flags.aligned


def test_null_in_json_is_a_missing_feature() -> None:
    tensors = json_tensors(readings(1, FEATURES))
    tensors[0]["data"] = [0.5, None, 1]
    taken = take((orjson.dumps({"inputs": tensors}), None))
    np.testing.assert_array_equal(taken.features, np.array([[0.5, np.nan, 1]], np.float32))


def test_a_json_number_beyond_float32_becomes_infinite_without_a_warning() -> None:
    tensors = json_tensors(readings(1, FEATURES))
    tensors[0]["data"] = [0, 1e39, -(2**63)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        taken = take((orjson.dumps({"inputs": tensors}), None))
    np.testing.assert_array_equal(taken.features, np.array([[0, np.inf, -(2.0**63)]], np.float32))


def test_fields_that_the_protocol_does_not_know_are_ignored() -> None:
    body = json_body(readings(1, FEATURES), model_name="north-line", parameters={"trace": "on"}, outputs=None)
    assert len(take(body)) == 1


def test_outputs_are_binary_as_the_request_says_unless_an_output_says_otherwise() -> None:
    body, _ = json_body(
        readings(1, FEATURES),
        parameters={"binary_data_output": True},
        outputs=[{"name": "flags"}, {"name": "risk", "parameters": {"binary_data": False}}],
    )
    outputs = requested_outputs(parse_request(body, None))
    assert outputs == (RequestedOutput("flags", binary=True), RequestedOutput("risk", binary=False))


def test_without_requested_outputs_all_are_answered() -> None:
    outputs = requested_outputs(parse_request(*json_body(readings(1, FEATURES))))
    assert [(output.name, output.binary) for output in outputs] == [
        ("risk", False),
        ("decision", False),
        ("flags", False),
    ]


@settings(deadline=None)
@given(st.binary(max_size=200), st.none() | st.integers(0, 250).map(str))
def test_any_bytes_are_taken_or_refused_with_a_sentence(body: bytes, length: str | None) -> None:
    with pytest.raises(RequestError):
        take((body, length))


@settings(deadline=None)
@given(st.data())
def test_a_body_with_changed_bytes_is_taken_or_refused_with_a_sentence(data: st.DataObject) -> None:
    body, length = data.draw(st.sampled_from([json_body, binary_body]))(readings(3, FEATURES))
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        taken = len(take((bytes(changed), length)))
    except RequestError:
        return
    assert 1 <= taken <= MOST
