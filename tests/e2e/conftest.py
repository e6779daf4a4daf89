"""The rig, with bundles behind `pvc://bundles/`, or a given cluster: for all end-to-end tests, and gone after them."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.demo.preparation import make_readings, train
from tests.sandbox.given_cluster import Given, GivenCluster, GivenError, given_by_environment
from tests.sandbox.rig import Rig
from tests.sandbox.sensor_stream import Readings
from tests.sandbox.site import Site
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


ANY_CLUSTER = "test_any_cluster.py"


def _given() -> Given | None:
    try:
        return given_by_environment()
    except GivenError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a given cluster only what needs nothing but a cluster: no machines to kill, no audit log to read."""
    if _given() is None:
        return
    here = Path(__file__).parent
    others = [item for item in items if item.path.parent == here and item.path.name != ANY_CLUSTER]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def pytest_report_header() -> str:
    given = _given()
    if given is None:
        return "end-to-end tests: in the rig"
    return f"end-to-end tests: {ANY_CLUSTER} alone, in the cluster of {given.kubeconfig}; the others need the rig"


@pytest.fixture(scope="package")
def rig_unless_given(request: pytest.FixtureRequest) -> Rig | None:
    """The rig, which is not started where the environment names a cluster."""
    if _given() is not None:
        return None
    running: Rig = request.getfixturevalue("rig")
    return running


@pytest.fixture(scope="package")
async def site(
    rig_unless_given: Rig | None, tmp_path_factory: pytest.TempPathFactory, trained: dict[str, tuple[Path, str]]
) -> AsyncIterator[Site]:
    """The given cluster where the environment names one, the rig otherwise."""
    given = _given()
    if given is None:
        assert rig_unless_given is not None
        yield rig_unless_given
        return
    bundles = {version: folder for version, (folder, _) in trained.items()}
    async with GivenCluster(given, tmp_path_factory.mktemp("given"), bundles) as cluster:
        yield cluster


@pytest.fixture(scope="package")
async def rig(tmp_path_factory: pytest.TempPathFactory, trained: dict[str, tuple[Path, str]]) -> AsyncIterator[Rig]:
    async with await Rig.start(tmp_path_factory.mktemp("rig")) as running:
        for folder, _ in trained.values():
            shutil.copytree(folder, running.bundles / folder.name)
        yield running
