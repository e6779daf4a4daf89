"""What holds whatever happens to regions: losses, returns, rollouts, edits, and an operator that is killed.

The state is read back from the status between any two looks. What is played is a WeldModel in three regions; the
decisions are the operator's own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.operator.cluster_objects import NOW
from tests.unit.operator.played_regions import THREE, PlayedRegions, region, spec_in_regions
from weld_api.action import Verb
from weld_operator.domain.regions.endpoints import endpoint_document
from weld_operator.domain.regions.whole import Whole

NAMES = st.sampled_from([name for name, *_ in THREE])
LETTERS = st.sampled_from("ab")
AFTER, BACK = timedelta(seconds=30), timedelta(minutes=5)
FOUR = [region("south", 50, ["north"]), region("north", 20, ["west"]), region("west", 20), region("east", 10)]
ONE_WAVE = [{"regions": ["south", "north"], "bake": "5m"}, {"regions": ["west"], "bake": "5m"}]


class Regions(RuleBasedStateMachine):
    """Random sequences of all that happens."""

    @initialize(letter=LETTERS)
    def begin(self, letter: str) -> None:
        self.play = PlayedRegions(spec_in_regions(letter))
        self.play.run(4)
        self.letter = letter
        self.moves: dict[str, list[datetime]] = {}
        self.versions: dict[str, list[str]] = {}
        self.returned: dict[str, datetime] = {}

    @rule(letter=LETTERS)
    def ask_for(self, letter: str) -> None:
        self.letter = letter
        self.play.ask_for(spec_in_regions(letter))

    @rule()
    def put_two_regions_in_a_wave(self) -> None:
        rollout = self.play.spec.model_dump(mode="json", exclude_none=True)["rollout"] | {"waves": ONE_WAVE}
        self.play.ask_for(spec_in_regions(self.letter, rollout=rollout))

    @rule()
    def add_a_region(self) -> None:
        self.play.ask_for(spec_in_regions(self.letter, FOUR))

    @rule(name=NAMES)
    def lose(self, name: str) -> None:
        if name in self.play.regions:
            self.play.regions[name].lost = True
            self.play.settle()

    @rule(name=NAMES)
    def lose_sight_of(self, name: str) -> None:
        if name in self.play.regions:
            self.play.regions[name].reachable = False

    @rule(name=NAMES)
    def bring_back(self, name: str) -> None:
        if name in self.play.regions:
            self.play.regions[name].lost = False
            self.play.regions[name].reachable = True
            self.play.settle()

    @rule(name=NAMES, letter=LETTERS)
    def a_bundle_is_bad_somewhere(self, name: str, letter: str) -> None:
        self.play.bad.add((name, letter))

    @rule(verb=st.sampled_from(get_args(Verb)), letter=LETTERS)
    def somebody_acts(self, verb: Verb, letter: str) -> None:
        self.play.act(verb, letter)

    @rule(seconds=st.sampled_from([1, 20, 61, 400]))
    def time_passes(self, seconds: int) -> None:
        self.play.now += timedelta(seconds=seconds)

    @rule(settles=st.booleans())
    def the_operator_looks(self, settles: bool) -> None:
        self._look(is_killed=False, settles=settles)

    @rule(settles=st.booleans())
    def the_operator_is_killed_before_the_status_is_written(self, settles: bool) -> None:
        self._look(is_killed=True, settles=settles)
        self._look(is_killed=False, settles=settles)

    def _look(self, *, is_killed: bool, settles: bool) -> None:
        before = {each.name: each for each in self.play.status.regions}
        result = self.play.look(is_killed=is_killed)
        self._check_endpoints(result)
        for each in result.status.regions:
            earlier = before.get(each.name)
            was_moved = earlier is not None and earlier.outage is not None and earlier.outage.moved
            is_moved = each.outage is not None and each.outage.moved
            if is_moved and not was_moved:
                # Only after the stated time, and not before the return from the outage before has lasted.
                assert each.outage is not None
                assert each.outage.worse_since is not None
                assert self.play.now - each.outage.worse_since >= AFTER
            if was_moved and not is_moved and earlier is not None and earlier.outage is not None:
                assert earlier.outage.serves_since is not None
                assert self.play.now - earlier.outage.serves_since >= BACK
            assert [revision.phase for revision in each.revisions].count("Stable") <= 1
            assert [revision.phase for revision in each.revisions].count("Pending") <= 1
        if settles:
            self.play.settle()

    def _check_endpoints(self, result: Whole) -> None:
        """Never fewer endpoints than serve; weights are a whole; who is moved to is up."""
        document = endpoint_document("plant-a", "north-line", result.status)
        assert document is not None
        offered = {one["region"] for each in document["regions"] for one in each["endpoints"]}
        known = {each.name for each in result.status.regions if each.url}
        assert offered == known
        serving = {name for name, place in self.play.regions.items() if place.serves and place.reachable}
        assert serving <= offered
        for each in result.status.regions:
            assert sum(one.weight for one in each.sends_to) == 100
            assert each.name in {one.region for one in each.sends_to}
            names = [one.region for one in each.sends_to]
            assert len(names) == len(set(names))
            for one in each.sends_to:
                carrier = next(other for other in result.status.regions if other.name == one.region)
                if one.weight and one.region != each.name:
                    assert carrier.outage is None or not carrier.outage.moved

    @invariant()
    def each_region_has_one_history(self) -> None:
        """No two trials of a region overlap, and what is stable has been asked for."""
        for each in getattr(self, "play", PlayedRegions(spec_in_regions("a"))).status.regions:
            for earlier, later in zip(each.history, each.history[1:], strict=False):
                assert earlier.ended <= later.ended
            if each.rollout is not None and each.history and each.rollout.phase not in ("Idle", "RolledBack"):
                assert each.rollout.started >= each.history[-1].started

    @invariant()
    def the_version_of_the_endpoints_rises_with_their_content(self) -> None:
        play = getattr(self, "play", None)
        if play is None or play.status.endpoints is None:
            return
        key = play.status.endpoints.version
        known = self.versions.setdefault("documents", [])
        content = f"{key} {play.status.endpoints.digest}"
        if content not in known:
            assert all(int(each.split()[0]) < key for each in known)
            known.append(content)

    def teardown(self) -> None:
        """Every state has a way out: with all regions back and a sound bundle asked for, that one serves everywhere."""
        play = getattr(self, "play", None)
        if play is None:
            return
        for place in play.regions.values():
            place.lost, place.reachable = False, True
        play.bad.clear()
        play.ask_for(spec_in_regions("c"))
        play.action = None
        for _ in range(30):
            play.run(4, seconds=900)
            if set(play.serving().values()) == {"c"} and play.status.phase == "Serving":
                break
        assert set(play.serving().values()) == {"c"}, play.status.summary
        assert play.status.phase == "Serving", (play.status.phase, play.status.conditions)
        assert all(each.outage is None for each in play.status.regions)
        told = [happening for happening in play.told if happening.reason == "RegionFailedOver"]
        assert len({happening.moment for happening in told}) == len(told), "once an outage"
        assert play.now > NOW


Regions.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestRegions = Regions.TestCase
