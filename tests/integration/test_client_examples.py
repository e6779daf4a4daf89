"""The examples for clients run as they stand, and the gateway's retry does what it says."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.integration.predictor_process import PackedBundle, PredictorProcess, pack_bundle, predictor

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples" / "clients"
FEATURES = 3
SECONDS = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return pack_bundle(tmp_path_factory.mktemp("bundles") / "weld", features=FEATURES)


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[PredictorProcess]:
    async with predictor(tmp_path_factory.mktemp("predictor"), bundle, grpc_port=0) as process:
        await process.logged("ready")
        yield process


async def output(*command: str | Path) -> str:
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(SECONDS):
        printed, _ = await running.communicate()
    assert running.returncode == 0
    return printed.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(process: PredictorProcess) -> None:
    printed = await output("sh", EXAMPLES / "curl.sh", await process.address(), "north-line", str(FEATURES))
    assert '"id":"tick-7"' in printed
    assert '"name":"risk","datatype":"FP32","shape":[2],"data":[' in printed


async def test_kserves_sdk(process: PredictorProcess) -> None:
    addresses = await process.address(), await process.grpc_address()
    printed = await output(sys.executable, EXAMPLES / "kserve_sdk.py", *addresses, "north-line", str(FEATURES))
    over_rest, over_grpc = printed.splitlines()
    assert over_rest == over_grpc
    assert over_rest.startswith("{'risk': [")


async def test_tritonclient(process: PredictorProcess) -> None:
    address = (await process.address()).removeprefix("http://")
    printed = await output(sys.executable, EXAMPLES / "triton_client.py", address, "north-line")
    assert len(printed.strip("[]\n").split()) == 5


async def test_gateway(process: PredictorProcess) -> None:
    printed = await output(sys.executable, EXAMPLES / "gateway.py", await process.address(), "north-line")
    assert printed.startswith("100 readings scored, ")


@pytest.fixture(scope="module")
def gateway() -> Any:
    spec = spec_from_file_location("gateway", EXAMPLES / "gateway.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["gateway"] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def answering(sent: list[bytes], *answers: Callable[[], httpx.Response]) -> httpx.Client:
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return next(left)()

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://predictor")


def lost() -> httpx.Response:
    raise httpx.ReadError("the connection was lost")


def scored() -> httpx.Response:
    return httpx.Response(200, json={"outputs": [{"name": "decision", "data": [0]}, {"name": "flags", "data": [0]}]})


def tick(gateway: Any) -> Any:
    return gateway.Tick(np.zeros((1, 3), np.float32), np.array([7]), np.array([1_700_000_000_000]))


def test_the_gateway_repeats_the_very_same_readings(gateway: Any) -> None:
    sent: list[bytes] = []
    refused = (lambda: httpx.Response(429), lambda: httpx.Response(503, headers={"retry-after": "0"}), lost)
    with answering(sent, *refused, scored) as client:
        assert gateway.score(client, "north-line", tick(gateway), SECONDS) == {"decision": [0], "flags": [0]}
    assert len(sent) == 4
    assert len(set(sent)) == 1


def test_the_gateway_does_not_repeat_what_cannot_succeed(gateway: Any) -> None:
    sent: list[bytes] = []
    with (
        answering(sent, lambda: httpx.Response(400, text="a sentence")) as client,
        pytest.raises(ValueError, match="a sen"),
    ):
        gateway.score(client, "north-line", tick(gateway), SECONDS)
    assert len(sent) == 1


def test_the_gateway_gives_up_at_the_deadline(gateway: Any) -> None:
    with answering([], lambda: httpx.Response(503, headers={"retry-after": "9"})) as client:
        assert gateway.score(client, "north-line", tick(gateway), 0.05) is None
