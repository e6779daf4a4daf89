"""The steps of the demonstration, each done with what a user has: kubectl, the endpoint, and the loss of a machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.sandbox.demo.live_view import LiveView
from tests.sandbox.demo.preparation import Bundles
from tests.sandbox.demo.trial import TrialTeller
from tests.sandbox.demo.wrong_units import FEATURE, UNIT
from tests.sandbox.rig import Rig
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import AppliedWeldModel, example
from weld_api.rollout_status import RolloutPhase
from weld_cli.rollout_picture import Course

NAMESPACE = "plant-a"
MODEL = "north-line"
FIRST, NEXT, WRONG = "1.0.0", "1.1.0", "1.2.0"
ROLLOUT = Path(__file__).with_name("rollout.yaml")
RECOVERS_WITHIN_SECONDS = 90
GATEWAYS = 100


class Story:
    """One run of the demonstration against a rig."""

    def __init__(self, rig: Rig, bundles: Bundles, readings: Readings, view: LiveView) -> None:
        self._rig = rig
        self._bundles = bundles
        self._view = view
        self._model = AppliedWeldModel(rig, NAMESPACE, MODEL)
        self.stream = SensorStream(rig.endpoint(NAMESPACE, MODEL), readings, gateways=GATEWAYS)

    async def tell(self, stream_seconds: float) -> bool:
        """Serve, stream, promote, roll back, lose a machine; true when all went so and each reading was answered."""
        await self.serve(FIRST)
        view, stream = self._view, self.stream
        streaming = asyncio.create_task(stream.run())
        view.show(stream.tally)
        try:
            await asyncio.sleep(stream_seconds)
            promoted = await self.promote(NEXT)
            await asyncio.sleep(stream_seconds)
            rolled_back = await self.try_in_wrong_units(WRONG)
            await asyncio.sleep(stream_seconds)
            await self.lose_a_machine()
            await asyncio.sleep(stream_seconds)
        finally:
            stream.end()
            await streaming
            await view.end()
        decided = (promoted, rolled_back) == ("Promoted", "RolledBack")
        return decided and not stream.tally.unanswered and not stream.tally.wrong

    async def serve(self, version: str) -> None:
        """Apply the example WeldModel with kubectl, and wait until it serves."""
        digest = await self._bundles.put(version, self._rig.bundles)
        self._view.say(f"kubectl apply: WeldModel {NAMESPACE}/{MODEL} with bundle {version}")
        await self._apply(version, digest)
        body = await self._model.until_stable(version)
        self._view.say(f"it serves at {body['status']['url']}")

    async def promote(self, version: str) -> Course:
        """Apply the next version under load, and wait until it is promoted and the old revision is gone."""
        digest = await self._bundles.put(version, self._rig.bundles)
        answered = self.stream.tally.answered
        self._view.say(f"kubectl apply: the next version, {version}; it is tried before it answers")
        course = await self._try(version, digest, {"Shadow": "explain", "Canary": "status"})
        self._view.say(f"{version} answers; the old revision goes after its grace period")
        await self._model.until_stable(version, alone=True)
        tally = self.stream.tally
        self._view.say(
            f"promoted: {tally.answered - answered:,} readings answered meanwhile, {tally.unanswered} without an answer"
        )
        return course

    async def try_in_wrong_units(self, version: str) -> Course:
        """Apply a bundle that was trained with a feature in wrong units, and wait until it is rolled back."""
        digest = await self._bundles.put(version, self._rig.bundles)
        answered = self.stream.tally.answered
        self._view.say(f"kubectl apply: version {version}, whose {FEATURE} was in {UNIT} when it was trained")
        course = await self._try(version, digest, {"RolledBack": "explain"})
        tally = self.stream.tally
        self._view.say(
            f"{tally.by_version[version]:,} of {tally.answered - answered:,} readings were answered by {version}"
        )
        return course

    async def _try(self, version: str, digest: str, quotes: Mapping[RolloutPhase, str]) -> Course:
        await self._apply(version, digest)
        return await TrialTeller(self._model, version, self.stream.tally, self._view, quotes).tell()

    async def _apply(self, version: str, digest: str) -> None:
        """`kubectl apply` of the example, with the demonstration's rollout, for the bundle of this version."""
        document = example(NAMESPACE, MODEL)
        model = {"version": version, "uri": self._rig.bundle_uri(version), "sha256": digest}
        document["spec"] |= {
            "model": {**document["spec"]["model"], **model},
            "rollout": yaml.safe_load(ROLLOUT.read_text()),
        }
        await self._rig.kubectl("apply", "-f", "-", document=document)

    async def lose_a_machine(self) -> None:
        """Kill a machine that runs a replica, with no warning, and wait until the replica runs elsewhere."""
        victims = await self._model.machines()
        victim = sorted(victims)[0]
        answered, retried = self.stream.tally.answered, self.stream.tally.retried_connections
        self._view.say(f"kill -9 {victim}, which runs one of {len(victims)} replicas")
        await self._rig.machines[victim].kill()
        await wait_for(
            self._model.machines,
            lambda machines: victim not in machines and len(machines) >= len(victims),
            seconds=RECOVERS_WITHIN_SECONDS,
            what="replica elsewhere",
        )
        tally = self.stream.tally
        self._view.say(
            f"a new replica runs elsewhere: {tally.answered - answered:,} readings answered meanwhile, "
            f"{tally.unanswered} without an answer, {tally.retried_connections - retried} connections retried"
        )
