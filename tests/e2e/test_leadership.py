"""Of two operators one acts; when it is lost, the other goes on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.audit import audit_writes
from tests.sandbox.kube_api import path_of
from tests.sandbox.process import Process
from tests.sandbox.rig import OPERATOR_NAMESPACE, Rig
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import DISRUPTION_BUDGETS, INFERENCE_SERVICES, WeldModelInRig

Trained = dict[str, tuple[Path, str]]


@pytest.fixture
async def second(rig: Rig) -> AsyncIterator[Process]:
    process = await rig.start_operator("operator-2")
    yield process
    await process.stop()
    del rig.operators["operator-2"]
    first = rig.operators["operator-1"]
    if not first.running:
        first.start()


async def test_the_second_operator_takes_over_when_the_first_is_killed(
    rig: Rig, trained: Trained, second: Process
) -> None:
    model = WeldModelInRig(rig, "plant-a", "led")
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0")
    assert await _holder(rig) == "operator-1"

    since = datetime.now(UTC)
    await rig.operators["operator-1"].kill()
    await wait_for(lambda: _holder(rig), lambda holder: holder == "operator-2", seconds=30, what="new leader")
    assert second.running

    (budget,) = await model.owned(DISRUPTION_BUDGETS)
    await model.remove(DISRUPTION_BUDGETS, budget["metadata"]["name"])
    await wait_for(lambda: model.owned(DISRUPTION_BUDGETS), bool, seconds=10, what="PodDisruptionBudget")
    assert len(await model.owned(INFERENCE_SERVICES)) == 1
    created = [write for write in audit_writes(rig.plane.audit_log, since=since) if write.verb == "create"]
    assert not [write for write in created if write.resource == "inferenceservices"], "nothing is made twice"
    await model.delete()


async def _holder(rig: Rig) -> str:
    async with rig.api() as api:
        leases = await api.list(path_of("coordination.k8s.io/v1", "leases", OPERATOR_NAMESPACE))
    holders = [lease["spec"].get("holderIdentity", "") for lease in leases]
    return holders[0] if holders else ""
