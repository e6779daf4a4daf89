"""The whole plan holds together."""

from __future__ import annotations

import pytest

from tests.unit.operator.capacity.examples import NORTH, SOUTH, assets, spec, subject
from weld_operator.domain.capacity.assets import Region
from weld_operator.domain.capacity.plan import plan_for
from weld_operator.domain.capacity.subject import PlanError


def test_one_pipeline_needs_two_replicas_because_one_may_be_lost() -> None:
    plan = plan_for(subject())
    (place,) = plan.places
    assert place.size.replicas == 2
    assert place.losses_survived == 1
    assert [loss.replicas_left for loss in place.losses] == [2, 1, 1]
    assert place.readings_per_second == 100_000
    assert place.bytes_in_per_second == pytest.approx(11_400_000)


def test_regions_share_what_there_is() -> None:
    plan = plan_for(subject(on=assets(SOUTH, NORTH)))
    assert [place.readings_per_second for place in plan.places] == [60_000, 40_000]
    assert plan.total(lambda place: place.ledger.a_day) == pytest.approx(plan_for(subject()).places[0].ledger.a_day)
    assert [loss.region for loss in plan.region_losses] == ["south", "north"]
    assert all(loss.answered_elsewhere == 1 for loss in plan.region_losses)


def test_readings_that_may_not_leave_are_answered_nowhere_else() -> None:
    abroad = Region(name="peru", country="pe", share=40, kilometres_to_hub=3000, readings_may_leave=False)
    plan = plan_for(subject(on=assets(SOUTH, abroad)))
    lost = {loss.region: loss for loss in plan.region_losses}
    assert lost["peru"].answered_elsewhere == 0
    assert lost["peru"].on_time == pytest.approx(0.6, abs=0.01)
    one, many = plan.placements
    assert (one.refused_by_law, many.refused_by_law) == (("pe",), ())
    assert one.blast_radius == 1
    assert many.blast_radius == pytest.approx(0.6)
    assert one.bytes_abroad_per_second > 0 == many.bytes_abroad_per_second
    assert one.p99 > many.p99


def test_a_sample_saves_cores_and_keeps_the_network() -> None:
    plan = plan_for(subject())
    every, nth, change = plan.policies
    assert every.is_chosen
    assert nth.cores < every.cores > change.cores
    sampled = plan_for(subject(spec(serving={"intake": {"sampling": "EveryNth", "everyNth": 10}})))
    assert sampled.policies[1].is_chosen
    assert sampled.scored_share == 0.1
    assert sampled.places[0].bytes_in_per_second == plan.places[0].bytes_in_per_second


def test_the_plan_says_where_the_weld_model_does_not_agree_with_it() -> None:
    plan = plan_for(subject(spec(readingsPerTick=200_000, serving={"scaling": {"maxReplicas": 2}})))
    assert any(warning.startswith("south needs ") and "maxReplicas is 2" in warning for warning in plan.warnings)
    assert any("200 at each point" in warning for warning in plan.warnings)


def test_without_prices_nothing_is_said_of_money() -> None:
    plan = plan_for(subject(prices=None))
    assert (plan.cost, plan.worth, plan.currency) == (None, (), None)


def test_requests_that_are_scored_in_parts_are_refused_in_a_sentence() -> None:
    whole = assets(delivery={"requestReadings": 20_000})
    with pytest.raises(PlanError, match=r"delivery.requestReadings 20,000 must not be above .* 16,384"):
        plan_for(subject(on=whole))
