"""A WeldModel goes in, answers come out; deleting it leaves nothing behind."""

from pathlib import Path

import numpy as np

from tests.sandbox.kube_api import path_of
from tests.sandbox.rig import Rig
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import (
    DISRUPTION_BUDGETS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    PODS,
    WELD_MODELS,
    WeldModelInRig,
)

Trained = dict[str, tuple[Path, str]]

MADE = (WELD_MODELS, INFERENCE_SERVICES, HTTP_ROUTES, DISRUPTION_BUDGETS, ("apps/v1", "deployments"), PODS)


async def test_a_weld_model_serves_and_answers_as_its_estimator_does(
    rig: Rig, trained: Trained, readings: Readings
) -> None:
    model = WeldModelInRig(rig, "plant-a", "first")
    await model.apply("1.0.0", trained["1.0.0"][1])
    body = await model.until_stable("1.0.0")
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    assert body["status"]["replicas"] == {"desired": 2, "ready": 2}
    assert body["status"]["readingsPerSecond"] == "100000"
    assert len(await model.machines()) == 2, "replicas are spread over machines"

    stream = SensorStream(rig.endpoint("plant-a", "first"), readings, gateways=20, tick_seconds=0.05)
    tally = await stream.run(requests_each=3)
    assert not tally.wrong
    assert tally.answered == tally.sent == 3 * len(readings.sensor_ids)
    assert set(tally.by_version) == {"1.0.0"}
    assert tally.precision > 0.8
    assert np.isfinite(tally.latency(0.99))

    await model.delete()
    await wait_for(
        lambda: _left_behind(rig, "first"), lambda left: not left, seconds=60, what="end of all that it became"
    )


async def test_kubectl_shows_what_a_person_wants(rig: Rig, trained: Trained) -> None:
    model = WeldModelInRig(rig, "plant-a", "listed")
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0")
    heading, line = (await rig.kubectl("get", "wm", "listed", "-n", "plant-a")).splitlines()
    assert heading.split() == ["NAME", "ASSET", "STABLE", "PHASE", "READINGS/S", "READY", "AGE"]
    assert line.split()[:6] == ["listed", "north-line", "1.0.0", "Serving", "100000", "2"]
    events = await rig.kubectl("events", "-n", "plant-a", "--for", "weldmodel/listed")
    assert "1.0.0" in events
    await model.delete()


async def _left_behind(rig: Rig, name: str) -> list[str]:
    left = []
    async with rig.api() as api:
        for resource in (
            WELD_MODELS,
            INFERENCE_SERVICES,
            HTTP_ROUTES,
            DISRUPTION_BUDGETS,
            PODS,
            ("apps/v1", "deployments"),
        ):
            items = await api.list(path_of(*resource, "plant-a"))
            left += [
                f"{resource[1]}/{item['metadata']['name']}"
                for item in items
                if item["metadata"]["name"].startswith(f"{name}-") or item["metadata"]["name"] == name
            ]
    return left
