"""The images run without root and capabilities, on files that cannot be written to, and end in time."""

import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.images.building import Image
from tests.images.container import Container
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import path_of
from tests.sandbox.process import free_port
from weld_cli.one_reading import score_one_reading

READY_SECONDS = 60
GRACE_SECONDS = 30


def _arguments(digest: str, http_port: int, grpc_port: int) -> list[str]:
    settings = {
        "model-name": "north-line",
        "digest": digest,
        "version": "1.0.0",
        "asset-kind": "PipelineWeld",
        "site": "north-line",
        "bundle": "/mnt/models",
        "listen-address": "127.0.0.1",
        "http-port": http_port,
        "grpc-port": grpc_port,
        "drain": "1s",
        "termination-log": "/dev/termination.log",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


@pytest.fixture
def termination_log(tmp_path: Path) -> Path:
    log = tmp_path / "termination.log"
    log.touch()
    log.chmod(0o666)
    return log


def test_the_predictor_answers_and_ends_within_its_grace_period(
    predictor: Image, bundle: tuple[Path, str], tmp_path: Path, termination_log: Path, say: Callable[[str], None]
) -> None:
    folder, digest = bundle
    http_port, grpc_port = free_port(), free_port()
    mounts = {"/mnt/models": folder, "/dev/termination.log": termination_log}
    arguments = _arguments(digest, http_port, grpc_port)
    with Container(tmp_path / "predictor", predictor.root, predictor.config, arguments, mounts) as container:
        container.wait_until_said('"message": "ready"', READY_SECONDS)
        scored = score_one_reading(f"http://127.0.0.1:{http_port}", "north-line")
        assert scored.version == "1.0.0"
        assert "not scored natively" not in container.said
        assert "weldserve_readings_total" in _get(f"http://127.0.0.1:{http_port}/metrics")
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            ready = channel.unary_unary(
                "/inference.GRPCInferenceService/ModelReady",
                request_serializer=pb.ModelReadyRequest.SerializeToString,
                response_deserializer=pb.ModelReadyResponse.FromString,
            )
            assert ready(pb.ModelReadyRequest(name="north-line"), timeout=10).ready
        started = time.monotonic()
        container.signal(signal.SIGTERM)
        assert container.wait(GRACE_SECONDS) == 0, container.said
        say(f"predictor: ended {time.monotonic() - started:.1f} s after SIGTERM")
    assert "Traceback" not in container.said


def test_the_predictor_refuses_another_bundle_with_its_own_exit_code(
    predictor: Image, bundle: tuple[Path, str], tmp_path: Path, termination_log: Path
) -> None:
    folder, _ = bundle
    mounts = {"/mnt/models": folder, "/dev/termination.log": termination_log}
    arguments = _arguments("0" * 64, free_port(), free_port())
    with Container(tmp_path / "predictor", predictor.root, predictor.config, arguments, mounts) as container:
        assert container.wait(READY_SECONDS) == 3, container.said
    assert "0000" in termination_log.read_text()
    assert "Traceback" not in container.said


def test_the_predictor_s_image_tries_itself(predictor: Image, tmp_path: Path) -> None:
    entry = ["python3", "-m", "weld_cli"]
    with Container(
        tmp_path / "try", predictor.root, predictor.config, ["try", "predictor"], entry_point=entry
    ) as container:
        assert container.wait(120) == 0, container.said
    assert "scores one reading" in container.said


async def test_the_operator_leads_and_gives_the_lease_back(operator: Image, tmp_path: Path) -> None:
    (tmp_path / "plane").mkdir()
    async with await ControlPlane.start(tmp_path / "plane") as plane:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(plane.kubeconfig.read_text())
        kubeconfig.chmod(0o644)
        port = free_port()
        arguments = [
            "--kubeconfig=/etc/kubeconfig",
            "--namespaces=default",
            "--lease-namespace=default",
            "--listen-address=127.0.0.1",
            f"--http-port={port}",
        ]
        mounts = {"/etc/kubeconfig": kubeconfig}
        with Container(tmp_path / "operator", operator.root, operator.config, arguments, mounts) as container:
            container.wait_until_said("Leading", READY_SECONDS)
            container.wait_until_said("KServeMissing", READY_SECONDS)
            assert _get(f"http://127.0.0.1:{port}/readyz")
            assert "weldserve_operator_leader 1.0" in _get(f"http://127.0.0.1:{port}/metrics")
            container.signal(signal.SIGTERM)
            assert container.wait(GRACE_SECONDS) == 0, container.said
        assert "Traceback" not in container.said
        async with plane.api() as api:
            lease = await api.get(path_of("coordination.k8s.io/v1", "leases", "default", "weldserve-operator"))
        assert not lease["spec"].get("holderIdentity")


def test_the_operator_says_what_is_wrong_with_an_argument(operator: Image, tmp_path: Path) -> None:
    with Container(tmp_path / "operator", operator.root, operator.config, ["--workers=none"]) as container:
        assert container.wait(60) != 0
    assert "--workers=none" in container.said
    assert "Traceback" not in container.said
