"""Critics of charts and manifests find nothing that is not explained."""

from __future__ import annotations

import asyncio

import pytest
import yaml

from tests.integration.rendered_charts import CHOICES, rendered
from tests.sandbox.helm import CHARTS, Helm
from tests.sandbox.kube_api import Object
from tests.sandbox.tools import ensure

NOT_FOLLOWED = {
    "CPU limit is not set": "a limit throttles at the very moment of a burst; requests share the cores fairly",
    "ImagePullPolicy is not set to Always": "an image is named by version or digest, and an air-gapped site pulls none",
    "The NetworkPolicys selector doesn't match any pods": "KServe makes the predictors' Pods, not the chart",
}
"""Words of the critic's findings that are no faults here, and why."""


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_helm_finds_nothing_to_say_against_the_charts(helm: Helm, values: Object) -> None:
    # Lint knows no APIs of a cluster.
    lintable = {**values, "monitoring": {"dashboard": {"enabled": True}}}
    for chart, given in (("weldserve", lintable), ("weldserve-crds", {})):
        assert "0 chart(s) failed" in await helm.run("lint", "--strict", str(CHARTS / chart), values=given)


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_a_critic_of_manifests_finds_nothing_that_is_not_explained(helm: Helm, values: Object) -> None:
    program = ensure(["kube-score"])["kube-score"]
    known = (
        "--output-format=ci",
        "--kubernetes-version=v1.29",
        "--enable-optional-test=container-seccomp-profile",
        "-",
    )
    process = await asyncio.create_subprocess_exec(
        program, "score", *known, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(yaml.safe_dump_all(await rendered(helm, values)).encode())
    lines = output.decode().splitlines()
    assert sum(line.startswith("[OK]") for line in lines) > 20
    critical = [line for line in lines if line.startswith("[CRITICAL]")]
    assert not [line for line in critical if not any(line.endswith(words) for words in NOT_FOLLOWED)]
    assert critical, "if nothing is found any more, NOT_FOLLOWED is out of date"
