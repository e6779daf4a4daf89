"""Readings that another predictor forwards are scored for themselves: no memory, no lateness, whatever came before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from tests.unit.predictor.cards import card
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import binary_body, json_body, readings
from weld_predictor.envelopes import Envelopes
from weld_predictor.intake.arrays import ArrayMemory
from weld_predictor.intake.compiled import CompiledMemory
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.flags import Bounds, Flag
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.layout import read_columns
from weld_predictor.intake.memory import SensorMemory
from weld_predictor.intake.policy import Policy, Sampling
from weld_predictor.intake.readings import Readings, delays, join
from weld_predictor.passes import Assessor

NOW = 1_700_000_000_000
FORM = InputForm.of(card(3))
BOUNDS = Bounds.of(card(3), timedelta(seconds=1), timedelta(milliseconds=20), reject_late=True)
PARAMETERS = {"binary_data_output": True, "shadowed": True}
every_memory = pytest.mark.parametrize("make", [ArrayMemory, CompiledMemory])


def shadowed(given: Readings, **parameters: object) -> Readings:
    body, length = binary_body(given, parameters={**PARAMETERS, **parameters})
    envelope, _ = Envelopes(FORM, 10, {}).of_body(body, length)
    assert envelope.layout is not None
    return read_columns([(envelope.layout, body)], FORM)


def assessor(memory: SensorMemory | None) -> Assessor:
    return Assessor(BOUNDS, 0.5, lambda features: np.abs(features[:, 0]), memory)


def risks(given: Readings) -> list[float]:
    values: list[float] = np.abs(given.features[:, 0]).tolist()
    return values


def other_values(given: Readings) -> Readings:
    """The same sensors and times."""
    return Readings(given.features[::-1].copy(), given.sensor_id, given.sampled_at)


@every_memory
@pytest.mark.parametrize("sampling", [Policy(), Policy(sampling=Sampling.EVERY_NTH, every=3)])
def test_they_neither_use_nor_leave_memories(make: Callable[[Policy], SensorMemory], sampling: Policy) -> None:
    memory = make(sampling)
    subject = assessor(memory)
    given = readings(4, 3, sampled_at=NOW)
    forwarded = shadowed(other_values(given))
    for _ in range(2):
        answer, recollection = subject.answer(forwarded, NOW)
        assert answer.risk.tolist() == risks(forwarded)
        assert recollection is not None
        assert len(recollection.rows) == 4
    assert memory.sensors == 0
    assert subject.answer(given, NOW)[0].risk.tolist() == risks(given)
    assert subject.answer(forwarded, NOW)[0].risk.tolist() == risks(forwarded)
    assert subject.answer(other_values(given), NOW)[0].risk.tolist() == risks(given), "that one came before"


@every_memory
def test_in_one_pass_with_others_each_is_treated_as_what_it_is(make: Callable[[Policy], SensorMemory]) -> None:
    given = readings(4, 3, sampled_at=NOW)
    subject = assessor(make(Policy()))
    both = join([shadowed(given), given, shadowed(other_values(given))])
    answer, _ = subject.answer(both, NOW)
    assert answer.risk.tolist() == risks(both)
    assert not answer.flags.any()


@pytest.mark.parametrize("sampled_at", [NOW - 3_600_000, NOW + 3_600_000])
def test_they_are_never_late_nor_ahead_of_time(sampled_at: int) -> None:
    given = readings(4, 3, sampled_at=sampled_at)
    answer, _ = assessor(None).answer(shadowed(given), NOW)
    assert answer.flags.tolist() == [0] * 4
    assert answer.risk.tolist() == risks(given)
    assert len(delays(shadowed(given), NOW)) == 0
    answer, _ = assessor(None).answer(join([shadowed(given), given]), NOW)
    assert answer.flags[:4].tolist() == [0] * 4
    assert (answer.flags[4:] & (Flag.LATE | Flag.AHEAD)).all()


def test_in_json_and_over_grpc_it_is_the_same() -> None:
    given = readings(2, 3)
    body, _ = json_body(given, parameters=PARAMETERS)
    _, read = Envelopes(FORM, 10, {}).of_body(body, None)
    assert read is not None
    assert read.untimed is not None
    request = message(given)
    request.parameters["shadowed"].bool_param = True
    serialized = request.SerializeToString()
    envelope, _ = Envelopes(FORM, 10, {}).of_message(serialized, lambda *_: None)
    assert envelope.layout is not None
    assert read_columns([(envelope.layout, serialized)], FORM).untimed is not None


def test_the_parameter_is_true_or_false() -> None:
    assert shadowed(readings(2, 3), shadowed=False).untimed is None
    with pytest.raises(RequestError) as refused:
        shadowed(readings(2, 3), shadowed="yes")
    assert str(refused.value) == "the request: shadowed 'yes' came, expected true or false"
