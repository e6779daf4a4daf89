"""`weldserve rollout` and `kubectl weld` at a real API server: what they refuse, write and leave alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.waiting import wait_for
from tests.unit.api.broken_specs import BROKEN, SOUND
from weld_api.action import ACTION_ANNOTATION, ACTION_FIELD_MANAGER, RolloutAction
from weld_api.names import API_VERSION, PLURAL
from weld_api.rollout_status import RolloutStatus
from weld_api.spec import WeldModelSpec
from weld_api.spec_rules import broken_rule
from weld_api.status import BundleReference
from weld_operator.domain.rollout.acts import with_act
from weld_operator.domain.rollout.trial import Memory, Sight

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "rollout.yaml"
NAMESPACE = "default"
TAKES_UP_SECONDS = 30
CANDIDATE = BundleReference(version="1.1.0", digest="0" * 64)
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)


def weld_model(name: str, spec: dict[str, Any] | None = None) -> Object:
    document: Object = yaml.safe_load(EXAMPLE.read_text())
    document["metadata"] = {"name": name, "namespace": NAMESPACE}
    return document if spec is None else {**document, "spec": spec}


def path(name: str, subresource: str | None = None) -> str:
    return path_of(API_VERSION, PLURAL, NAMESPACE, name, subresource)


async def run(plane: ControlPlane, *command: str | Path, given: object = None) -> tuple[int, str, str]:
    """Exit code, output and errors of a command with the administrator's kubeconfig and the plugin on its PATH."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    process = await asyncio.create_subprocess_exec(
        *command, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate(None if given is None else json.dumps(given).encode())
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def weldserve(plane: ControlPlane, *arguments: str) -> tuple[int, str, str]:
    return await run(plane, sys.executable, "-m", "weld_cli", "rollout", *arguments)


class OnTrial:
    """A WeldModel whose candidate is at step 2 of 3, and who stands in for the operator."""

    def __init__(self, plane: ControlPlane, api: KubeApi, name: str) -> None:
        self.plane = plane
        self.api = api
        self.name = name

    async def apply(self) -> None:
        """As its user does."""
        code, _, errors = await run(
            self.plane, self.plane.tools["kubectl"], "apply", "-f", "-", given=weld_model(self.name)
        )
        assert code == 0, errors

    async def begin(self) -> None:
        await self.apply()
        rollout = RolloutStatus(
            phase="Canary",
            digest="0" * 64,
            version="1.1.0",
            step=2,
            steps=3,
            weight=25,
            started=BEGAN,
            since=BEGAN,
            measured_from=BEGAN,
        )
        status = {
            "observedGeneration": 1,
            "stable": {"version": "1.0.0", "digest": "a" * 64},
            "rollout": rollout.model_dump(mode="json", exclude_none=True),
        }
        await self.api.patch(path(self.name, "status"), {"status": status})

    async def body(self) -> Object:
        return await self.api.get(path(self.name))

    async def carry_out(self) -> RolloutAction:
        """What the operator does, once an act is there."""
        seen = await wait_for(
            self.body,
            lambda body: ACTION_ANNOTATION in body["metadata"]["annotations"],
            seconds=TAKES_UP_SECONDS,
            what="act",
        )
        action = RolloutAction.model_validate_json(seen["metadata"]["annotations"][ACTION_ANNOTATION])
        memory = Memory(RolloutStatus.model_validate(seen["status"]["rollout"]))
        after, _ = with_act(memory, Sight(asked=CANDIDATE, stable=None, action=action), datetime.now(UTC))
        assert after.rollout is not None
        rollout = after.rollout.model_dump(mode="json", exclude_none=True)
        await self.api.patch(path(self.name, "status"), {"status": {"rollout": rollout, "lastAction": action.id}})
        return action


@pytest.fixture
async def on_trial(control_plane: ControlPlane) -> AsyncIterator[OnTrial]:
    name = f"trial-{uuid.uuid4().hex[:8]}"
    async with control_plane.api() as api:
        model = OnTrial(control_plane, api, name)
        await model.begin()
        yield model
        await api.delete(path(name))


@pytest.mark.parametrize("change", [change for change, _ in BROKEN.values()], ids=BROKEN.keys())
async def test_the_api_server_refuses_what_the_rules_in_python_refuse(
    control_plane: ControlPlane, change: dict[str, Any]
) -> None:
    said = broken_rule(WeldModelSpec.model_validate({**SOUND, **change}))
    assert said is not None
    field, _, message = said.partition(": ")
    async with control_plane.api() as api:
        with pytest.raises(ApiError) as refused:
            await api.create(
                f"{path_of(API_VERSION, PLURAL, NAMESPACE)}?dryRun=All", weld_model("refused", {**SOUND, **change})
            )
    assert refused.value.status == 422
    assert field in str(refused.value)
    assert message in str(refused.value)


async def test_an_act_changes_an_annotation_and_nothing_else(control_plane: ControlPlane, on_trial: OnTrial) -> None:
    before = await on_trial.body()
    telling = asyncio.create_task(
        weldserve(control_plane, "pause", on_trial.name, "-n", NAMESPACE, "--why", "a storm is coming")
    )
    action = await on_trial.carry_out()
    code, output, errors = await telling
    assert code == 0, errors
    assert output.startswith("Version 1.1.0 is paused: its clocks stand")
    after = await on_trial.body()
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    (entry,) = [each for each in after["metadata"]["managedFields"] if each["manager"] == ACTION_FIELD_MANAGER]
    assert entry["fieldsV1"] == {"f:metadata": {"f:annotations": {f"f:{ACTION_ANNOTATION}": {}}}}
    assert (action.verb, action.why, action.digest) == ("pause", "a storm is coming", "0" * 64)


async def test_who_acts_is_whom_the_api_server_knows(control_plane: ControlPlane, on_trial: OnTrial) -> None:
    code, output, errors = await run(
        control_plane, control_plane.tools["kubectl"], "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"
    )
    assert code == 0, errors
    telling = asyncio.create_task(weldserve(control_plane, "pause", on_trial.name, "--why", "a storm is coming"))
    action = await on_trial.carry_out()
    assert (await telling)[0] == 0
    assert action.by == output


async def test_applying_the_same_file_again_leaves_the_act_alone(
    control_plane: ControlPlane, on_trial: OnTrial
) -> None:
    telling = asyncio.create_task(weldserve(control_plane, "abort", on_trial.name, "--why", "wrong probes"))
    action = await on_trial.carry_out()
    await telling
    await on_trial.apply()
    annotations = (await on_trial.body())["metadata"]["annotations"]
    assert RolloutAction.model_validate_json(annotations[ACTION_ANNOTATION]) == action


async def test_kubectl_knows_the_same_commands(control_plane: ControlPlane, on_trial: OnTrial) -> None:
    kubectl = control_plane.tools["kubectl"]
    code, output, errors = await run(control_plane, kubectl, "weld", "status", on_trial.name, "-n", NAMESPACE)
    assert code == 0, errors
    assert f"WeldModel {NAMESPACE}/{on_trial.name}" in output
    assert "stable  75 %" in output
    telling = asyncio.create_task(
        run(control_plane, kubectl, "weld", "promote", on_trial.name, "--why", "the vendor's probes are known")
    )
    assert (await on_trial.carry_out()).verb == "promote"
    code, output, errors = await telling
    assert code == 0, errors
    assert "its gates must still pass, none is skipped" in output


async def test_history_and_explanation_are_told_of_what_is_there(
    control_plane: ControlPlane, on_trial: OnTrial
) -> None:
    code, output, errors = await weldserve(control_plane, "explain", on_trial.name)
    assert (code, errors) == (0, "")
    assert output.startswith("Version 1.1.0 is at step 2 of 3, with 25 % of the requests.\n")
    code, output, errors = await weldserve(control_plane, "history", on_trial.name)
    assert (code, errors) == (0, "")
    assert output == f"WeldModel {NAMESPACE}/{on_trial.name}: no trial is over yet\n"


async def test_one_that_is_not_there_is_said_in_a_sentence(control_plane: ControlPlane) -> None:
    code, output, errors = await weldserve(control_plane, "status", "nobody", "-n", NAMESPACE)
    assert (code, output) == (1, "")
    assert errors == f"weldserve: there is no WeldModel nobody in namespace {NAMESPACE}\n"
