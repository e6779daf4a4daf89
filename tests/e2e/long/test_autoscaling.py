"""Replicas follow their load by the real HorizontalPodAutoscaler controller, and a rollout goes on meanwhile.

The rig serves the CPU time of the predictors' processes as `metrics.k8s.io`. Nothing else is played: KServe's stand-in
makes the HorizontalPodAutoscalers as recorded, and Kubernetes scales its Deployments.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.sandbox.audit import WRITE_VERBS, audit_events, audit_writes
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.resource_metrics.serving import resource_metrics
from tests.sandbox.rig import RELEASE, RELEASE_NAMESPACE, Rig
from tests.sandbox.rollouts import TriedWeldModel
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import INFERENCE_SERVICES
from weld_api.names import predictor_name, revision_name

Trained = dict[str, tuple[Path, str]]

NAMESPACE, NAME = "plant-a", "followed"
STABLE, BETTER = "1.0.0", "1.1.0"
LEAST, MOST = 2, 3
# Of the 250m that the example asks for: far below what the stream takes of a replica, and above what it takes at rest.
SCALING: Object = {"minReplicas": LEAST, "maxReplicas": MOST, "target": {"cpuUtilization": 15}}
TRIAL: Object = {
    "steps": [{"weight": 50, "hold": "3s"}],
    "gates": [{"name": "errors", "errorRate": {"max": 0.05, "minSamples": 50}}],
    "deadline": {"per": "3m", "then": "Rollback"},
    "analysis": {"interval": "1s"},
}
GATEWAYS = 100
TICK_SECONDS = 0.5
SCALES_WITHIN_SECONDS = 120
PROMOTED_WITHIN_SECONDS = 240
LOOK_SECONDS = 0.2

OPERATOR_USER = f"system:serviceaccount:{RELEASE_NAMESPACE}:{RELEASE}-operator"
AUTOSCALER_USER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
DEPLOYMENTS = ("apps/v1", "deployments")
AUTOSCALERS = ("autoscaling/v2", "horizontalpodautoscalers")


class Size(NamedTuple):
    """Of a Deployment: replicas that there should be, and that are ready."""

    wanted: int
    ready: int


@dataclass
class Sizes:
    """Replicas that a Deployment was to have before a promotion, and each minimum while the candidate was on trial."""

    wanted: set[int] = field(default_factory=set)
    least: set[int] = field(default_factory=set)


class Revision:
    """One revision of the WeldModel, as KServe and Kubernetes know it."""

    def __init__(self, api: KubeApi, digest: str) -> None:
        self.name = revision_name(NAME, digest)
        self._api = api

    async def deployment(self) -> Object:
        return await self._api.get(path_of(*DEPLOYMENTS, NAMESPACE, predictor_name(self.name)))

    async def autoscaler(self) -> Object:
        return await self._api.get(path_of(*AUTOSCALERS, NAMESPACE, predictor_name(self.name)))

    async def service(self) -> Object:
        return await self._api.get(path_of(*INFERENCE_SERVICES, NAMESPACE, self.name))

    async def size(self) -> Size:
        body = await self.deployment()
        return Size(body["spec"]["replicas"], body["status"].get("readyReplicas", 0))

    async def until_it_has(self, replicas: int) -> None:
        """Wait until exactly so many are wanted and ready."""
        await wait_for(
            self.size,
            lambda size: size == Size(replicas, replicas),
            seconds=SCALES_WITHIN_SECONDS,
            what=f"{replicas} replicas of {self.name}",
        )

    async def until_scaled_by_its_own_cpu(self) -> None:
        """Wait until its autoscaler has metrics of it, and see that they are of its CPU and of nobody else's."""
        body = await wait_for(
            self.autoscaler, _is_active, seconds=SCALES_WITHIN_SECONDS, what=f"active autoscaler of {self.name}"
        )
        assert body["spec"]["scaleTargetRef"]["name"] == predictor_name(self.name)
        (metric,) = body["status"]["currentMetrics"]
        assert metric["resource"]["name"] == "cpu"


async def test_replicas_follow_their_load_and_a_rollout_goes_on_meanwhile(
    rig: Rig, trained: Trained, readings: Readings
) -> None:
    model = TriedWeldModel(rig, NAMESPACE, NAME)
    async with resource_metrics(rig), rig.api() as api:
        began = datetime.now(UTC)
        stable, better = (Revision(api, trained[version][1]) for version in (STABLE, BETTER))
        await model.ask(STABLE, trained[STABLE][1], TRIAL, scaling=SCALING)
        await model.until_stable(STABLE)
        await stable.until_it_has(LEAST)
        async with SensorStream(
            model.endpoint, readings, gateways=GATEWAYS, tick_seconds=TICK_SECONDS
        ).streaming() as tally:
            await stable.until_it_has(MOST)
            await stable.until_scaled_by_its_own_cpu()

            async with _observed(model, stable) as sizes:
                await model.ask(BETTER, trained[BETTER][1], TRIAL, scaling=SCALING)
                await _until_promoted(model)
            assert sizes.wanted == {MOST}, "the stable revision keeps its size until the promotion"
            assert sizes.least == {MOST}, "and would keep it without load, too"
            await better.until_scaled_by_its_own_cpu()
            _assert_replicas_are_the_autoscaler_s(await better.deployment(), await better.service())
        tally.assert_complete()
        await better.until_it_has(LEAST)
        _assert_nobody_else_wrote_sizes(rig, began)
        await model.delete()


@asynccontextmanager
async def _observed(model: TriedWeldModel, stable: Revision) -> AsyncIterator[Sizes]:
    """Look at the stable revision's size as long as a candidate is on trial."""
    sizes = Sizes()

    async def look() -> None:
        while True:
            size = await stable.size()
            # Between the two looks at the revision: what was read before it is of before the promotion, and what the
            # trial has done to it is done before the status says that it is on.
            status = (await model.body())["status"]
            if status["stable"]["version"] == STABLE:
                sizes.wanted.add(size.wanted)
                if status.get("rollout", {}).get("phase") in ("Canary", "Promoting"):
                    sizes.least.add((await stable.service())["spec"]["predictor"]["minReplicas"])
            await asyncio.sleep(LOOK_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield sizes
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    if not looking.cancelled():
        looking.result()


async def _until_promoted(model: TriedWeldModel) -> None:
    await wait_for(
        model.body,
        lambda body: body["status"]["stable"]["version"] == BETTER,
        seconds=PROMOTED_WITHIN_SECONDS,
        what="promotion",
    )


def _is_active(autoscaler: Object) -> bool:
    status = autoscaler.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    found = conditions.get("ScalingActive", {})
    return (found.get("status"), found.get("reason")) == ("True", "ValidMetricFound") and bool(
        status.get("currentMetrics")
    )


def _assert_replicas_are_the_autoscaler_s(deployment: Object, service: Object) -> None:
    """By what the API server remembers of who applied what."""
    owners = {entry["manager"] for entry in _managers_of(deployment, "f:spec", "f:replicas")}
    assert owners <= {"kube-controller-manager"}
    for bound in ("f:minReplicas", "f:maxReplicas"):
        entries = _managers_of(service, "f:spec", "f:predictor", bound)
        assert {entry["manager"] for entry in entries} == {"weldserve"}


def _managers_of(body: Object, *place: str) -> list[Object]:
    return [entry for entry in body["metadata"]["managedFields"] if _has(entry["fieldsV1"], place)]


def _has(fields: Object, place: tuple[str, ...]) -> bool:
    for name in place:
        if name not in fields:
            return False
        fields = fields[name]
    return True


def _assert_nobody_else_wrote_sizes(rig: Rig, since: datetime) -> None:
    """By the API server's record of who asked for what."""
    scaled = {
        event["user"]["username"]
        for event in audit_events(rig.plane.audit_log, since=since)
        if event["verb"] in WRITE_VERBS and _is_scale_of_ours(event.get("objectRef", {}))
    }
    assert scaled == {AUTOSCALER_USER}
    written = audit_writes(rig.plane.audit_log, since=since, user=OPERATOR_USER)
    assert written, "the audit log is read"
    assert not [write for write in written if write.resource.startswith((DEPLOYMENTS[1], AUTOSCALERS[1]))]


def _is_scale_of_ours(reference: Object) -> bool:
    place = (reference.get("resource"), reference.get("subresource"), reference.get("namespace"))
    return place == (DEPLOYMENTS[1], "scale", NAMESPACE) and reference["name"].startswith(f"{NAME}-")
