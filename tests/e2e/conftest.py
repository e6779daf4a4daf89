"""The rig, with bundles behind `pvc://bundles/`, shared by all end-to-end tests of a session."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.demo.preparation import make_readings, train
from tests.sandbox.rig import Rig
from tests.sandbox.sensor_stream import Readings
from tests.sandbox.weld_models import bundle_folder

VERSIONS = ("1.0.0", "1.1.0")


@pytest.fixture(scope="session")
async def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Folder and digest of each trained bundle, by version."""
    folder = tmp_path_factory.mktemp("trained")
    digests = [await train(version, folder) for version in VERSIONS]
    return {
        version: (bundle_folder(folder, version), digest) for version, digest in zip(VERSIONS, digests, strict=True)
    }


@pytest.fixture(scope="session")
async def readings() -> Readings:
    return await asyncio.to_thread(make_readings, ticks=1)


@pytest.fixture(scope="session")
async def rig(tmp_path_factory: pytest.TempPathFactory, trained: dict[str, tuple[Path, str]]) -> AsyncIterator[Rig]:
    async with await Rig.start(tmp_path_factory.mktemp("rig")) as running:
        for folder, _ in trained.values():
            shutil.copytree(folder, running.bundles / folder.name)
        yield running
