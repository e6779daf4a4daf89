"""A running model does not notice that its country's chart is upgraded, rolled back, uninstalled or installed again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.sandbox.helm import Release
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.rig import RELEASE_NAMESPACE, Rig
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import INFERENCE_SERVICES, PODS, WELD_MODELS, AppliedWeldModel

Trained = dict[str, tuple[Path, str]]

NAMESPACE = "plant-cl"
VERSION = "1.0.0"
SENSORS = 500
DEFINITION = ("apiextensions.k8s.io/v1", "customresourcedefinitions")


class Life:
    """A country's release with one model, and readings that stream at it."""

    def __init__(self, rig: Rig, readings: Readings) -> None:
        self.rig = rig
        self.release = Release(rig.helm, "weldserve-cl", "weldserve-cl")
        self.model = AppliedWeldModel(rig, NAMESPACE, "south")
        few = replace(
            readings,
            features=readings.features[:, :SENSORS],
            at_risk=readings.at_risk[:, :SENSORS],
            sensor_ids=readings.sensor_ids[:SENSORS],
        )
        self.stream = SensorStream(rig.endpoint(NAMESPACE, self.model.name), few, gateways=5)
        self.pods: set[str] = set()

    def values(self, **operator: object) -> Object:
        values = self.rig.country_values("cl", NAMESPACE)
        return {**values, "operator": {**values["operator"], **operator}}

    async def operators(self) -> set[str]:
        return {pod["metadata"]["uid"] for pod in await self.rig.operators(self.release)}

    async def goes_on(self) -> None:
        """Assert that the same Pods answer still, and that no reading stayed without an answer."""
        tally = self.stream.tally
        before = tally.answered

        async def answered() -> int:
            return tally.answered - before

        await wait_for(answered, lambda more: more > 10 * SENSORS, seconds=30, what="answers")
        assert {pod["metadata"]["uid"] for pod in await self.model.ready_pods()} == self.pods
        assert not tally.wrong
        assert not tally.unanswered
        assert not tally.retried_refusals
        assert tally.retried_connections == 0

    async def find(self, resource: tuple[str, str], name: str) -> Object | None:
        async with self.rig.api() as api:
            return await api.get_or_none(path_of(*resource, NAMESPACE, name))


@pytest.fixture(scope="module")
async def life(rig: Rig, trained: Trained, readings: Readings) -> AsyncIterator[Life]:
    """The release, its model serving, and the stream that runs through all tests of this file."""
    running = Life(rig, readings)
    await rig.prepare_namespace(NAMESPACE)
    await running.release.install(running.values())
    await running.model.apply(VERSION, trained[VERSION][1])
    await running.model.until_stable(VERSION)
    running.pods = {pod["metadata"]["uid"] for pod in await running.model.ready_pods()}
    streaming = asyncio.create_task(running.stream.run())
    yield running
    running.stream.end()
    await streaming


async def test_an_upgrade_that_rolls_the_operator_leaves_the_model_alone(life: Life) -> None:
    before = await life.operators()
    await life.release.upgrade(life.values(logLevel="debug"))
    assert before.isdisjoint(await life.operators())
    await life.goes_on()


async def test_an_upgrade_to_the_same_values_restarts_nothing(life: Life) -> None:
    before = await life.operators()
    await life.release.upgrade(life.values(logLevel="debug"))
    assert await life.operators() == before
    await life.goes_on()


async def test_a_rollback_leaves_the_model_alone(life: Life) -> None:
    before = await life.operators()
    await life.release.rollback(1)
    assert before.isdisjoint(await life.operators())
    assert await life.release.revision() == 4
    await life.goes_on()


async def test_the_definitions_chart_keeps_the_weld_models_when_it_is_uninstalled(life: Life) -> None:
    definitions = Release(life.rig.helm, "weldserve-crds", RELEASE_NAMESPACE, "weldserve-crds")
    before = await life.find(WELD_MODELS, life.model.name)
    await definitions.uninstall()
    assert await life.find(WELD_MODELS, life.model.name) == before
    await life.goes_on()
    await definitions.install({})
    assert await life.find(WELD_MODELS, life.model.name) == before
    await life.goes_on()


async def test_an_uninstalled_chart_leaves_the_model_answering(life: Life) -> None:
    await life.release.uninstall()
    assert not await life.operators()
    await life.goes_on()


async def test_a_chart_that_is_installed_again_takes_over_what_it_kept(life: Life) -> None:
    await life.release.install(life.values())
    await _healed(life, lambda: life.model.owned(("policy/v1", "poddisruptionbudgets")))
    await life.goes_on()


async def test_the_model_answers_until_it_is_deleted_though_its_country_is_gone(life: Life) -> None:
    await life.release.uninstall()
    await life.goes_on()
    life.stream.end()
    await life.model.delete()
    for resource in (INFERENCE_SERVICES, PODS):
        await wait_for(
            partial(life.model.owned, resource), lambda left: not left, seconds=60, what=f"end of all {resource[1]}"
        )


async def _healed(life: Life, owned: Callable[[], Awaitable[list[Object]]]) -> None:
    """A PodDisruptionBudget that is deleted comes back: the operator works."""
    (before,) = await owned()
    await life.model.remove(("policy/v1", "poddisruptionbudgets"), before["metadata"]["name"])
    await wait_for(owned, lambda found: len(found) == 1, seconds=20, what="new PodDisruptionBudget")
