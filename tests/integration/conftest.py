"""A real control plane for the session, with the product's own resource definition in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.apply import install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.helm import Helm
from tests.sandbox.tools import ensure

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="package")
async def control_plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    async with await ControlPlane.start(tmp_path_factory.mktemp("control-plane")) as plane:
        async with plane.api() as api:
            await install_manifests(api, ROOT / "manifests" / "crd")
        yield plane


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(ensure(["helm"])["helm"], tmp_path_factory.mktemp("helm"))
