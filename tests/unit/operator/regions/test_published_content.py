"""What is published: endpoints with a version that rises when they change, and what serves, for other installations."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator.cluster_objects import NOW, digest
from tests.unit.operator.played_regions import PlayedRegions, spec_in_regions
from weld_api.status import WeldModelStatus
from weld_operator.domain.regions.endpoints import endpoint_document, published
from weld_operator.domain.regions.served_there import NoDocumentError, served_there
from weld_operator.domain.regions.serving_report import serving_report


@pytest.fixture
def play() -> PlayedRegions:
    play = PlayedRegions(spec_in_regions("a"))
    play.run(4)
    return play


def document(play: PlayedRegions) -> dict[str, Any]:
    found = endpoint_document("plant-a", "north-line", play.status)
    assert found is not None
    return found


def report(play: PlayedRegions) -> dict[str, Any]:
    made = serving_report("plant-a", "north-line", play.status, "BR", play.now)
    read: dict[str, Any] = json.loads(json.dumps(made))
    return read


def test_each_region_has_its_endpoints_in_the_order_of_choice(play: PlayedRegions) -> None:
    found = document(play)
    assert found["model"] == "plant-a/north-line"
    assert [each["name"] for each in found["regions"]] == ["north", "south", "west"]
    (north,) = (each["endpoints"] for each in found["regions"] if each["name"] == "north")
    assert north == [
        {"region": "north", "url": "http://north.example", "weight": 100},
        {"region": "south", "url": "http://south.example", "weight": 0},
        {"region": "west", "url": "http://west.example", "weight": 0},
    ]


def test_the_version_stays_while_nothing_changes_and_rises_when_a_share_moves(play: PlayedRegions) -> None:
    before = document(play)
    play.run(5, seconds=600)
    assert document(play) == before
    play.regions["north"].lost = True
    play.settle()
    play.run(4)
    after = document(play)
    assert after["version"] > before["version"]
    (north,) = (each["endpoints"] for each in after["regions"] if each["name"] == "north")
    assert [(each["region"], each["weight"]) for each in north] == [("south", 50), ("west", 50), ("north", 0)]


def test_the_version_rises_even_if_the_status_was_lost(play: PlayedRegions) -> None:
    before = document(play)["version"]
    play.status = WeldModelStatus()
    play.now += timedelta(hours=1)
    play.look()
    assert document(play)["version"] > before


def test_a_weld_model_without_regions_has_one_endpoint() -> None:
    first = published((), "http://here.example", None, NOW)
    assert first is not None
    status = WeldModelStatus(url="http://here.example", endpoints=first)
    found = endpoint_document("plant-a", "north-line", status)
    assert found is not None
    assert found["regions"] == [
        {"name": "all", "endpoints": [{"region": "all", "url": "http://here.example", "weight": 100}]}
    ]
    assert published((), "http://here.example", first, NOW + timedelta(days=1)) == first
    assert published((), "", None, NOW) is None


def test_a_report_says_what_serves_where_since_when_and_whether_it_is_well(play: PlayedRegions) -> None:
    play.run(3, seconds=3600)
    play.regions["west"].reachable = False
    play.regions["south"].lost = True
    play.settle()
    play.run(2)
    found = report(play)
    assert found["country"] == "BR"
    states = {each["name"]: (each["digest"][0], each["seen"], "healthySince" in each) for each in found["regions"]}
    assert states == {"south": ("a", True, False), "north": ("a", True, True), "west": ("a", False, False)}


def test_a_report_tells_of_rollbacks(play: PlayedRegions) -> None:
    play.bad.add(("south", "b"))
    play.ask_for(spec_in_regions("b"))
    play.run(15)
    (rollback,) = report(play)["rollbacks"]
    assert (rollback["region"], rollback["digest"]) == ("south", digest("b"))


def test_time_served_is_that_of_the_region_that_served_it_for_the_shortest(play: PlayedRegions) -> None:
    play.run(3, seconds=3600)
    found = served_there(report(play), digest("a"))
    assert found.seconds >= 3 * 3600
    assert found.rollbacks == 0
    assert found.at == play.now
    assert served_there(report(play), digest("f")).seconds == 0
    play.regions["west"].reachable = False
    play.run(1)
    assert served_there(report(play), digest("a")).seconds == 0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "well",
        {},
        {"at": "2026-11-23T12:00:00Z", "regions": 1, "rollbacks": []},
        {"at": "2026-11-23T12:00:00", "regions": [], "rollbacks": []},
        {"at": "soon", "regions": [], "rollbacks": []},
        {"at": "2026-11-23T12:00:00Z", "regions": ["south"], "rollbacks": []},
        {"at": "2026-11-23T12:00:00Z", "regions": [{}] * 1001, "rollbacks": []},
    ],
)
def test_what_is_no_report_is_refused(answer: object) -> None:
    with pytest.raises(NoDocumentError):
        served_there(answer, digest("a"))
