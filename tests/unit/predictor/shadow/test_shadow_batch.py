"""What is forwarded is what was scored afresh, whole and in its order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.predictor.cards import card, weld_card
from tests.unit.predictor.shadow.batches import batch, scored
from weld_predictor.answer import Answer
from weld_predictor.intake.flags import Flag
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.memory import Recollection
from weld_predictor.intake.readings import Readings
from weld_predictor.shadow.backlog import Backlog
from weld_predictor.shadow.batch import Batch, Scored, fresh_rows, join, scored_parts

FLAGS = np.array([0, Flag.LATE, Flag.NOT_SCORED, Flag.CARRIED, Flag.OUT_OF_RANGE], np.uint32)
ANSWER = Answer(np.zeros(5, np.float32), np.zeros(5, np.uint8), FLAGS)


@pytest.mark.parametrize(
    ("recollection", "expected"),
    [
        (None, [0, 1, 3, 4]),
        (Recollection(np.array([0, 2, 4], np.intc)), [0, 4]),
        (Recollection(np.arange(5, dtype=np.intc)), [0, 1, 3, 4]),
        (Recollection(np.array([], np.intc)), []),
    ],
)
def test_only_what_was_scored_in_this_pass_is_compared(recollection: Recollection | None, expected: list[int]) -> None:
    fresh = fresh_rows(ANSWER, recollection)
    assert fresh is not None
    assert np.flatnonzero(fresh).tolist() == expected


def test_a_pass_that_was_scored_throughout_needs_no_choice() -> None:
    answer = Answer(ANSWER.risk[:2], ANSWER.decision[:2], FLAGS[:2])
    assert fresh_rows(answer, None) is None
    assert fresh_rows(answer, Recollection(np.arange(2, dtype=np.intc))) is None


def test_context_goes_by_its_name_whether_the_card_asks_for_it_or_not() -> None:
    form = InputForm.of(weld_card())
    features = np.arange(3 * form.columns, dtype=np.float32).reshape(3, -1)
    unread = {"humidity": np.array([1, 2, np.nan], np.float32)}
    readings = Readings(features, np.arange(3), np.arange(3), unread=unread)
    made = Batch.of(Scored(readings, Answer(*(np.zeros(3, dtype) for dtype in ("f4", "u1", "u4")))), form)
    assert list(made.context) == ["pressure", "temperature", "humidity"]
    assert made.context["pressure"].tolist() == features[:, form.context["pressure"]].tolist()
    assert made.measured.tolist() == features[:, : form.columns - 2].tolist()


def test_what_came_as_waveforms_is_forwarded_as_waveforms() -> None:
    whole = scored(5, fresh=np.array([True, True, False, True, True]))
    waves = np.arange(4, dtype=np.int16).reshape(2, 2)
    parts = list(scored_parts(whole, [(3, None), (2, waves)]))
    assert [len(part.answer) for part in parts] == [3, 2]
    assert [part.fresh_count for part in parts] == [2, 2]
    made = [Batch.of(part, InputForm.of(card())) for part in parts]
    assert made[0].measured.tolist() == whole.readings.features[:3].tolist()
    assert made[1].measured is waves
    assert made[0].kind != made[1].kind
    assert list(scored_parts(whole, [(3, None), (2, None)])) == [whole]


def test_joined_batches_lack_what_only_some_of_them_have() -> None:
    joined = join([batch(2, 1, context={"pressure": [1, 2]}), batch(1, 2), batch(1, 3, context={"flow": [3]})])
    assert np.isnan(joined.context["pressure"]).tolist() == [False, False, True, True]
    assert np.isnan(joined.context["flow"]).tolist() == [True, True, True, False]
    assert len(joined) == 4


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=12), st.integers(1, 40), st.integers(1, 2_000))
def test_what_waits_is_taken_in_its_order_within_bounds(
    sizes: list[tuple[int, bool]], most_readings: int, most_bytes: int
) -> None:
    backlog = Backlog(10_000, 1_000_000)
    put = [batch(count, seed, by_number=by_number) for seed, (count, by_number) in enumerate(sizes)]
    for each in put:
        backlog.put(each)
    taken: list[Batch] = []
    while group := backlog.take(most_readings, most_bytes):
        assert len({each.kind for each in group}) == 1
        one = join(group)
        assert len(one) <= most_readings
        assert len(one) == 1 or sum(each.nbytes for each in group) <= most_bytes
        taken.append(one)
    assert backlog.readings == 0
    assert [risk for each in taken for risk in each.risk] == [risk for each in put for risk in each.risk]
    assert backlog.fits(10_000, 1_000_000)


def test_no_more_waits_than_may() -> None:
    backlog = Backlog(10, 1_000)
    assert backlog.fits(1_000, 1_000_000), "where nothing waits, a pass of any size must have a chance"
    backlog.put(batch(4))
    assert backlog.fits(6, 100)
    assert not backlog.fits(7, 100)
    assert not backlog.fits(1, 1_000)
    assert backlog.clear() == 4
    assert backlog.take(10, 1_000) == []
