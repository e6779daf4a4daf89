"""Who carries whose share: each row of the table, and what is told and held ready."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.unit.operator.cluster_objects import NOW
from tests.unit.operator.played_regions import region, spec_in_regions
from weld_api.region_status import Outage
from weld_api.spec import WeldModelSpec
from weld_operator.domain.regions.failover import FailoverCourse, next_failover
from weld_operator.domain.regions.headroom import replica_floors, survived_losses
from weld_operator.domain.regions.sights import RegionSight, State
from weld_operator.domain.rollout.trial import Happening

SPEC = spec_in_regions("a")


class Watch:
    """Looks at three regions again and again; those that are not named serve."""

    def __init__(self, spec: WeldModelSpec = SPEC) -> None:
        self.spec = spec
        self.now: datetime = NOW
        self.outages: dict[str, Outage | None] = {}
        self.told: list[Happening] = []
        self.course: FailoverCourse | None = None

    def see(self, seconds: int, **states: State) -> FailoverCourse:
        """After so many seconds."""
        self.now += timedelta(seconds=seconds)
        sights = {each.name: RegionSight(states.get(each.name, "Serving"), 4) for each in self.spec.regions}
        self.course = next_failover(self.spec, sights, self.outages, self.now)
        self.outages = {name: carriage.outage for name, carriage in self.course.regions.items()}
        self.told.extend(self.course.happenings)
        return self.course

    @property
    def reasons(self) -> list[str]:
        return [happening.reason for happening in self.told]

    def stage(self, name: str) -> str | None:
        outage = self.outages[name]
        return None if outage is None else outage.stage

    def weights(self, name: str) -> dict[str, int]:
        assert self.course is not None
        return {each.region: each.weight for each in self.course.regions[name].sends_to}


def test_while_all_serve_each_region_answers_its_own_sensors_and_the_others_are_next() -> None:
    watch = Watch()
    course = watch.see(0)
    assert [(each.region, each.weight) for each in course.regions["north"].sends_to] == [
        ("north", 100), ("south", 0), ("west", 0),
    ]  # fmt: skip
    assert course.look_at is None


def test_a_short_break_moves_nothing_and_is_not_told() -> None:
    watch = Watch()
    watch.see(0, north="NotServing")
    assert watch.see(29, north="NotServing").look_at == NOW + timedelta(seconds=30)
    assert watch.weights("north")["north"] == 100
    watch.see(0)
    assert watch.stage("north") is None
    assert watch.reasons == []


def test_a_region_that_does_not_serve_is_carried_by_those_that_it_names_in_equal_parts() -> None:
    watch = Watch()
    watch.see(0, north="NotServing")
    course = watch.see(30, north="NotServing")
    assert [(each.region, each.weight) for each in course.regions["north"].sends_to] == [
        ("south", 50), ("west", 50), ("north", 0),
    ]  # fmt: skip
    for _ in range(5):
        watch.see(100, north="NotServing")
    assert watch.reasons == ["RegionFailedOver"]


def test_an_unseen_region_keeps_its_share_while_others_stand_ready() -> None:
    watch = Watch(spec_in_regions("a", failover={"capacity": "OnLoss"}))
    at_rest = watch.see(0).regions["south"].replica_floor
    watch.see(0, north="Unseen")
    course = watch.see(30, north="Unseen")
    assert watch.stage("north") == "Offered"
    assert watch.weights("north") == {"north": 100, "south": 0, "west": 0}
    assert course.regions["south"].replica_floor > at_rest
    assert watch.reasons == ["RegionUnseen"]


def test_what_was_seen_not_to_serve_counts_as_such_when_it_cannot_be_seen_any_more() -> None:
    watch = Watch()
    watch.see(0, north="NotServing")
    watch.see(10, north="Unseen")
    watch.see(20, north="Unseen")
    assert watch.stage("north") == "FailedOver"


def test_an_unseen_region_that_is_then_seen_not_to_serve_is_carried_after_the_time() -> None:
    watch = Watch()
    watch.see(0, north="Unseen")
    watch.see(30, north="Unseen")
    watch.see(10, north="NotServing")
    assert watch.stage("north") == "Offered"
    watch.see(30, north="NotServing")
    assert watch.stage("north") == "FailedOver"
    assert watch.reasons == ["RegionUnseen", "RegionFailedOver"]


@pytest.mark.parametrize("state", ["NotServing", "Unseen"])
def test_a_share_comes_back_only_after_serving_without_a_break(state: State) -> None:
    watch = Watch()
    watch.see(0, north="NotServing")
    watch.see(30, north="NotServing")
    watch.see(10)
    watch.see(299)
    assert watch.stage("north") == "Returning"
    assert watch.weights("north")["north"] == 0
    watch.see(0, north=state)
    assert watch.stage("north") == "FailedOver"
    watch.see(1)
    watch.see(299)
    assert watch.weights("north")["north"] == 0
    watch.see(1)
    assert watch.weights("north")["north"] == 100
    assert watch.reasons == ["RegionFailedOver", "RegionReturned"]


def test_a_region_that_nobody_can_carry_keeps_its_share_until_somebody_can() -> None:
    watch = Watch()
    watch.see(0, south="NotServing", north="NotServing")
    watch.see(30, south="NotServing", north="NotServing")
    assert watch.stage("south") == "Stranded"
    assert watch.weights("south") == {"south": 100, "north": 0}
    watch.see(1, south="NotServing")
    watch.see(300, south="NotServing")
    assert watch.stage("south") == "FailedOver"
    assert watch.weights("south") == {"north": 100, "south": 0}


def test_an_outage_is_told_of_once_however_often_its_carrier_comes_and_goes() -> None:
    watch = Watch(spec_in_regions("a", [region("south", 50, ["north"]), region("north", 50, [])]))
    watch.see(0, south="NotServing")
    watch.see(30, south="NotServing")
    assert watch.stage("south") == "FailedOver"
    for _ in range(2):
        watch.see(0, south="NotServing", north="NotServing")
        watch.see(30, south="NotServing", north="NotServing")
        assert watch.stage("south") == "Stranded"
        watch.see(1, south="NotServing")
        watch.see(300, south="NotServing")
        assert watch.stage("south") == "FailedOver"
    of_south = [each.reason for each in watch.told if each.message.startswith("Region south ")]
    assert of_south == ["RegionFailedOver", "RegionStranded"]


def test_when_a_carrier_is_lost_the_other_carries_all() -> None:
    watch = Watch()
    watch.see(0, north="NotServing")
    watch.see(30, north="NotServing")
    watch.see(1, north="NotServing", west="NotServing")
    assert watch.weights("north") == {"south": 50, "west": 50, "north": 0}
    watch.see(30, north="NotServing", west="NotServing")
    assert watch.weights("north") == {"south": 100, "north": 0, "west": 0}
    assert watch.weights("west") == {"west": 100, "north": 0}


def test_a_new_region_is_carried_without_an_outage_until_it_answers() -> None:
    watch = Watch()
    watch.see(0, north="New")
    watch.see(100, north="New")
    assert watch.weights("north") == {"south": 50, "west": 50, "north": 0}
    watch.see(1)
    assert watch.weights("north")["north"] == 100
    assert watch.reasons == []


def test_regions_hold_at_any_time_what_the_worst_loss_would_send_them() -> None:
    # minReplicas is 2, of which one may be missing: a region needs one for itself and one for whom it carries.
    assert replica_floors(SPEC, {}) == {"south": 3, "north": 3, "west": 3}
    on_loss = spec_in_regions("a", failover={"capacity": "OnLoss"})
    assert replica_floors(on_loss, {}) == {"south": 2, "north": 2, "west": 2}
    assert replica_floors(on_loss, {"north": {"south": 1.0, "west": 1.0}})["north"] == 4


def test_where_the_rate_of_a_replica_is_known_it_decides() -> None:
    serving = {"scaling": {"minReplicas": 1, "maxReplicas": 20, "target": {"readingsPerSecond": 10_000}}}
    spec = spec_in_regions("a", serving=serving)
    # 100,000 readings/s: 5 + 3/2 for half of the north + 1, 3 + 5 + 1, 2 + 3/2 + 1.
    assert replica_floors(spec, {}) == {"south": 8, "north": 9, "west": 5}


def test_a_floor_never_exceeds_the_most_that_a_region_may_have() -> None:
    scaling = {"minReplicas": 1, "maxReplicas": 2}
    spec = spec_in_regions("a", [region("here", 50, ["there"], scaling=scaling), region("there", 50, ["here"])])
    assert replica_floors(spec, {"here": {"there": 1.0}})["here"] == 2


@pytest.mark.parametrize(
    ("ready", "regions", "replicas"),
    [
        pytest.param((3, 3, 3), 1, 2, id="one, whichever it is"),
        pytest.param((3, 1, 3), 0, 0, id="none, as the north could not carry"),
        pytest.param((9, 9, 9), 1, 8, id="no two, as the south names one alone"),
        pytest.param((0, 3, 3), 0, 0, id="no replica of a region that is short already"),
    ],
)
def test_the_losses_that_the_present_size_survives(ready: tuple[int, int, int], regions: int, replicas: int) -> None:
    sights = {each.name: RegionSight("Serving", count) for each, count in zip(SPEC.regions, ready, strict=True)}
    found = survived_losses(SPEC, sights)
    assert (found.regions, found.replicas) == (regions, replicas)


def test_what_is_lost_already_is_no_more_to_be_lost() -> None:
    mesh = (("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"]))
    spec = spec_in_regions("a", [region(name, 50 if name == "a" else 25, others) for name, others in mesh])
    sights = {name: RegionSight("Serving", 9) for name, _ in mesh}
    assert survived_losses(spec, sights).regions == 2
    sights["c"] = RegionSight("NotServing")
    assert survived_losses(spec, sights).regions == 1
    sights["b"] = RegionSight("NotServing")
    assert survived_losses(spec, sights).regions == 0
