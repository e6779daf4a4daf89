"""The stand-in for KServe does what KServe was recorded to do, on a real control plane with real Pods' processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import kserve_recording
from tests.contract.autoscaling_examples import following_readings
from tests.contract.kserve_replay import NAMESPACE
from tests.contract.kserve_scenarios import Replays
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import path_of


@pytest.mark.parametrize("recording", kserve_recording.paths(), ids=lambda path: path.stem)
async def test_the_stand_in_does_what_was_recorded(recording: Path, replays: Replays) -> None:
    differences = await replays[recording]
    assert not differences, "\n".join(differences)


async def test_kserve_s_definition_and_webhooks_take_a_service_of_ours_that_follows_readings(
    kserve_cluster: ControlPlane,
) -> None:
    body = following_readings()
    del body["metadata"]["uid"]
    body["metadata"] |= {"namespace": NAMESPACE, "ownerReferences": []}
    path = path_of(body["apiVersion"], "inferenceservices", NAMESPACE, body["metadata"]["name"])
    async with kserve_cluster.api() as api:
        taken = await api.apply(f"{path}?dryRun=All&fieldValidation=Strict", body, manager="weldserve")
    assert taken["spec"]["predictor"]["autoScaling"] == body["spec"]["predictor"]["autoScaling"]
