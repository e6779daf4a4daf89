"""A sensor that is not on the list is flagged, however it is named."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.unit.predictor.cards import card
from tests.unit.predictor.requests import readings
from weld_predictor.intake.flags import Bounds, Flag, flag_readings
from weld_predictor.intake.readings import Readings
from weld_predictor.intake.sensors import KnownSensors, SensorListError


def test_names_and_numbers_are_found(tmp_path: Path) -> None:
    path = tmp_path / "sensors"
    path.write_text("weld-2\n\n  17 \nweld-1\n3\nwéld\n")
    known = KnownSensors.read(path)
    assert known.include(np.array([b"weld-1", b"weld-3", b"17", b"weld-11"])).tolist() == [True, False, True, False]
    assert known.include(np.array(["wéld".encode()])).tolist() == [True]
    assert known.include(np.array([17, 3, 4, -1, 2**62])).tolist() == [True, True, False, False, False]


def test_without_numbers_no_number_is_known() -> None:
    assert KnownSensors.of({"weld-1"}).include(np.array([1])).tolist() == [False]


def test_readings_of_unknown_sensors_are_flagged() -> None:
    sent = readings(3, 2)
    bounds = Bounds.of(card(2), timedelta(1), timedelta(1), KnownSensors.of({"sensor-0", "sensor-2"}))
    assert flag_readings(sent, bounds, 0).tolist() == [0, Flag.UNKNOWN_SENSOR, 0]
    numbered = Readings(sent.features, np.arange(3), sent.sampled_at)
    assert flag_readings(numbered, bounds, 0).tolist() == [Flag.UNKNOWN_SENSOR] * 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: .*No such file"),
        (b"\xff", "cannot be read: "),
        (b" \n", "is empty, expected one name a line"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_a_sentence(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "sensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SensorListError, match=sentence):
        KnownSensors.read(path)
