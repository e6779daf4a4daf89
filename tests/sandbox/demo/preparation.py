"""What the demonstration needs before it begins: trained bundles, and readings with the truth."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.sandbox.demo.wrong_units import put_in_wrong_units
from tests.sandbox.sensor_stream import Endpoint, Readings
from tests.sandbox.weld_models import bundle_folder
from weld_simulator.features import extract
from weld_simulator.readings import measure
from weld_simulator.site import Site

SITE_SEED = 2026
"""A site that no bundle was trained on."""


async def train(version: str, folder: Path) -> str:
    """Train a reference bundle into its folder under `folder`, with the product's own command; gives its digest."""
    target = bundle_folder(folder, version)
    await weldserve("bundle", "train-first", f"--version={version}", f"--out={target}")
    shown = json.loads(await weldserve("bundle", "show", str(target), "--json"))
    digest: str = shown["sha256"]
    return digest


class Bundles:
    """Bundles that are made one after the other in the background, the first one first.

    `wrong` is as the last of `versions`, but for one feature in wrong units.
    """

    def __init__(self, folder: Path, versions: Sequence[str], wrong: str) -> None:
        self._folder = folder
        self._digests: dict[str, asyncio.Task[str]] = {}
        before: asyncio.Task[str] | None = None
        for version in versions:
            before = self._digests[version] = asyncio.create_task(self._train_after(before, version))
        self._digests[wrong] = asyncio.create_task(self._spoil_after(versions[-1], wrong))

    async def put(self, version: str, bundles: Path) -> str:
        """Copy a bundle to where the claim keeps it, as soon as it is trained; gives its digest."""
        digest = await self._digests[version]
        await asyncio.to_thread(shutil.copytree, bundle_folder(self._folder, version), bundle_folder(bundles, version))
        return digest

    async def _train_after(self, before: asyncio.Task[str] | None, version: str) -> str:
        if before is not None:
            await before
        return await train(version, self._folder)

    async def _spoil_after(self, sound: str, wrong: str) -> str:
        await self._digests[sound]
        source, target = (bundle_folder(self._folder, version) for version in (sound, wrong))
        return await asyncio.to_thread(put_in_wrong_units, source, target, wrong)


def make_readings(ticks: int = 2) -> Readings:
    """Readings of a whole site for so many ticks."""
    site = Site("demonstration", SITE_SEED)
    measured = [list(measure(site, tick)) for tick in range(ticks)]
    return Readings(
        features=np.stack([np.concatenate([extract(block.ascans) for block in blocks]) for blocks in measured]),
        at_risk=np.stack([np.concatenate([block.at_risk for block in blocks]) for blocks in measured]),
        sensor_ids=np.concatenate([block.sensor for block in measured[0]]),
    )


def curl(endpoint: Endpoint, readings: Readings) -> str:
    """A command that scores the first reading."""
    features = [round(float(value), 4) for value in readings.features[0, 0]]
    body = {
        "inputs": [
            {"name": "features", "shape": [1, len(features)], "datatype": "FP32", "data": features},
            {"name": "sensor_id", "shape": [1], "datatype": "INT64", "data": [int(readings.sensor_ids[0])]},
            {"name": "sampled_at", "shape": [1], "datatype": "INT64", "data": [0]},
        ]
    }
    text = json.dumps(body).replace('"data": [0]', "\"data\": ['$(date +%s%3N)']")
    return (
        f"curl -s {endpoint.url} \\\n  -H 'Host: {endpoint.host}' -H 'Content-Type: application/json' \\\n  -d '{text}'"
    )


async def weldserve(*arguments: str) -> str:
    """What the product's command prints; RuntimeError with its words when it fails."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("weldserve"), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"weldserve {' '.join(arguments)}: {errors.decode().strip()}")
    return output.decode()
