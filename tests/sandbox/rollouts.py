"""What is seen of a rollout from outside while it is on: its steps as the status tells of them, and who answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.sensor_stream import Tally
from tests.sandbox.weld_models import WELD_MODELS, AppliedWeldModel, example

COUNT_SECONDS = 0.25
"""Between two counts of who answered."""


class Moment(NamedTuple):
    """The rollout as the status has it, and the readings answered by each version until then."""

    phase: str
    step: int
    weight: int
    is_measured: bool
    answered: dict[str, int]
    rollout: Object

    @property
    def place(self) -> str:
        return f"{self.phase} {self.step}"


@dataclass
class Course:
    """All moments of a rollout that were seen, in order."""

    moments: list[Moment] = field(default_factory=list)

    @property
    def places(self) -> list[str]:
        """Phase and step, each change."""
        return [place for place, _ in groupby(moment.place for moment in self.moments)]

    def answered_in(self, place: str) -> dict[str, int]:
        """Readings answered by each version while it was measured in this phase and step."""
        seen = [moment for moment in self.moments if moment.place == place and moment.is_measured]
        first, last = seen[0].answered, seen[-1].answered
        return {version: count - first.get(version, 0) for version, count in last.items()}


class TriedWeldModel(AppliedWeldModel):
    """A WeldModel whose next bundles are tried."""

    async def ask(self, version: str, digest: str, rollout: Object, **serving: object) -> None:
        """`kubectl apply` of the example with this bundle and this rollout; `serving` replaces fields of it."""
        await self.site.kubectl("apply", "-f", "-", document=self.document(version, digest, rollout, **serving))

    def document(self, version: str, digest: str, rollout: Object, **serving: object) -> Object:
        """The user's YAML."""
        document = example(self.namespace, self.name)
        document["spec"]["model"] |= {
            "version": version,
            "uri": self.site.bundle_uri(version),
            "sha256": digest,
        }
        document["spec"]["serving"] |= serving
        document["spec"]["rollout"] = rollout
        return document

    @asynccontextmanager
    async def observed(self, tally: Tally) -> AsyncIterator[Course]:
        """Watch its status until the end: no state that was written is missed, however short it was."""
        course = Course()
        rollout: Object = {}

        def note() -> None:
            if rollout:
                course.moments.append(_moment(rollout, tally))

        async def follow() -> None:
            async for body in self._bodies():
                rollout.clear()
                rollout.update(body.get("status", {}).get("rollout", {}))
                note()

        async def count() -> None:
            while True:
                note()
                await asyncio.sleep(COUNT_SECONDS)

        tasks = [asyncio.create_task(follow()), asyncio.create_task(count())]
        try:
            yield course
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _bodies(self) -> AsyncIterator[Object]:
        """The WeldModel as it is, and after each write."""
        async with self.site.api() as api:
            body = await api.get(path_of(*WELD_MODELS, self.namespace, self.name))
            yield body
            version = body["metadata"]["resourceVersion"]
            while True:
                async for kind, written in api.watch(
                    path_of(*WELD_MODELS, self.namespace),
                    resource_version=version,
                    field_selector=f"metadata.name={self.name}",
                ):
                    version = written["metadata"]["resourceVersion"]
                    if kind != "BOOKMARK":
                        yield written


def _moment(rollout: Object, tally: Tally) -> Moment:
    return Moment(
        phase=rollout["phase"],
        step=rollout.get("step", 0),
        weight=rollout.get("weight", 0),
        is_measured="measuredFrom" in rollout,
        answered=dict(tally.by_version),
        rollout=dict(rollout),
    )
