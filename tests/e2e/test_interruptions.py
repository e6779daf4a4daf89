"""No reading stays without an answer: not while versions are switched, and not when a machine is lost."""

from pathlib import Path

from tests.sandbox.rig import MACHINES, Rig
from tests.sandbox.sensor_stream import Readings, SensorStream, Tally
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import AppliedWeldModel

Trained = dict[str, tuple[Path, str]]

GATEWAYS = 20


async def test_the_switch_to_the_next_version_loses_no_reading(rig: Rig, trained: Trained, readings: Readings) -> None:
    model = AppliedWeldModel(rig, "plant-a", "switched")
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0")
    async with SensorStream(model.endpoint, readings, gateways=GATEWAYS).streaming() as tally:
        await _until_answered(tally, "1.0.0")
        await model.apply("1.1.0", trained["1.1.0"][1])
        await model.until_stable("1.1.0", alone=True)
        await _until_answered(tally, "1.1.0")
    tally.assert_complete()
    assert set(tally.by_version) == {"1.0.0", "1.1.0"}
    assert not tally.retried_refusals, "the gateway always had somebody to ask"
    await model.delete()


async def test_the_loss_of_a_machine_loses_no_reading(rig: Rig, trained: Trained, readings: Readings) -> None:
    model = AppliedWeldModel(rig, "plant-a", "bereft")
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0")
    async with SensorStream(model.endpoint, readings, gateways=GATEWAYS).streaming() as tally:
        await _until_answered(tally, "1.0.0")
        lost = sorted(await model.machines())[0]
        await rig.machines[lost].kill()
        await wait_for(
            model.machines,
            lambda machines: lost not in machines and len(machines) == 2,
            seconds=90,
            what="replica on another machine",
        )
        await _until_answered(tally, "1.0.0", more=1000)
    tally.assert_complete()
    await rig.start_machine(next(machine for machine in MACHINES if machine.name == lost))
    await model.delete()


async def _until_answered(tally: Tally, version: str, more: int = 1) -> None:
    before = tally.by_version[version]

    async def answered() -> int:
        return tally.by_version[version] - before

    await wait_for(answered, lambda count: count >= more, seconds=60, what=f"{more} answers of {version}")
