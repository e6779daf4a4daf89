"""A fleet that is divided among processes: each WeldModel has one that looks after it, whoever comes and goes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from tests.integration.operator_rights import ACCOUNT
from tests.integration.played_site import NAMESPACE, PlayedSite, place
from tests.sandbox.waiting import wait_for
from tests.unit.operator.cluster_objects import spec_of
from weld_operator.kinds import INFERENCE_SERVICE, WELD_MODEL, Key
from weld_operator.sharding import shard_of

SHARDS = 2
NAMES = [f"line-{number}" for number in range(10)]
WITHIN_SECONDS = 20.0


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlayedSite]:
    """Two processes lead a shard each, and a third waits."""
    async with PlayedSite.start(tmp_path_factory.mktemp("sharding"), shards=SHARDS) as site:
        for number, name in enumerate(("first", "second", "third")):
            await site.start_operator(name, shards=SHARDS)
            if number < SHARDS:
                await _until_led(site, number, name)
        yield site


async def test_each_weld_model_is_served_by_the_process_of_its_shard_alone(site: PlayedSite) -> None:
    for name in NAMES:
        await _serve(site, name)
    served = _served_by(site)
    for name in NAMES:
        assert served[name] == {("first", "second")[_shard(name)]}
    assert {_shard(name) for name in NAMES} == set(range(SHARDS))
    assert await site.leader() == "2 shards"


async def test_who_waits_takes_over_from_a_process_that_was_killed(site: PlayedSite) -> None:
    await site.operators["second"].kill()
    await _until_led(site, 1, "third")
    fresh = next(name for name in (f"late-{number}" for number in range(100)) if _shard(name) == 1)
    await _serve(site, fresh)
    assert _served_by(site)[fresh] == {"third"}
    assert await site.leader(f"{ACCOUNT}-0") == "first"


async def test_a_process_that_divides_otherwise_waits_until_the_others_are_gone(site: PlayedSite) -> None:
    await site.start_operator("alone")
    late = next(name for name in (f"later-{number}" for number in range(100)) if _shard(name) == 0)
    await _serve(site, late)
    assert _served_by(site)[late] == {"first"}
    assert await site.leader() == "2 shards"
    for name in ("first", "third"):
        await site.stop_operator(name)
    await site.until_led_by("alone")
    await _serve(site, "last")
    assert _served_by(site)["last"] == {"alone"}


def _shard(name: str) -> int:
    return shard_of(Key(NAMESPACE, name), SHARDS)


async def _until_led(site: PlayedSite, shard: int, name: str) -> None:
    await wait_for(
        lambda: site.leader(f"{ACCOUNT}-{shard}"),
        lambda seen: seen == name,
        seconds=WITHIN_SECONDS,
        what=f"{name} to lead shard {shard}",
    )


async def _serve(site: PlayedSite, name: str) -> None:
    """Apply a WeldModel, and wait until somebody has made its InferenceService."""
    body = {
        "apiVersion": WELD_MODEL.api_version,
        "kind": WELD_MODEL.name,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec_of("a"),
    }
    await site.api.create(place(WELD_MODEL, ""), body)
    await site.until(INFERENCE_SERVICE, f"{name}-{'a' * 8}")


def _served_by(site: PlayedSite) -> dict[str, set[str]]:
    """By WeldModel, the processes whose log says that they made something of it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for process, operator in site.operators.items():
        for line in operator.log.read_text().splitlines():
            told = json.loads(line)
            if "weldmodel" in told:
                found[told["weldmodel"].partition("/")[2]].add(process)
    return found
