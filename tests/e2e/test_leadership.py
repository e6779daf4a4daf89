"""Of two operators one acts; when it is lost, the other goes on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.audit import audit_writes
from tests.sandbox.kube_api import Object
from tests.sandbox.rig import MACHINES, Rig, is_true
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import DISRUPTION_BUDGETS, INFERENCE_SERVICES, AppliedWeldModel

Trained = dict[str, tuple[Path, str]]


@pytest.fixture
async def leader(rig: Rig) -> AsyncIterator[Object]:
    """The Pod that leads; a machine that the test kills is started again, and two operators are ready afterwards."""
    pod = await wait_for(rig.leader, lambda found: found is not None, seconds=30, what="leader")
    assert pod is not None
    yield pod
    for machine in MACHINES:
        if not rig.machines[machine.name].running:
            await rig.start_machine(machine)
    await wait_for(
        rig.operators,
        lambda pods: sum(is_true(one, "Ready") for one in pods) == 2,
        seconds=60,
        what="two operators that are ready",
    )


async def test_the_second_operator_takes_over_when_the_leader_s_machine_is_lost(
    rig: Rig, trained: Trained, leader: Object
) -> None:
    model = AppliedWeldModel(rig, "plant-a", "led")
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0")
    operators = {pod["spec"]["nodeName"] for pod in await rig.operators()}
    assert len(operators) == 2, "the replicas are spread over machines"

    since = datetime.now(UTC)
    await rig.machines[leader["spec"]["nodeName"]].kill()
    lost = leader["metadata"]["uid"]
    await wait_for(
        rig.leader,
        lambda found: found is not None and found["metadata"]["uid"] != lost,
        seconds=30,
        what="new leader",
    )
    (budget,) = await model.owned(DISRUPTION_BUDGETS)
    await model.remove(DISRUPTION_BUDGETS, budget["metadata"]["name"])
    await wait_for(lambda: model.owned(DISRUPTION_BUDGETS), bool, seconds=10, what="PodDisruptionBudget")
    assert len(await model.owned(INFERENCE_SERVICES)) == 1
    created = [write for write in audit_writes(rig.plane.audit_log, since=since) if write.verb == "create"]
    assert not [write for write in created if write.resource == "inferenceservices"], "nothing is made twice"
    await model.delete()
