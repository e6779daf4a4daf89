"""Tools that apply the user's YAML again and again do not make the operator write once more than it would."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.campaigns.interruptions import undisturbed
from tests.integration.rollout_plant import Plants
from tests.integration.rollout_story import Record, Rollout, behaviour
from tests.sandbox.kube_api import Object
from tests.sandbox.process import ProcessError
from tests.unit.operator.cluster_objects import digest
from weld_api.action import ACTION_ANNOTATION, ACTION_FIELD_MANAGER
from weld_operator.kinds import WELD_MODEL

SYNC_SECONDS = 0.5
TOOL = "gitops"


class Sites:
    """The plants, the API server's own address for kubectl, and what an undisturbed run was like."""

    def __init__(self, plants: Plants, expected: Record) -> None:
        self.plants = plants
        self.expected = expected

    async def kubectl_apply(self, document: Object, *options: str) -> None:
        """`kubectl apply`, past the proxy. Raises ProcessError with its words."""
        process = await asyncio.create_subprocess_exec(
            self.plants.plane.tools["kubectl"], f"--kubeconfig={self.plants.plane.kubeconfig}", "apply", "-f", "-",
            *options,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate(json.dumps(document).encode())
        if process.returncode != 0:
            raise ProcessError(errors.decode())


@pytest.fixture(scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sites]:
    async with Plants.start(tmp_path_factory.mktemp("plants"), 2, behaviour) as plants:
        yield Sites(plants, (await undisturbed(plants.all))["promotion"])


@pytest.fixture
async def rollout(sites: Sites) -> AsyncIterator[Rollout]:
    rollout = Rollout(sites.plants.all[0], "promotion")
    await rollout.prepare()
    yield rollout
    await rollout.remove()


async def test_a_tool_that_applies_by_server_side_apply_causes_no_write(sites: Sites, rollout: Rollout) -> None:
    times = 0

    async def sync() -> None:
        nonlocal times
        await rollout.ask_for(rollout.candidate, manager=TOOL)
        times += 1

    async with _again_and_again(sync):
        record = await rollout.run()
    assert times >= 5
    _assert_untouched(record, sites.expected)
    await _assert_owned(rollout, {("a-user", ""), (TOOL, ""), ("weldserve", "status")})


async def test_kubectl_apply_of_the_same_file_causes_no_write(sites: Sites, rollout: Rollout) -> None:
    document = rollout.document(rollout.candidate)
    async with _again_and_again(lambda: sites.kubectl_apply(document)):
        record = await rollout.run()
    _assert_untouched(record, sites.expected)


async def test_what_people_tell_a_rollout_survives_the_tool(sites: Sites, rollout: Rollout) -> None:
    """The annotation is in nobody's YAML, and belongs to a field manager of its own."""
    action = {
        "id": "act-1",
        "verb": "resume",
        "digest": digest(rollout.candidate),
        "by": "ana@example.com",
        "why": "to see what the tool does with it",
        "at": "2026-11-25T12:00:00Z",
    }
    about = {"name": rollout.name, "annotations": {ACTION_ANNOTATION: json.dumps(action)}}
    body = {"apiVersion": WELD_MODEL.api_version, "kind": WELD_MODEL.name, "metadata": about}
    place = rollout.plant.place(WELD_MODEL, rollout.name)
    document = rollout.document(rollout.candidate)

    async def sync() -> None:
        await rollout.ask_for(rollout.candidate, manager=TOOL)
        await sites.kubectl_apply(document)

    async def act() -> None:
        await rollout.plant.until(
            rollout.name,
            lambda seen: seen.get("status", {}).get("rollout", {}).get("phase") == "Canary",
            what="first step",
            seconds=60,
        )
        await rollout.plant.api.apply(place, body, manager=ACTION_FIELD_MANAGER)

    async with _again_and_again(sync):
        acting = asyncio.create_task(act())
        record = await rollout.run()
        await acting
    seen = await rollout.plant.get(WELD_MODEL, rollout.name)
    assert seen is not None
    assert seen["metadata"]["annotations"][ACTION_ANNOTATION] == json.dumps(action)
    assert seen["status"]["lastAction"] == "act-1"
    assert (record.weights, record.steps) == (sites.expected.weights, sites.expected.steps)


def _assert_untouched(record: Record, expected: Record) -> None:
    """The same end by the same way, and no write but those that come by the clock."""
    without_annotations = [json.loads(each.end) | {"annotations": {}} for each in (record, expected)]
    assert without_annotations[0] == without_annotations[1]
    assert (record.weights, record.steps, record.promotions) == (
        expected.weights,
        expected.steps,
        expected.promotions,
    )
    assert _timeless(record) == _timeless(expected)


def _timeless(record: Record) -> Counter[str]:
    """How often each write was done.

    What comes by the clock counts once: looks at gates, their verdicts, and addresses of Pods as they come.
    """
    by_the_clock = ("weldmodels/status", "create events Gate", "configmaps")
    writes = Counter(record.done)
    return Counter({what: 1 if any(part in what for part in by_the_clock) else count for what, count in writes.items()})


async def _assert_owned(rollout: Rollout, expected: set[tuple[str, str]]) -> None:
    body = await rollout.plant.get(WELD_MODEL, rollout.name)
    assert body is not None
    assert {(each["manager"], each.get("subresource", "")) for each in body["metadata"]["managedFields"]} == expected


@asynccontextmanager
async def _again_and_again(act: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """From the beginning to the end, whatever happens meanwhile; its own failure is the test's."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            await act()

    repeating = asyncio.create_task(repeat())
    try:
        yield
    finally:
        repeating.cancel()
        await asyncio.wait([repeating])
    if not repeating.cancelled():
        repeating.result()
