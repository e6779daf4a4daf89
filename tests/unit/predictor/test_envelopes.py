"""What is remembered of an envelope never changes what a request says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.unit.predictor import messages, requests
from tests.unit.predictor.cards import card, weld_card
from tests.unit.predictor.malformed_requests import FEATURES, MALFORMED, MOST
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import Body, binary_body, json_body, numbered, readings, text_bytes, with_binary
from weld_predictor.answer import Answer, encode, message_frame, rest_frame
from weld_predictor.envelopes import LONGEST_REMEMBERED, MOST_REMEMBERED, Envelopes, Opened
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.layout import read_columns
from weld_predictor.intake.message import parse_message, raw_places, read_message
from weld_predictor.intake.readings import Readings, take_readings
from weld_predictor.intake.wire import RequestedOutput, parse_request

FORM = InputForm.of(card(FEATURES))
HEAD = {"model_name": "north-line", "model_version": "1.0.0"}
OUTPUTS = tuple(RequestedOutput(name, True) for name in ("risk", "decision", "flags"))


def envelopes(most: int = MOST) -> Envelopes:
    return Envelopes(FORM, most, HEAD)


def readings_of(opened: Opened, body: bytes) -> Readings:
    envelope, decoded = opened
    if decoded is not None:
        return decoded
    assert envelope.layout is not None
    return read_columns([(envelope.layout, body)], FORM)


def check_same(one: Readings, other: Readings) -> None:
    assert one.features.tobytes() == other.features.tobytes()
    assert one.sensor_id.tolist() == other.sensor_id.tolist()
    np.testing.assert_array_equal(one.sampled_at, other.sampled_at)


@pytest.mark.parametrize("form", requests.FORMS)
def test_a_body_is_read_as_without_memory_the_first_time_and_again(form: str) -> None:
    known = envelopes()
    for seed in range(3):
        body, length = requests.FORMS[form](readings(4, FEATURES, seed=seed))
        expected = take_readings(parse_request(body, length), FORM, MOST)
        check_same(readings_of(known.of_body(body, length), body), expected)


@pytest.mark.parametrize("form", messages.FORMS)
def test_a_message_is_read_as_without_memory_the_first_time_and_again(form: str) -> None:
    known = envelopes()
    asked: list[tuple[str, str]] = []
    for seed in range(3):
        serialized = messages.FORMS[form](readings(4, FEATURES, seed=seed)).SerializeToString()
        expected = take_readings(parse_message(read_message(serialized)), FORM, MOST)
        opened = known.of_message(serialized, lambda name, version: asked.append((name, version)))
        check_same(readings_of(opened, serialized), expected)
    assert asked == [("north-line", "")] * 3


def test_the_same_envelope_is_read_once_and_one_with_an_id_each_time() -> None:
    known = envelopes()
    first, second = (binary_body(readings(2, FEATURES, seed=seed)) for seed in (1, 2))
    assert known.of_body(*first) is known.of_body(*second)
    for seed, name in enumerate(("a", "b")):
        body, length = binary_body(readings(2, FEATURES, seed=seed), id=name)
        assert known.of_body(body, length)[0].head["id"] == name


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_remembered_never_lets_a_malformed_body_through(case: str) -> None:
    known = envelopes()
    known.of_body(*binary_body(Readings(np.zeros((2, FEATURES), np.float32), np.array([b"a", b"b"]), np.zeros(2, int))))
    (body, length), sentence = MALFORMED[case]
    for _ in range(2):
        with pytest.raises(RequestError) as refusal:
            readings_of(known.of_body(body, length), body)
        assert str(refusal.value) == sentence


@settings(deadline=None)
@given(st.data())
def test_a_body_with_changed_bytes_is_read_as_without_memory(data: st.DataObject) -> None:
    known = envelopes()
    body, length = binary_body(readings(3, FEATURES))
    known.of_body(body, length)
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    sent = bytes(changed[: len(changed) - data.draw(st.sampled_from([0, 0, 1, 8]))])
    assert outcome(lambda: readings_of(known.of_body(sent, length), sent)) == outcome(
        lambda: take_readings(parse_request(sent, length), FORM, MOST)
    )


def outcome(read: object) -> object:
    assert callable(read)
    try:
        came: Readings = read()
    except RequestError as error:
        return str(error)
    return came.features.tobytes(), came.sensor_id.tolist(), came.sampled_at.tolist()


def test_memory_is_bounded() -> None:
    known = envelopes(most=10**6)
    for count in range(1, MOST_REMEMBERED + 50):
        known.of_body(*binary_body(numbered(readings(count, FEATURES))))
    assert len(known._known) == MOST_REMEMBERED
    long = binary_body(readings(1, FEATURES), parameters={"note": "x" * LONGEST_REMEMBERED})
    assert known.of_body(*long) is not known.of_body(*long)


@pytest.mark.parametrize("present", [(), ("pressure",), ("temperature", "pressure")])
def test_context_that_did_not_come_is_nan_whoever_else_sent_it(present: tuple[str, ...]) -> None:
    form = InputForm.of(weld_card())
    known = Envelopes(form, MOST, HEAD)
    bodies = [with_context(("pressure",), 2), with_context(present, 3)]
    opened = [known.of_body(*body)[0].layout for body in bodies]
    read = read_columns([(layout, body[0]) for layout, body in zip(opened, bodies, strict=True) if layout], form)
    alone = [take_readings(parse_request(*body), form, MOST) for body in bodies]
    np.testing.assert_array_equal(read.features, np.concatenate([each.features for each in alone]))
    assert np.isnan(read.features[2:, -2:]).any() == (len(present) < 2)


def with_context(present: tuple[str, ...], count: int) -> Body:
    form = InputForm.of(weld_card())
    values = np.random.default_rng(count).random((count, len(form.measured))).astype(np.float32)
    return with_binary(
        [
            ("sensor_id", "BYTES", [count], text_bytes([b"weld-7"] * count)),
            *((name, "FP32", [count], np.full(count, 3, np.float32).tobytes()) for name in present),
            ("features", "FP32", values.shape, values.tobytes()),
            ("sampled_at", "INT64", [count], np.arange(count).tobytes()),
        ]
    )


def test_a_name_that_is_none_is_told_to_its_sender_alone() -> None:
    known = envelopes()
    body, length = binary_body(readings(2, FEATURES))
    broken = body.replace(b"sensor-1", b"senso\0-1")
    layout = known.of_body(body, length)[0].layout
    assert layout is not None
    with pytest.raises(RequestError, match="an element contains a NUL byte"):
        read_columns([(layout, broken)], FORM)
    with pytest.raises(RequestError):
        read_columns([(layout, body), (layout, broken)], FORM)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_raw_places_of_any_bytes_are_within_them(serialized: bytes) -> None:
    assert all(place.start <= place.stop <= len(serialized) for place in raw_places(serialized))


def test_raw_places_are_where_protobuf_finds_the_raw_contents() -> None:
    asked = message(readings(3, FEATURES), id="tick-7", parameters={"note": pb.InferParameter(string_param="x" * 300)})
    serialized = asked.SerializeToString()
    assert [serialized[place] for place in raw_places(serialized)] == list(asked.raw_input_contents)
    behind = pb.ModelInferRequest(model_name="behind").SerializeToString()
    assert raw_places(serialized + behind) == []
    assert raw_places(message(readings(3, FEATURES), raw=False).SerializeToString()) == []


@given(st.integers(1, 40), st.integers(0, 39), st.permutations(OUTPUTS), st.integers(1, 3))
def test_a_filled_frame_is_what_the_answer_would_be_if_it_were_written_alone(
    count: int, start: int, order: list[RequestedOutput], wanted: int
) -> None:
    source = np.random.default_rng(count)
    answer = Answer(
        source.random(count, np.float32),
        source.integers(0, 2, count, np.uint8),
        source.integers(0, 9, count, np.uint32),
    )
    stop, outputs = max(min(start + 7, count), 1), tuple(order[:wanted])
    start = min(start, stop - 1)
    own = answer.part(start, stop)
    rest = rest_frame(outputs, HEAD, len(own))
    assert rest is not None
    assert rest.fill(answer.tobytes(), start, stop) == encode(own, outputs, HEAD).body
    frame = message_frame(outputs, {**HEAD, "id": "7"}, len(own))
    assert frame is not None
    read = pb.ModelInferResponse.FromString(frame.fill(answer.tobytes(), start, stop))
    assert (read.id, [(each.name, list(each.shape)) for each in read.outputs]) == (
        "7",
        [(output.name, [len(own)]) for output in outputs],
    )
    assert list(read.raw_output_contents) == [own.tobytes()[output.name] for output in outputs]


def test_an_answer_in_json_has_no_frame() -> None:
    in_json = (*OUTPUTS[:2], RequestedOutput("flags", False))
    assert rest_frame(in_json, HEAD, 2) is None
    assert message_frame(in_json, HEAD, 2) is None
    assert envelopes().of_body(*json_body(readings(2, FEATURES)))[0].frame is None
