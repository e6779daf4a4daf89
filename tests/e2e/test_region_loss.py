"""A region is lost while sensors stream: another one answers for it, gives its share back, and contradicts nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import aiohttp
import numpy as np
from numpy.typing import NDArray

from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.open_inference import Answer
from tests.sandbox.rig import Machine, Rig, is_true
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import WELD_MODELS, AppliedWeldModel, example

Trained = dict[str, tuple[Path, str]]

NAMESPACE, NAME, VERSION = "plant-a", "torn", "1.0.0"
SOUTH, NORTH = "south", "north"
LOST = Machine("machine-north", "br-north-a", "br-north")
AFTER, BACK = "4s", "8s"

GATEWAYS = 20
KEPT_EACH = 7
"""Of so many answered requests one is kept, to be sent again."""

# A node is missed after some seconds, and what serves there is asked for once more before anybody acts.
TAKEN_OVER_WITHIN_SECONDS = 60
BACK_WITHIN_SECONDS = 120


def _region(name: str, region: str, other: str) -> Object:
    local = {"nodeSelector": {"topology.kubernetes.io/region": region}}
    return {"name": name, "cluster": {"local": local}, "share": 50, "failoverTo": [other]}


@dataclass
class Kept:
    """A request, and what was decided of its readings."""

    body: bytes
    headers: dict[str, str]
    decisions: NDArray[np.int_]


class RememberingStream(SensorStream):
    """Keeps some of what it has sent, and how that was answered."""

    def __init__(self, rig: Rig, model: AppliedWeldModel, readings: Readings) -> None:
        super().__init__(rig.endpoint(model.namespace, model.name), readings, gateways=GATEWAYS)
        self.kept: list[Kept] = []
        self._count = 0

    async def _answer(self, session: aiohttp.ClientSession, body: bytes, headers: dict[str, str]) -> Answer | None:
        answer = await super()._answer(session, body, headers)
        self._count += 1
        if answer is not None and self._count % KEPT_EACH == 0:
            self.kept.append(Kept(body, headers, answer.outputs["decision"]))
        return answer

    async def contradictions(self) -> int:
        """Send again what was kept; readings that are decided otherwise than before."""
        differing = 0
        async with aiohttp.ClientSession() as session:
            for kept in list(self.kept):
                again = await super()._answer(session, kept.body, kept.headers)
                assert again is not None
                differing += int(np.sum(again.outputs["decision"] != kept.decisions))
        return differing


@dataclass
class Course:
    """Each state that was written of the WeldModel, in order."""

    bodies: list[Object] = field(default_factory=list)

    @property
    def stages(self) -> list[str]:
        """Of the northern region's outage, each change; empty without one."""
        found = (_region_status(body, NORTH).get("outage") or {} for body in self.bodies)
        return [stage for stage, _ in groupby(outage.get("stage", "") for outage in found)]

    @property
    def destinations(self) -> list[dict[str, int]]:
        """Of the northern region's sensors: who gets how many of a hundred requests, each change."""
        found = (_sends_to(body, NORTH) for body in self.bodies)
        return [sends for sends, _ in groupby(sends for sends in found if sends)]


async def test_a_lost_region_is_answered_for_by_another_and_comes_back_once(
    rig: Rig, trained: Trained, readings: Readings
) -> None:
    model = AppliedWeldModel(rig, NAMESPACE, NAME)
    async with _northern_machine(rig), _applied(rig, model, trained[VERSION][1]):
        stream = RememberingStream(rig, model, readings)
        async with stream.streaming(), _observed(rig) as course:
            await _until_answered(stream, 20_000)
            assert await stream.contradictions() == 0

            await rig.machines[LOST.name].kill()
            lost = await _until(model, _is_carried_by_south, TAKEN_OVER_WITHIN_SECONDS, "failover")
            assert _region_status(lost, NORTH)["replicas"]["ready"] == 0
            await _until_answered(stream, 10_000)
            assert await stream.contradictions() == 0, "what the north had answered the south answers alike"

            await rig.start_machine(LOST)
            back = await _until(model, _is_whole, BACK_WITHIN_SECONDS, "return")
            assert _sends_to(back, SOUTH)[SOUTH] == 100
            await _until_answered(stream, 10_000)
            assert await stream.contradictions() == 0
        stream.tally.assert_complete()
        assert course.destinations == [{NORTH: 100, SOUTH: 0}, {SOUTH: 100, NORTH: 0}, {NORTH: 100, SOUTH: 0}]
        assert Counter(course.stages)["FailedOver"] == 1, f"it went to and fro: {course.stages}"
        assert await _told(rig) == {"RegionFailedOver": 1, "RegionReturned": 1}


@asynccontextmanager
async def _northern_machine(rig: Rig) -> AsyncIterator[None]:
    """A machine of another region, for as long as the test lasts: others count on three."""
    path = path_of("v1", "nodes", name=LOST.name)
    async with rig.api() as api:

        async def is_ready() -> bool:
            return is_true(await api.get_or_none(path) or {}, "Ready")

        await rig.start_machine(LOST)
        await rig.machines[LOST.name].wait_ready(is_ready)
        try:
            yield
        finally:
            await rig.machines.pop(LOST.name).stop()
            await api.delete(path)


@asynccontextmanager
async def _applied(rig: Rig, model: AppliedWeldModel, digest: str) -> AsyncIterator[None]:
    """The WeldModel with its two regions, both of which serve; deleted and gone at the end."""
    document = example(NAMESPACE, NAME)
    document["spec"]["model"] |= {"version": VERSION, "uri": rig.bundle_uri(VERSION), "sha256": digest}
    document["spec"]["serving"]["scaling"] = {"minReplicas": 1, "maxReplicas": 2}
    document["spec"]["regions"] = [_region(SOUTH, "br-south", NORTH), _region(NORTH, "br-north", SOUTH)]
    document["spec"]["failover"] = {"after": AFTER, "back": BACK}
    await rig.kubectl("apply", "-f", "-", document=document)
    try:
        await _until(model, _is_whole, BACK_WITHIN_SECONDS, "service of both regions")
        await model.until_routed()
        yield
    finally:
        await model.delete()
        await wait_for(
            lambda: model.owned(("v1", "pods")), lambda pods: not pods, seconds=60, what="end of the WeldModel's Pods"
        )


@asynccontextmanager
async def _observed(rig: Rig) -> AsyncIterator[Course]:
    """Watch the WeldModel, so that no state of it is missed, however short it was."""
    course = Course()
    watching = asyncio.create_task(_watch(rig, course))
    try:
        yield course
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    if not watching.cancelled():
        watching.result()


async def _watch(rig: Rig, course: Course) -> None:
    async with rig.api() as api:
        body = await api.get(path_of(*WELD_MODELS, NAMESPACE, NAME))
        course.bodies.append(body)
        version = body["metadata"]["resourceVersion"]
        selector = f"metadata.name={NAME}"
        while True:
            events = api.watch(path_of(*WELD_MODELS, NAMESPACE), resource_version=version, field_selector=selector)
            async for kind, body in events:
                version = body["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    course.bodies.append(body)


async def _until(model: AppliedWeldModel, holds: Callable[[Object], bool], seconds: float, what: str) -> Object:
    return await wait_for(model.body, holds, seconds=seconds, what=what)


def _region_status(body: Object, name: str) -> Object:
    regions: list[Object] = body.get("status", {}).get("regions", [])
    return next((each for each in regions if each["name"] == name), {})


def _sends_to(body: Object, name: str) -> dict[str, int]:
    return {each["region"]: each["weight"] for each in _region_status(body, name).get("sendsTo", [])}


def _is_carried_by_south(body: Object) -> bool:
    outage = _region_status(body, NORTH).get("outage") or {}
    return outage.get("stage") == "FailedOver" and _sends_to(body, NORTH).get(SOUTH) == 100


def _is_whole(body: Object) -> bool:
    return all(_has_its_share(body, name) for name in (SOUTH, NORTH))


def _has_its_share(body: Object, name: str) -> bool:
    region = _region_status(body, name)
    serves = is_true({"status": region}, "Serving") and not region.get("outage")
    return serves and _sends_to(body, name).get(name) == 100


async def _until_answered(stream: RememberingStream, more: int) -> None:
    before = stream.tally.answered

    async def answered() -> int:
        return stream.tally.answered - before

    await wait_for(answered, lambda count: count >= more, seconds=60, what=f"{more} answers")


async def _told(rig: Rig) -> dict[str, int]:
    """Events of the WeldModel about regions, by reason."""
    async with rig.api() as api:
        events = await api.list(path_of("v1", "events", NAMESPACE))
    reasons = (each["reason"] for each in events if each["involvedObject"]["name"] == NAME)
    return dict(Counter(reason for reason in reasons if reason.startswith("Region")))
