"""The predictor reads as a server what it writes as a client, and takes no answer that is none."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.predictor.cards import card, weld_card
from tests.unit.predictor.shadow.batches import DIGEST, answered, batch
from tests.unit.predictor.shadow.peer import answer_body
from weld_predictor.answer import rest_frame
from weld_predictor.envelopes import Envelopes
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.layout import read_columns
from weld_predictor.intake.tensor import texts_from_binary
from weld_predictor.metadata import model_metadata
from weld_predictor.shadow.batch import Batch
from weld_predictor.shadow.losses import Loss, LostError
from weld_predictor.shadow.wire import inference_request, longest_answer, read_answer, read_metadata, texts_to_binary

FORM = InputForm.of(card())


def split(request: bytes) -> tuple[bytes, dict[str, str]]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.partition(": ")[::2] for line in head.decode().split("\r\n")[1:]]
    return body, dict(lines)


@pytest.mark.parametrize("by_number", [False, True])
def test_a_predictor_reads_what_is_forwarded(by_number: bool) -> None:
    sent = batch(7, by_number=by_number, context={"pressure": [1, 2, 3, 4, np.nan, 6, 7], "other": [0] * 7})
    body, headers = split(inference_request(sent, "north line", "10.0.0.7:8080", {"pressure"}))
    assert int(headers["content-length"]) == len(body)
    envelope, decoded = Envelopes(FORM, 10, {}).of_body(body, headers["inference-header-content-length"])
    assert decoded is None, "it must be read the quick way"
    assert envelope.layout is not None
    read = read_columns([(envelope.layout, body)], FORM)
    assert read.features.tolist() == sent.measured.tolist()
    assert read.sensor_id.tolist() == sent.sensor_id.tolist()
    assert read.sampled_at.tolist() == sent.sampled_at.tolist()
    assert read.unread is not None
    assert list(read.unread) == ["pressure"], "what the candidate does not take is not sent"
    assert read.untimed is not None
    assert read.untimed.all(), "it is scored for itself"


def test_the_answer_of_a_predictor_is_read() -> None:
    sent = batch(7)
    body, headers = split(inference_request(sent, "m", "h", ()))
    envelope, _ = Envelopes(FORM, 10, {"model_name": "m"}).of_body(body, headers["inference-header-content-length"])
    frame = rest_frame(envelope.outputs, {}, 7)
    assert frame is not None
    given = answered(sent, 0.25, turned=2, unscored=1)
    written = frame.fill(given.tobytes(), 0, 7)
    assert len(written) <= longest_answer(7)
    read = read_answer(written, str(frame.json_length), 7)
    for name in ("risk", "decision", "flags"):
        assert getattr(read, name).tolist() == getattr(given, name).tolist()


def test_waveforms_are_sent_as_such() -> None:
    form = InputForm.of(weld_card())
    waves = np.arange(3 * 512, dtype=np.int16).reshape(3, 512)
    sent = Batch(waves, np.arange(3), np.arange(3), {}, np.zeros(3, np.float32), np.zeros(3, np.uint8))
    body, headers = split(inference_request(sent, "m", "h", ()))
    _, readings = Envelopes(form, 10, {}).of_body(body, headers["inference-header-content-length"])
    assert readings is not None
    assert readings.ascans is not None
    assert readings.ascans.tolist() == waves.tolist()
    assert readings.untimed is not None


@given(st.lists(st.binary(min_size=1, max_size=9).filter(lambda text: b"\0" not in text), min_size=1, max_size=20))
def test_names_are_read_as_they_were_written(names: list[bytes]) -> None:
    read = texts_from_binary(texts_to_binary(np.array(names, np.bytes_)), len(names))
    assert read is not None
    assert read.tolist() == names


def test_a_predictor_says_what_it_serves() -> None:
    metadata = orjson.dumps(model_metadata("m", weld_card(), DIGEST, {"readings_in_a_request": 500}))
    candidate = read_metadata(metadata)
    assert candidate.digest == DIGEST
    assert candidate.most_readings == 500
    assert candidate.context == ("pressure", "temperature")
    assert len(candidate.features) == len(weld_card().inputs) - 2


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"properties": 1}', b'{"properties": {"sha256": 5}}', b"\xff"])
def test_what_does_not_say_so_is_no_predictor(body: bytes) -> None:
    with pytest.raises(LostError) as lost:
        read_metadata(body)
    assert lost.value.loss is Loss.UNREACHABLE


GOOD, LENGTH = answer_body([0.5, 0.25])


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (GOOD, None),
        (GOOD, "-5"),
        (GOOD, "many"),
        (GOOD, str(len(GOOD) * 2)),
        (GOOD[:-1], str(LENGTH)),
        (GOOD + b"\0", str(LENGTH)),
        (b"[]", "2"),
        (b'{"outputs": [1]}', "16"),
        (b'{"outputs": [{"name": "risk"}]}', "31"),
        *((body, str(length)) for body, length in (answer_body([0.5]), answer_body([0.5] * 3))),
        *((body, str(length)) for body, length in (answer_body([0.5, np.nan]), answer_body([0.5, 1.5]))),
        *((body, str(length)) for body, length in (answer_body([0.5, np.inf]), answer_body([0, 0], [0, 2]))),
    ],
)
def test_what_is_no_answer_to_two_readings_is_not_compared(body: bytes, length: str | None) -> None:
    with pytest.raises(LostError) as lost:
        read_answer(body, length, 2)
    assert lost.value.loss is Loss.UNPAIRED


@given(st.binary(max_size=60), st.integers(0, 70))
def test_whatever_comes_it_is_an_answer_or_lost(noise: bytes, start: int) -> None:
    body = GOOD[:start] + noise + GOOD[start + len(noise) :]
    try:
        read = read_answer(body, str(LENGTH), 2)
    except LostError:
        return
    assert len(read) == 2
