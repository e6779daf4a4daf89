"""A whole rollout comes to the same end whatever is done to the operator and to its API server meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import pytest

from tests.campaigns.interruptions import (
    ENDINGS,
    Undisturbed,
    each_move,
    interrupt_all,
    undisturbed,
)
from tests.integration.rollout_plant import Plant, Plants
from tests.integration.rollout_story import Rollout, behaviour
from tests.sandbox.fault_proxy import faults
from tests.sandbox.fault_proxy.call import refusal
from tests.sandbox.fault_proxy.faults import Fault, InBursts, LostAnswers, Sometimes
from tests.sandbox.fault_proxy.proxy import FaultProxy
from tests.sandbox.kube_api import Object

PLANTS = 8
WATCHES_LAST_SECONDS = 1.0
GONE: Object = {"type": "ERROR", "object": refusal(410, "Expired", "too old resource version").object}


@pytest.fixture(scope="module")
async def plants(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Plant]]:
    async with Plants.start(tmp_path_factory.mktemp("plants"), PLANTS, behaviour) as plants:
        yield plants.all


@pytest.fixture(scope="module")
async def expected(plants: list[Plant]) -> Undisturbed:
    return await undisturbed(plants)


async def test_undisturbed_every_step_is_taken_once(expected: Undisturbed) -> None:
    promotion, rollback = expected["promotion"], expected["rollback"]
    assert promotion.steps == ("Shadow 0", "Canary 1", "Canary 2", "Promoting 2", "Idle 2")
    assert promotion.weights == (10, 50, 100)
    assert promotion.promotions == 1
    assert rollback.steps == ("Shadow 0", "Canary 1", "Canary 2", "RollingBack 2", "RolledBack 2")
    assert rollback.weights == (10, 50, 0)
    assert rollback.promotions == 0


async def test_an_operator_that_is_killed_around_a_write_comes_to_the_same_end(
    plants: list[Plant], expected: Undisturbed
) -> None:
    """Around the writes that move weights and phases; `make rollout-interruptions` does it around every write."""
    moves = list(each_move(expected))
    outcomes = await interrupt_all(plants, moves, expected)
    assert all(outcome.victim for outcome in outcomes), "each was killed"
    assert not [str(outcome) for outcome in outcomes if outcome.differences]


@dataclass(frozen=True)
class Trouble:
    """What is wrong with the API server all through a rollout. `harm`: makes the faults anew for each run."""

    name: str
    harm: Callable[[], Sequence[Fault]] = tuple
    watches_end: bool = False
    last_event: Object | None = None


TROUBLES = (
    Trouble("429", lambda: [InBursts(faults.too_many_requests, seconds=1.5, pause=2.5)]),
    Trouble("500", lambda: [InBursts(faults.internal_error, seconds=1.5, pause=2.5)]),
    Trouble("409", lambda: [Sometimes(0.4, faults.conflict, faults.is_write)]),
    Trouble("slow", lambda: [Sometimes(1, faults.slow(0.2), faults.is_no_watch)]),
    Trouble("lost answers", lambda: [LostAnswers(0.3)]),
    Trouble("watches dropped", watches_end=True),
    Trouble("watches gone, by their last event", watches_end=True, last_event=GONE),
    Trouble("watches gone, by their status", lambda: [Sometimes(0.5, faults.gone, faults.is_watch)], watches_end=True),
)


async def test_an_api_server_in_trouble_changes_nothing_about_the_end(
    plants: list[Plant], expected: Undisturbed
) -> None:
    found: list[str] = []
    waiting = iter([(trouble, ENDINGS[number % 2]) for number, trouble in enumerate(TROUBLES)])

    async def work(plant: Plant) -> None:
        for trouble, ending in waiting:
            rollout = Rollout(plant, ending)
            await rollout.prepare()
            ends = _ending_watches(plant.proxy, trouble.last_event) if trouble.watches_end else nullcontext()
            async with ends:
                record = await rollout.run(*trouble.harm())
            await rollout.remove()
            found.extend(f"{trouble.name}, {ending}: {each}" for each in record.differences(expected[ending]))

    await asyncio.gather(*(work(plant) for plant in plants))
    assert not found


@asynccontextmanager
async def _ending_watches(proxy: FaultProxy, last_event: Object | None) -> AsyncIterator[None]:
    """No watch lasts longer than a moment."""

    async def end() -> None:
        while True:
            await asyncio.sleep(WATCHES_LAST_SECONDS)
            proxy.end_watches(last_event)

    ending = asyncio.create_task(end())
    try:
        yield
    finally:
        ending.cancel()
