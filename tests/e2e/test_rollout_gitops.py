"""A tool that applies the user's YAML again and again during a rollout changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.sandbox.audit import audit_events
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.rig import RELEASE, RELEASE_NAMESPACE, Rig
from tests.sandbox.rollouts import TriedWeldModel
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.weld_models import WELD_MODELS

Trained = dict[str, tuple[Path, str]]

STABLE, BETTER = "1.0.0", "1.1.0"
GATEWAYS = 20
OPERATOR_USER = f"system:serviceaccount:{RELEASE_NAMESPACE}:{RELEASE}-operator"
SYNC_SECONDS = float(os.environ.get("WELDSERVE_SYNC_SECONDS", "2"))
"""Such a tool comes every ten seconds or more seldom; the oftener, the more is tried in a short rollout."""

TRIAL: Object = {
    "steps": [{"weight": 20, "hold": "6s"}, {"weight": 50, "hold": "6s"}],
    "gates": [{"name": "errors", "errorRate": {"max": 0.05, "minSamples": 50}}],
    "deadline": {"per": "3m", "then": "Rollback"},
    "analysis": {"interval": "2s"},
}


async def test_a_tool_that_applies_the_yaml_again_and_again_changes_nothing(
    rig: Rig, trained: Trained, readings: Readings
) -> None:
    """By server-side apply with a field manager of its own, and by plain `kubectl apply` of the same file."""
    model = TriedWeldModel(rig, "plant-a", "synced")
    first = model.document(STABLE, trained[STABLE][1], TRIAL)
    await rig.kubectl("apply", "-f", "-", document=first)
    await model.until_stable(STABLE)
    stream = SensorStream(rig.endpoint(model.namespace, model.name), readings, gateways=GATEWAYS)
    streaming = asyncio.create_task(stream.run())
    second = model.document(BETTER, trained[BETTER][1], TRIAL)
    since = datetime.now(UTC)
    try:
        async with model.observed(stream.tally) as course, _synced(rig, second) as times:
            body = await model.until_stable(BETTER, alone=True)
    finally:
        stream.end()
        await streaming
    assert len(times) >= 3, "it was applied all through the rollout"
    assert not stream.tally.unanswered
    assert course.places == ["Canary 1", "Canary 2", "Promoting 2", "Idle 2"]
    assert body["metadata"]["generation"] == 2, "nobody moved the spec but by asking for the next version"
    async with rig.api() as api:
        about = (await api.get(path_of(*WELD_MODELS, model.namespace, model.name)))["metadata"]
    owners = {(each["manager"], each.get("subresource", "")) for each in about["managedFields"]}
    assert owners == {("gitops", ""), ("kubectl-client-side-apply", ""), ("weldserve", "status")}
    touched = {
        (event["verb"], event["objectRef"].get("subresource"))
        for event in audit_events(rig.plane.audit_log, since=since, user=OPERATOR_USER)
        if event.get("objectRef", {}).get("resource") == "weldmodels"
        and event["objectRef"].get("name") == model.name
        and event["verb"] not in ("get", "list", "watch")
    }
    assert touched == {("patch", "status")}, "the operator writes nothing that Git owns"
    await model.delete()


@asynccontextmanager
async def _synced(rig: Rig, document: Object) -> AsyncIterator[list[str]]:
    """Applied at once, and again and again until the end; what kubectl said each time."""
    said: list[str] = []
    ending = asyncio.Event()
    own = ("--server-side", "--field-manager=gitops", "--force-conflicts")

    async def sync() -> None:
        while not ending.is_set():
            said.append(await rig.kubectl("apply", *own, "-f", "-", document=document))
            said.append(await rig.kubectl("apply", "-f", "-", document=document))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), SYNC_SECONDS)

    said.append(await rig.kubectl("apply", *own, "-f", "-", document=document))
    syncing = asyncio.create_task(sync())
    try:
        yield said
    finally:
        ending.set()
        # Both ways have had their turn: kubectl's server-side apply takes over what its client-side apply owns.
        await syncing
