"""Whatever is deleted, edited or killed comes back as it should be; at rest nothing is written."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.audit import audit_writes
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.rig import RELEASE, RELEASE_NAMESPACE, Rig, is_true
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import DISRUPTION_BUDGETS, HTTP_ROUTES, INFERENCE_SERVICES, PODS, AppliedWeldModel

Trained = dict[str, tuple[Path, str]]

HEALS_WITHIN_SECONDS = 10
GONE_WITHIN_SECONDS = 60
UNCHANGED_SECONDS = 15
SETTLES_WITHIN_SECONDS = 180
REST_SECONDS = float(os.environ.get("WELDSERVE_REST_SECONDS", "20"))
OPERATOR_USER = f"system:serviceaccount:{RELEASE_NAMESPACE}:{RELEASE}-operator"


@pytest.fixture(scope="module")
async def model(rig: Rig, trained: Trained) -> AsyncIterator[AppliedWeldModel]:
    model = AppliedWeldModel(rig, "plant-a", "healing")
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0")
    yield model
    await model.delete()


async def test_a_deleted_inference_service_is_made_again(model: AppliedWeldModel) -> None:
    (before,) = await model.owned(INFERENCE_SERVICES)
    await model.remove(INFERENCE_SERVICES, before["metadata"]["name"])

    def made_again(found: list[Object]) -> bool:
        return len(found) == 1 and found[0]["metadata"]["uid"] != before["metadata"]["uid"]

    await wait_for(
        lambda: model.owned(INFERENCE_SERVICES), made_again, seconds=HEALS_WITHIN_SECONDS, what="new InferenceService"
    )
    await model.until_stable("1.0.0")


async def test_a_hand_edited_route_is_put_right(model: AppliedWeldModel) -> None:
    (route,) = await model.owned(HTTP_ROUTES)
    edited = {
        "spec": {"hostnames": ["elsewhere.example"], "rules": [{"backendRefs": [{"name": "nobody", "port": 80}]}]}
    }
    path = path_of(*HTTP_ROUTES, "plant-a", route["metadata"]["name"])
    async with model.site.api() as api:
        await api.patch(path, edited)
        await wait_for(
            lambda: api.get(path),
            lambda body: body["spec"] == route["spec"],
            seconds=HEALS_WITHIN_SECONDS,
            what="route as it was",
        )


async def test_a_deleted_route_is_made_again(model: AppliedWeldModel) -> None:
    await _deleted_is_made_again(model, HTTP_ROUTES)


async def test_a_deleted_disruption_budget_is_made_again(model: AppliedWeldModel) -> None:
    await _deleted_is_made_again(model, DISRUPTION_BUDGETS)


async def test_an_edited_label_is_put_right(model: AppliedWeldModel) -> None:
    (budget,) = await model.owned(DISRUPTION_BUDGETS)
    path = path_of(*DISRUPTION_BUDGETS, "plant-a", budget["metadata"]["name"])
    async with model.site.api() as api:
        await api.patch(path, {"metadata": {"labels": {"weldserve.io/model": "stolen"}}})
        await wait_for(
            lambda: model.owned(DISRUPTION_BUDGETS), bool, seconds=HEALS_WITHIN_SECONDS, what="label as it was"
        )


async def test_an_operator_that_is_killed_at_any_moment_leaves_nothing_half_done(
    rig: Rig, model: AppliedWeldModel, trained: Trained
) -> None:
    """Versions are switched to and fro while the operator is killed after ever other times."""
    moments = random.Random(7)
    for version in ("1.1.0", "1.0.0"):
        await model.apply(version, trained[version][1])
        for _ in range(3):
            await asyncio.sleep(moments.uniform(0.05, 2.5))
            await _kill_the_leader(rig)
        body = await model.until_stable(version, alone=True)
        assert [revision["version"] for revision in body["status"]["revisions"]] == [version]
        for resource in (INFERENCE_SERVICES, HTTP_ROUTES, DISRUPTION_BUDGETS):
            await _until_single(model, resource)


async def test_what_was_deleted_while_the_api_server_restarted_comes_back(rig: Rig, model: AppliedWeldModel) -> None:
    (budget,) = await model.owned(DISRUPTION_BUDGETS)
    before = await _starts(rig)
    await rig.plane.restart_api_server()
    await model.remove(DISRUPTION_BUDGETS, budget["metadata"]["name"])
    await wait_for(
        lambda: model.owned(DISRUPTION_BUDGETS), bool, seconds=HEALS_WITHIN_SECONDS, what="PodDisruptionBudget"
    )
    assert await _starts(rig) == before


async def test_at_rest_the_operator_writes_nothing_but_its_lease(rig: Rig, model: AppliedWeldModel) -> None:
    await model.until_stable("1.0.0", alone=True)
    await _until_at_rest(model)
    since = datetime.now(UTC)
    await asyncio.sleep(REST_SECONDS)
    writes = audit_writes(rig.plane.audit_log, since=since, user=OPERATOR_USER)
    others = {write: count for write, count in writes.items() if write.resource != "leases"}
    assert not others
    assert writes, "the audit log is read, and the Lease is renewed"


async def test_healing_told_no_story_twice(rig: Rig, model: AppliedWeldModel) -> None:
    async with rig.api() as api:
        events = await api.list(path_of("v1", "events", "plant-a"))
    ours = [event for event in events if event["involvedObject"]["name"] == model.name]
    names = Counter(event["metadata"]["name"] for event in ours)
    assert ours
    assert max(names.values()) == 1
    assert len(ours) < 60, "an event storm"


async def _deleted_is_made_again(model: AppliedWeldModel, resource: tuple[str, str]) -> None:
    (before,) = await model.owned(resource)
    await model.remove(resource, before["metadata"]["name"])
    (after,) = await wait_for(
        lambda: model.owned(resource),
        lambda found: len(found) == 1 and found[0]["metadata"]["uid"] != before["metadata"]["uid"],
        seconds=HEALS_WITHIN_SECONDS,
        what=f"new {resource[1]}",
    )
    assert after["spec"] == before["spec"]
    assert is_true(await model.body(), "Serving")


async def _until_single(model: AppliedWeldModel, resource: tuple[str, str]) -> None:
    """What a retired revision leaves is deleted in the background, and takes its time to go."""
    await wait_for(
        lambda: model.owned(resource),
        lambda found: len(found) == 1,
        seconds=GONE_WITHIN_SECONDS,
        what=f"end of the others of {resource[1]}",
    )


async def _until_at_rest(model: AppliedWeldModel) -> None:
    """Wait until what the tests before set in motion has come to rest: nothing of it changes for a while."""

    async def resource_versions() -> list[str]:
        found = [await model.body()]
        for resource in (INFERENCE_SERVICES, HTTP_ROUTES, DISRUPTION_BUDGETS, PODS):
            found += await model.owned(resource)
        return [each["metadata"]["resourceVersion"] for each in found]

    last: list[str] = []
    for _ in range(SETTLES_WITHIN_SECONDS // UNCHANGED_SECONDS):
        seen = await resource_versions()
        if seen == last:
            return
        last = seen
        await asyncio.sleep(UNCHANGED_SECONDS)
    raise AssertionError(f"not at rest after {SETTLES_WITHIN_SECONDS} s")


async def _kill_the_leader(rig: Rig) -> None:
    """Its node starts it again; while it waits for that too long, the other replica leads."""
    leader = await wait_for(
        rig.leader, lambda pod: pod is not None and is_true(pod, "Ready"), seconds=30, what="leader"
    )
    assert leader is not None
    await rig.kill_pod(leader)


async def _starts(rig: Rig) -> dict[str, int]:
    """How often each Pod of the operator was started again."""
    pods = await rig.operators()
    return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods}
