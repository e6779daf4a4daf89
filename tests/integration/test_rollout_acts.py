"""People tell a real operator's trial what to do, with the command, and it does so."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.rollout_plant import Plants
from tests.integration.rollout_story import Rollout, behaviour
from tests.sandbox.kube_api import Object
from weld_operator.kinds import WELD_MODEL

SECONDS = 90
WHY = "the line is being pigged"


class Person:
    """Somebody with a kubeconfig, and the trial of a candidate that they look after."""

    def __init__(self, kubeconfig: Path, rollout: Rollout) -> None:
        self._kubeconfig = kubeconfig
        self._rollout = rollout

    async def ask_for_candidate(self, **trial: object) -> None:
        """By server-side apply, with a trial that stays at its one step, unless told otherwise."""
        rollout = self._rollout
        document = rollout.document(rollout.candidate)
        document["spec"]["rollout"] |= {"steps": [{"weight": 10, "hold": "1h"}], **trial}
        await rollout.plant.api.apply(rollout.plant.place(WELD_MODEL, rollout.name), document, manager="a-user")

    async def until(self, phase: str) -> Object:
        def is_there(body: Object) -> bool:
            state = body.get("status", {}).get("rollout", {})
            return state.get("phase") == phase and (phase != "Canary" or "measuredFrom" in state)

        return await self._rollout.plant.until(self._rollout.name, is_there, what=phase, seconds=SECONDS)

    async def run(self, command: str, *arguments: str) -> tuple[int, str]:
        """Exit code and output of `weldserve rollout`; what it prints on stderr counts as output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "weld_cli", "rollout", command, self._rollout.name,
            "-n", self._rollout.plant.namespace, *arguments,
            env={**os.environ, "KUBECONFIG": str(self._kubeconfig)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    async def tell(self, verb: str) -> str:
        code, output = await self.run(verb, "--why", WHY, "--timeout", str(SECONDS))
        assert code == 0, output
        return output


@pytest.fixture(scope="module")
async def plants(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plants]:
    async with Plants.start(tmp_path_factory.mktemp("plants"), 1, behaviour) as plants:
        yield plants


@pytest.fixture
async def person(plants: Plants) -> AsyncIterator[Person]:
    rollout = Rollout(plants.all[0], "promotion")
    await rollout.prepare()
    yield Person(plants.plane.kubeconfig, rollout)
    await rollout.remove()


async def test_a_trial_is_paused_resumed_aborted_and_tried_again(person: Person) -> None:
    await person.ask_for_candidate()
    await person.until("Canary")
    assert "is paused: its clocks stand" in await person.tell("pause")
    code, output = await person.run("pause", "--why", WHY)
    assert code == 1
    assert "pause was refused" in output
    assert "is resumed" in await person.tell("resume")
    assert "is aborted: it is rolled back now" in await person.tell("abort")
    await person.until("RolledBack")
    code, output = await person.run("status", "--watch")
    assert code == 1, output
    code, output = await person.run("history")
    assert code == 0, output
    assert "Aborted" in output
    assert f"(abort: {WHY})" in output
    assert "is rejected since" in output
    assert "What Events still tell:" in output
    assert "is begun anew" in await person.tell("retry")
    await person.until("Canary")


async def test_a_trial_waits_for_approval_and_is_promoted_by_it(person: Person) -> None:
    await person.ask_for_candidate(steps=[{"weight": 10, "hold": "1s"}], approval="Manual")
    await person.until("AwaitingApproval")
    code, output = await person.run("explain")
    assert code == 0, output
    assert "Somebody must approve: `weldserve rollout promote" in output
    assert "its gates must still pass, none is skipped" in await person.tell("promote")
    code, output = await person.run("status", "--watch", "--timeout", str(SECONDS))
    assert code == 0, output
    code, output = await person.run("history")
    assert code == 0, output
    assert "Promoted" in output
    assert f"(promote: {WHY})" in output
