"""The same, with the real reconciler over two clusters in memory, and an operator that is killed at any write.

Whatever the operator had written when it was killed, and whether that write came through, the next one goes on.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.operator.in_memory_cluster import CrashError
from tests.unit.operator.regional_plant import BOTH, RegionalPlant
from weld_api.status import WeldModelStatus
from weld_operator.domain.regions.endpoints import endpoint_document
from weld_operator.kinds import EVENT

REMOTE = "north-cluster"
ROLLOUT = {
    "steps": [{"weight": 50, "hold": "10s"}],
    "gates": [{"name": "errors", "errorRate": {"max": 0.01}}],
    "analysis": {"interval": "5s"},
    "waves": [{"regions": ["south"], "bake": "20s"}, {"regions": ["north"], "bake": "20s"}],
}
ACTIONS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from("abc")),
    st.tuples(st.just("lose"), st.sampled_from(["south", "north"])),
    st.tuples(st.just("lose sight"), st.just(REMOTE)),
    st.tuples(st.just("bring back"), st.just("")),
    st.tuples(st.just("pass"), st.sampled_from(["10", "40", "400"])),
    st.tuples(st.just("kill"), st.sampled_from(["1", "2", "3", "5", "8"])),
    st.tuples(st.just("kill late"), st.sampled_from(["1", "2", "3", "5", "8"])),
)


@dataclass
class Story:
    """The plant, and what happens to it."""

    plant: RegionalPlant = field(default_factory=RegionalPlant)
    lost: set[str] = field(default_factory=set)
    letter: str = "a"
    outages: int = 0
    documents: dict[int, str] = field(default_factory=dict)

    async def begin(self) -> None:
        self.plant.rollout = ROLLOUT
        await self.plant.until_a_serves()

    async def do(self, action: str, about: str) -> None:
        match action:
            case "ask":
                self.letter = about
                self.plant.ask(about, *BOTH)
            case "lose":
                self.outages += about not in self.lost
                self.lost.add(about)
            case "lose sight":
                self.outages += REMOTE not in self.plant.remotes.lost
                self.plant.remotes.lost.add(REMOTE)
            case "bring back":
                self.lost.clear()
                self.plant.remotes.lost.clear()
            case "kill" | "kill late":
                self.plant.crash_at(len(self.plant.home.writes) + int(about), late=action == "kill late")
        await self.live(int(about) if action == "pass" else 5)
        self.plant.crash_at(None)

    async def live(self, seconds: int) -> None:
        """Looks, as often as a cluster would make the operator look; a new one where it was killed."""
        for _ in range(0, seconds, 5 if seconds < 100 else 20):
            self.plant.follow(lost=self.lost)
            try:
                await self.plant.settle()
            except CrashError:
                self.plant.crash_at(None)
                self.plant.clock.advance(7)
                self.plant.restart()
                await self.plant.settle()
            self.check()
            self.plant.clock.advance(5 if seconds < 100 else 20)

    def check(self) -> None:
        status = WeldModelStatus.model_validate(self.plant.status)
        document = endpoint_document("plant-a", "north-line", status)
        assert document is not None
        offered = {one["region"] for each in document["regions"] for one in each["endpoints"]}
        assert {"south", "north"} - self.lost <= offered, "never fewer endpoints than serve"
        content = json.dumps(document["regions"])
        assert self.documents.setdefault(document["version"], content) == content
        assert max(self.documents) == document["version"]
        for region in status.regions:
            phases = [revision.phase for revision in region.revisions]
            assert phases.count("Stable") <= 1
            assert phases.count("Pending") <= 1
            assert len({revision.name for revision in region.revisions}) == len(phases)
            assert sum(each.weight for each in region.sends_to) == 100
        told = self.plant.told()
        assert told.count("RegionFailedOver") <= self.outages, "once an outage"
        assert told.count("RegionReturned") <= self.outages

    async def end(self) -> None:
        """Every state has a way out."""
        self.lost.clear()
        self.plant.remotes.lost.clear()
        self.plant.ask("d", *BOTH)
        for _ in range(8):
            await self.live(400)
            served = [each["stable"]["digest"][0] for each in self.plant.status["regions"]]
            if served == ["d", "d"] and self.plant.status["phase"] == "Serving":
                break
        assert served == ["d", "d"], self.plant.status["summary"]
        assert self.plant.status["phase"] == "Serving"
        assert all("outage" not in each for each in self.plant.status["regions"])
        before = len(self.plant.home.writes)
        self.plant.clock.advance(timedelta(hours=2).total_seconds())
        await self.plant.settle()
        assert self.plant.home.writes[before:] == [], "nothing is written at rest"
        names = [name for kind, _, name in self.plant.home.objects if kind == EVENT]
        assert len(names) == len(set(names))


async def _play(actions: list[tuple[str, str]]) -> None:
    story = Story()
    await story.begin()
    for action, about in actions:
        await story.do(action, about)
    await story.end()


@settings(max_examples=8, deadline=None)
@given(st.lists(ACTIONS, min_size=3, max_size=9))
@example([("ask", "a"), ("lose", "north"), ("pass", "40")])
def test_whatever_happens_regions_serve_and_a_way_out_stays(actions: list[tuple[str, str]]) -> None:
    asyncio.run(_play(actions))
