"""Promotion in waves: which bundle each region is asked for, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator.played_regions import PlayedRegions, region, spec_in_regions
from weld_api.spec import WeldModelSpec

ONE_WAVE: dict[str, Any] = {
    "rollout": {
        "steps": [{"weight": 50, "hold": "1m"}],
        "gates": [{"name": "errors", "errorRate": {"max": 0.001}}],
        "analysis": {"interval": "10s"},
        "waves": [{"regions": ["south", "north"], "bake": "10m"}, {"regions": ["west"]}],
    }
}


def serving(letter: str, **changes: Any) -> PlayedRegions:
    """Three regions that all serve this bundle."""
    play = PlayedRegions(spec_in_regions(letter, **changes))
    play.run(4)
    assert set(play.serving().values()) == {letter}
    return play


def stages(play: PlayedRegions) -> dict[str, str]:
    return {each.name: each.asked.stage for each in play.status.regions if each.asked is not None}


def reasons(play: PlayedRegions) -> list[str]:
    return [happening.reason for happening in play.told]


def until_promoted(play: PlayedRegions, letter: str, *names: str) -> None:
    for _ in range(60):
        play.run(1)
        if all(play.serving()[name] == letter for name in names):
            return
    raise AssertionError(f"{names} do not serve {letter}: {play.status.summary}")


def test_the_first_bundle_goes_everywhere_at_once() -> None:
    play = PlayedRegions(spec_in_regions("a"))
    play.look()
    assert stages(play) == dict.fromkeys(("south", "north", "west"), "First")
    play.run(3)
    assert play.serving() == dict.fromkeys(("south", "north", "west"), "a")
    assert play.status.phase == "Serving"
    assert "WaveBegins" not in reasons(play)


def test_regions_try_a_bundle_one_after_the_other_with_a_bake_between() -> None:
    play = serving("a")
    play.ask_for(spec_in_regions("b"))
    play.look()
    assert stages(play) == {"south": "Trial", "north": "Held", "west": "Held"}
    until_promoted(play, "b", "south")
    promoted = play.now
    play.run(3, seconds=1000)
    assert play.serving() == {"south": "b", "north": "a", "west": "a"}
    assert "bakes until" in play.status.summary
    until_promoted(play, "b", "north")
    assert play.now - promoted >= timedelta(hours=1)
    for _ in range(5):
        play.run(10, seconds=400)
    assert set(play.serving().values()) == {"b"}
    assert reasons(play).count("WaveBegins") == 3
    assert play.status.candidate is None


def test_a_bundle_that_fails_in_a_wave_sends_the_wave_back_and_holds_the_rest() -> None:
    play = serving("a", **ONE_WAVE)
    play.ask_for(spec_in_regions("b", **ONE_WAVE))
    play.regions["north"].reachable = False
    until_promoted(play, "b", "south")
    play.regions["north"].reachable = True
    play.bad.add(("north", "b"))
    play.run(12)
    assert play.serving() == {"south": "a", "north": "a", "west": "a"}
    assert stages(play) == {"south": "Held", "north": "Rejected", "west": "Held"}
    assert play.status.wave_failure is not None
    assert play.status.phase == "RolledBack"
    assert reasons(play).count("WaveFailed") == 1
    assert reasons(play).count("RegionGoesBack") == 1


def test_earlier_waves_keep_what_a_later_one_turned_down() -> None:
    play = serving("a")
    play.ask_for(spec_in_regions("b"))
    play.bad.add(("north", "b"))
    until_promoted(play, "b", "south")
    play.run(15, seconds=600)
    assert play.serving() == {"south": "b", "north": "a", "west": "a"}
    assert stages(play) == {"south": "Promoted", "north": "Rejected", "west": "Held"}


@pytest.mark.parametrize("letter", ["a", "c"])
def test_another_bundle_is_the_way_out_of_a_wave_that_failed(letter: str) -> None:
    play = serving("a")
    play.ask_for(spec_in_regions("b"))
    play.bad.add(("north", "b"))
    play.run(25, seconds=600)
    play.ask_for(spec_in_regions(letter))
    play.run(60, seconds=600)
    assert set(play.serving().values()) == {letter}
    assert play.status.wave_failure is None


def test_retry_is_the_other_way_out() -> None:
    play = serving("a", **ONE_WAVE)
    play.ask_for(spec_in_regions("b", **ONE_WAVE))
    play.bad.add(("north", "b"))
    play.run(30)
    assert play.status.wave_failure is not None
    play.bad.clear()
    play.act("retry", "b")
    play.run(60, seconds=60)
    assert set(play.serving().values()) == {"b"}
    assert play.status.wave_failure is None
    assert "ActRefused" not in reasons(play)


def test_an_act_is_not_taken_up_by_a_trial_that_begins_later() -> None:
    play = serving("a")
    rollout = spec_in_regions("a").model_dump(mode="json")["rollout"]
    manual: dict[str, Any] = {"rollout": {**rollout, "approval": "Manual"}}
    play.ask_for(spec_in_regions("b", **manual))
    play.run(10)
    play.act("promote", "b")
    until_promoted(play, "b", "south")
    play.run(20, seconds=600)
    assert play.memory("north").phase == "AwaitingApproval"
    assert play.serving()["north"] == "a"
    assert play.serving()["west"] == "a"


def test_an_act_that_no_region_hears_is_refused_once() -> None:
    play = serving("a")
    play.act("promote", "b")
    play.run(3)
    assert reasons(play).count("ActRefused") == 1


def test_an_unreachable_region_holds_the_waves_behind_it_until_it_is_back_or_gone() -> None:
    play = serving("a")
    play.regions["south"].reachable = False
    play.ask_for(spec_in_regions("b"))
    play.run(20, seconds=600)
    assert play.serving() == dict.fromkeys(("south", "north", "west"), "a")
    assert "cannot be reached" in play.status.summary
    left = [region("north", 60, ["west"]), region("west", 40, ["north"])]
    play.ask_for(spec_in_regions("b", left))
    play.run(60, seconds=600)
    assert play.serving() == {"north": "b", "west": "b"}


def test_a_region_that_stops_serving_in_its_bake_bakes_anew() -> None:
    play = serving("a")
    play.ask_for(spec_in_regions("b"))
    until_promoted(play, "b", "south")
    play.run(1, seconds=3000)
    play.regions["south"].lost = True
    play.settle()
    play.run(2, seconds=900)
    assert stages(play)["north"] == "Held"
    play.regions["south"].lost = False
    play.settle()
    play.run(1, seconds=3000)
    assert stages(play)["north"] == "Held"
    play.run(2, seconds=700)
    assert stages(play)["north"] == "Trial"


def test_a_new_region_serves_what_is_proven_until_its_wave() -> None:
    play = serving("a")
    play.ask_for(spec_in_regions("b"))
    until_promoted(play, "b", "south")
    more = [region("south", 40), region("north", 30), region("west", 20), region("east", 10)]
    play.ask_for(spec_in_regions("b", more))
    play.run(3)
    assert play.serving()["east"] == "a"
    play.run(90, seconds=600)
    assert set(play.serving().values()) == {"b"}


def test_a_region_that_is_not_named_any_more_goes_once_the_others_serve() -> None:
    play = serving("a")
    play.ask_for(spec_in_regions("a", [region("east", 100)]))
    play.look()
    assert [each.name for each in play.status.regions] == ["east", "south", "north", "west"]
    assert play.serving()["south"] == "a"
    play.run(4)
    assert [each.name for each in play.status.regions] == ["east"]
    assert play.serving() == {"east": "a"}


def test_without_a_rollout_all_regions_are_one_wave() -> None:
    play = serving("a", rollout=None)
    play.ask_for(spec_in_regions("b", rollout=None))
    play.run(4)
    assert set(play.serving().values()) == {"b"}


def test_what_is_held_keeps_all_but_its_scaling() -> None:
    play = serving("a")
    changed = spec_in_regions("b").model_dump(mode="json", exclude_none=True)
    changed["serving"]["scaling"] = {"minReplicas": 4, "maxReplicas": 8}
    changed["serving"]["readyWithin"] = "33m"
    play.ask_for(WeldModelSpec.model_validate(changed))
    play.run(3)
    (kept,) = (each for each in play.memory("west").revisions if each.phase == "Stable")
    assert kept.spec["serving"]["scaling"]["minReplicas"] >= 4
    assert kept.spec["serving"]["readyWithin"] == "5m"


def test_the_status_tells_in_one_line_what_runs_where_and_why() -> None:
    play = serving("a")
    play.ask_for(spec_in_regions("b"))
    play.run(2)
    assert play.status.summary == (
        "south: 10.0.0, wave 1 of 3 is on; "
        "north: 10.0.0, waits for south in wave 1 of 3, which tries it; "
        "west: 10.0.0, waits for south in wave 1 of 3, which tries it"
    )
