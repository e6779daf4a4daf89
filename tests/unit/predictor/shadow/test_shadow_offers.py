"""What a pass offers to the shadow: all that it scored, once it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.unit.predictor.requests import binary_body, json_body, readings
from tests.unit.predictor.test_passes import FEATURES, Predictor, of, rest
from weld_predictor.calls import Call
from weld_predictor.shadow.batch import Scored


class Offers:
    """In the place of the shadow: keeps what it is offered, and which calls were settled by then."""

    def __init__(self, is_on: bool = True) -> None:
        self.is_on = is_on
        self.calls: list[Call] = []
        self.offered: list[Scored] = []
        self.settled: list[bool] = []

    def offer(self, scored: Sequence[Scored]) -> None:
        self.offered += scored
        self.settled += [call.is_settled for call in self.calls]

    @property
    def risks(self) -> list[float]:
        return [risk for each in self.offered for risk in each.answer.risk.tolist()]


@pytest.mark.parametrize("encode", [binary_body, json_body])
async def test_a_pass_is_offered_once_it_is_answered(encode: Any) -> None:
    offers = Offers()
    predictor = Predictor(shadow=offers)
    given = [of(3, 1), of(4, 2)]
    offers.calls = [rest(encode(each)) for each in given]
    await predictor.answer(*offers.calls)
    assert offers.settled == [True, True]
    assert offers.risks == np.abs(np.concatenate([each.features[:, 0] for each in given])).tolist()
    names = [name for each in offers.offered for name in each.readings.sensor_id.tolist()]
    assert names == [name for each in given for name in each.sensor_id.tolist()]


async def test_without_an_order_nothing_is_offered() -> None:
    offers = Offers(is_on=False)
    await Predictor(shadow=offers).answer(rest(binary_body(of(3, 1))))
    assert offers.offered == []


async def test_each_part_of_a_large_request_is_offered_with_its_pass() -> None:
    offers = Offers()
    predictor = Predictor(shadow=offers, max_readings=100)
    await predictor.answer(rest(binary_body(of(250, 1))))
    assert [len(each.answer) for each in offers.offered] == [100, 100, 50]


async def test_what_is_not_scored_is_not_to_be_compared() -> None:
    offers = Offers()
    given = readings(4, FEATURES)
    given.features[:] = 0.5
    given.features[1, 0] = np.nan
    await Predictor(shadow=offers).answer(rest(binary_body(given)))
    [offered] = offers.offered
    assert offered.fresh is not None
    assert offered.fresh.tolist() == [True, False, True, True]


async def test_a_pass_that_fails_offers_what_was_answered_of_it() -> None:
    offers = Offers()
    failing, good = of(3, 1), of(3, 2)
    failing.features[0, 0] = 0.99
    calls = [rest(binary_body(each)) for each in (failing, good)]
    async with asyncio.timeout(10):
        await Predictor(shadow=offers).answer(*calls)
    assert offers.risks == np.abs(good.features[:, 0]).tolist()
