"""The rig's control plane: it serves, lives through the loss of a part, and leaves nothing behind."""

import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.apply import apply_documents
from tests.sandbox.audit import Write, audit_writes
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.schemas import PUBLISHED_FOLDER, Source, install_schemas
from tests.sandbox.tools import TOOLS
from tests.sandbox.waiting import wait_for

SETTINGS = path_of("v1", "configmaps", "default")


@pytest.fixture(scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A control plane of these tests' own: they take parts of it away."""
    async with await ControlPlane.start(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


def config_map(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}


async def test_it_serves_the_pinned_version(plane: ControlPlane) -> None:
    async with plane.api() as api:
        assert (await api.get("/version"))["gitVersion"] == f"v{TOOLS['kube-apiserver'].version()}"
    plane.check()


async def test_an_api_server_that_restarts_keeps_address_credentials_and_data(plane: ControlPlane) -> None:
    async with plane.api() as api:
        await api.create(SETTINGS, config_map("before-restart"))
        await plane.restart_api_server()
        assert (await api.get(f"{SETTINGS}/before-restart"))["data"] == {"a": "b"}


async def test_an_api_server_that_is_killed_comes_back_with_its_data(plane: ControlPlane) -> None:
    async with plane.api() as api:
        await api.create(SETTINGS, config_map("before-crash"))
        await plane.kill_api_server()
        await plane.start_api_server()
        assert (await api.get(f"{SETTINGS}/before-crash"))["data"] == {"a": "b"}
    plane.check()


async def test_deployments_become_pods_that_wait_for_a_node(plane: ControlPlane) -> None:
    async with plane.api() as api:
        await apply_documents(api, [deployment("waiting")])

        async def pods() -> list[Object]:
            return await api.list(path_of("v1", "pods", "default"), label_selector="app=waiting")

        found = await wait_for(pods, unschedulable, seconds=60, what="Pod that the scheduler has looked at")
    tolerated = {entry["key"]: entry["tolerationSeconds"] for entry in found[0]["spec"]["tolerations"]}
    assert tolerated == {"node.kubernetes.io/not-ready": 5, "node.kubernetes.io/unreachable": 5}


async def test_a_node_without_heartbeat_is_tainted_within_seconds(plane: ControlPlane) -> None:
    async with plane.api() as api:
        path = path_of("v1", "nodes", name="silent")
        await api.create(path_of("v1", "nodes"), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "silent"}})
        heartbeat = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {"type": "Ready", "status": "True", "reason": "Test", "lastHeartbeatTime": heartbeat}
        await api.patch(f"{path}/status", {"status": {"conditions": [ready]}})

        def unreachable(node: Object) -> bool:
            return any(taint["key"] == "node.kubernetes.io/unreachable" for taint in node["spec"].get("taints", []))

        await wait_for(lambda: api.get(path), unreachable, seconds=60, what="taint of a silent node")
        await api.delete(path)


async def test_a_service_account_may_do_what_its_role_says_and_no_more(plane: ControlPlane, tmp_path: Path) -> None:
    async with plane.api() as admin:
        await apply_documents(admin, [account("reader"), *grant("reader", "configmaps", ["get", "create"])])
        kubeconfig = await service_account_kubeconfig(admin, "default", "reader", tmp_path / "reader.kubeconfig")
    since = datetime.now(UTC)
    async with KubeApi.from_kubeconfig(kubeconfig) as reader:
        await reader.create(SETTINGS, config_map("by-account"))
        assert (await reader.get(f"{SETTINGS}/by-account"))["data"] == {"a": "b"}
        with pytest.raises(ApiError, match=r"cannot delete resource") as refused:
            await reader.delete(f"{SETTINGS}/by-account")
    assert refused.value.status == 403
    written = audit_writes(plane.audit_log, since=since, user="system:serviceaccount:default:reader")
    assert written == {Write("create", "configmaps"): 1, Write("delete", "configmaps"): 1}


@pytest.mark.parametrize("source", Source)
async def test_kserve_and_gateway_objects_fit_either_source_of_schemas(source: Source, tmp_path: Path) -> None:
    if source is Source.PUBLISHED and not PUBLISHED_FOLDER.is_dir():
        pytest.skip("the published schemas are not beside the repository")
    async with await ControlPlane.start(tmp_path) as plane:
        async with plane.api() as api:
            assert await install_schemas(api, source) is source
            service, route, _ = await apply_documents(api, [inference_service(), http_route(), scaled_object()])
            misspelt = inference_service()
            misspelt["spec"]["predictor"]["model"]["storageUrl"] = "pvc://bundles/line"
            with pytest.raises(ApiError, match="storageUrl: field not declared in schema"):
                await api.apply(service_path(), misspelt, manager="test")
            await api.patch(f"{service_path()}/status", {"status": {"url": "http://line", "conditions": [READY]}})
            served = await api.get(service_path())
        pids = [process.pid for process in plane.processes]
    assert service["spec"] == inference_service()["spec"]
    assert route["spec"]["rules"] == [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"group": "", "kind": "Service", "name": "line-predictor", "port": 80, "weight": 100}],
        }
    ]
    assert served["status"]["conditions"] == [READY]
    assert [pid for pid in pids if exists(pid)] == []
    assert [port for port in plane.ports if listens(port)] == []


def deployment(name: str) -> Object:
    container = {"name": "main", "image": "example.test/none"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def unschedulable(pods: list[Object]) -> bool:
    conditions = [condition for pod in pods for condition in pod["status"].get("conditions", [])]
    return any(condition.get("reason") == "Unschedulable" for condition in conditions)


def account(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


def grant(name: str, resource: str, verbs: list[str]) -> list[Object]:
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": [resource], "verbs": verbs}
    return [
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": name}, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        },
    ]


READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}


def service_path() -> str:
    return path_of("serving.kserve.io/v1beta1", "inferenceservices", "default", "line")


def inference_service() -> Object:
    model = {
        "modelFormat": {"name": "weldserve"},
        "protocolVersion": "v2",
        "runtime": "weldserve",
        "storageUri": "pvc://bundles/line",
        "args": ["--model-name=line"],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "isvc.line-predictor"}},
    }
    predictor = {
        "model": model,
        "minReplicas": 2,
        "maxReplicas": 4,
        "scaleMetric": "cpu",
        "scaleTarget": 70,
        "terminationGracePeriodSeconds": 30,
        "topologySpreadConstraints": [spread],
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "line"},
        "spec": {"predictor": predictor},
    }


def http_route() -> Object:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "line"},
        "spec": {
            "parentRefs": [{"name": "kserve-ingress-gateway", "namespace": "kserve"}],
            "hostnames": ["line.plant-a.example.test"],
            "rules": [{"backendRefs": [{"name": "line-predictor", "port": 80, "weight": 100}]}],
        },
    }


def scaled_object() -> Object:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "line"},
        "spec": {
            "scaleTargetRef": {"name": "line-predictor"},
            "triggers": [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}],
        },
    }


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
