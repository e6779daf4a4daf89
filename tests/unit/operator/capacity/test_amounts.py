"""Bytes, money, digs, and one computer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.capacity.examples import PRICES
from weld_operator.domain.capacity.assets import Ledger
from weld_operator.domain.capacity.cost import Consumption, cost_of
from weld_operator.domain.capacity.ledger_size import ledger_size
from weld_operator.domain.capacity.one_computer import Limits, reach
from weld_operator.domain.capacity.worth import worth

THE_PROBLEM = Limits(memory=32e9, memory_for_the_rest=2e9, memory_per_reading=3e6, seconds_per_reading=0.1 / 10_000)


def test_the_ledger_of_one_pipeline_by_hand() -> None:
    """16 bytes of identity, 9 of decision, 24 inputs of 4."""
    found = ledger_size(Ledger(), 100_000, 1.0, 0.001, 24)
    assert found.per_reading == 121
    assert found.a_day == pytest.approx(121 * 100_000 * 86_400)
    assert found.in_all_years == pytest.approx(found.a_day * 365.25 * 5)


def test_a_ledger_of_decisions_keeps_no_inputs_and_one_at_risk_hardly_anything() -> None:
    assert ledger_size(Ledger(policy="decisions"), 1, 1.0, 0.001, 24).per_reading == 25
    assert ledger_size(Ledger(policy="at-risk"), 1, 1.0, 0.001, 24).per_reading == pytest.approx(0.025)


def test_what_a_place_costs_by_hand() -> None:
    found = cost_of(Consumption(2, 2**30, 2 * 2**30, 0, 0), PRICES)
    assert found.cores == pytest.approx(2 * 8766 * 0.04)
    assert found.memory == pytest.approx(8766 * 0.005)
    assert found.ledger == pytest.approx(12 * 0.004)
    assert found.total == pytest.approx(found.cores + found.memory + found.ledger + 20_000)


def test_what_precision_is_worth_by_hand() -> None:
    """Of 10 flaws 6 are found; at 75 % precision each 3 right digs bring one in vain."""
    found = worth("", flaws=10, precision=0.75, recall=0.6, false_dig=40_000, missed_flaw=2_000_000)
    assert found.false_digs == pytest.approx(2)
    assert found.total == pytest.approx(2 * 40_000 + 4 * 2_000_000)


@given(precision=st.floats(0.01, 0.99), recall=st.floats(0.01, 1), better=st.floats(0, 0.01))
def test_to_be_right_more_often_never_costs_more(precision: float, recall: float, better: float) -> None:
    worse, improved = (
        worth("", flaws=10, precision=each, recall=recall, false_dig=1, missed_flaw=1).total
        for each in (precision, precision + better)
    )
    assert improved <= worse


def test_the_engineers_computer_is_exactly_full_at_100_km_in_memory_and_in_time() -> None:
    found = reach(THE_PROBLEM, 0.1, 0.1, 100, (99, 100, 101))
    assert (found.readings_by_memory, found.readings_by_time) == (10_000, 10_000)
    assert [tick.verdict for tick in found.ticks] == [
        "it fits",
        "memory and time exactly full: nothing may go wrong",
        "out of memory, late, and later with each tick",
    ]
    assert found.ticks[1].memory == pytest.approx(32e9)
    assert found.fails_first.startswith("memory and time at the same length, and memory is worse")


def test_with_more_memory_time_fails_first() -> None:
    found = reach(Limits(64e9, 2e9, 3e6, 1e-5), 0.1, 0.1, 100, ())
    assert found.fails_first == "time, beyond 10,000 readings a tick; memory would do for 20,666"
