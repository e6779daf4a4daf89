"""Plays many recordings at once, each in the cluster that it needs: first those without KEDA, then those with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.contract.kserve_recording import Recording
from tests.contract.kserve_replay import Cluster, replay
from tests.sandbox.apply import apply_documents
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.waiting import wait_for

KEDA_DEFINITION = path_of("apiextensions.k8s.io/v1", "customresourcedefinitions", name="scaledobjects.keda.sh")
KEDA_GROUP = "/apis/keda.sh/v1alpha1"
KEDA_SECONDS = 60

# More would only wait for one another.
SCENARIOS_AT_ONCE = 6

Replays = Mapping[Path, asyncio.Task[list[str]]]


async def start(cluster: Cluster, recordings: Mapping[Path, Recording]) -> Replays:
    """Start the replays of recordings; the differences are each task's result.

    KEDA's definition is in the cluster when this is called, and again when the last replay begins.
    """
    turns = asyncio.Semaphore(SCENARIOS_AT_ONCE)
    keda = await _remove_keda(cluster.api)

    async def play(recording: Recording) -> list[str]:
        async with turns:
            return await replay(cluster, recording)

    plain = {path: asyncio.create_task(play(one)) for path, one in recordings.items() if not one.needs_keda}
    others = {path: one for path, one in recordings.items() if one.needs_keda}
    if not others:
        return plain
    bringing = asyncio.create_task(_bring_keda_after(plain.values(), cluster.api, keda))

    async def play_with_keda(recording: Recording) -> list[str]:
        await asyncio.shield(bringing)
        return await play(recording)

    return plain | {path: asyncio.create_task(play_with_keda(one)) for path, one in others.items()}


async def _remove_keda(api: KubeApi) -> Object:
    """Take KEDA's definition away, and wait until nothing is left of it."""
    definition = await api.get(KEDA_DEFINITION)
    await api.delete(KEDA_DEFINITION)
    await wait_for(
        lambda: api.get_or_none(KEDA_GROUP), lambda found: found is None, seconds=KEDA_SECONDS, what="end of KEDA"
    )
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            key: definition["metadata"][key] for key in ("name", "annotations") if key in definition["metadata"]
        },
        "spec": definition["spec"],
    }


async def _bring_keda_after(tasks: Iterable[asyncio.Task[list[str]]], api: KubeApi, definition: Object) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
    await apply_documents(api, [definition])
