"""What the end-to-end tests make in a cluster that is given is removed again; and the Gateway for one of kind's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.apply import apply_documents, read_documents, served_kinds
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.given_cluster import DEFINITION, Given, GivenCluster, GivenError
from tests.sandbox.helm import CHARTS, HelmError, Release
from tests.sandbox.kube_api import path_of
from tests.sandbox.rig import GATEWAY, is_true
from tests.sandbox.schemas import install_schemas
from tests.sandbox.waiting import wait_for

KIND = CHARTS.parent / "manifests" / "examples" / "kind"
ENVOY = "gateway.envoyproxy.io"
DEFINITIONS = ("apiextensions.k8s.io/v1", "customresourcedefinitions")
PARTS = {
    "namespaces": path_of("v1", "namespaces"),
    "definitions": path_of(*DEFINITIONS),
    "rights at the Gateway": path_of("rbac.authorization.k8s.io/v1", "roles", GATEWAY[0]),
    "their bindings": path_of("rbac.authorization.k8s.io/v1", "rolebindings", GATEWAY[0]),
    "rights in the cluster": path_of("rbac.authorization.k8s.io/v1", "clusterroles"),
}


@pytest.fixture(scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A cluster with KServe's definitions and a Gateway's namespace, and without nodes."""
    async with await ControlPlane.start(tmp_path_factory.mktemp("given-plane")) as plane:
        async with plane.api() as api:
            await install_schemas(api)
            await apply_documents(api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAY[0]}}])
        yield plane


@pytest.fixture
def given(plane: ControlPlane) -> Given:
    images = ("weldserve/operator:1", "weldserve/predictor:1")
    return Given(plane.kubeconfig, *images, "http://127.0.0.1:9", gateway_namespaces="envoy-gateway-system")


@pytest.fixture
async def node(plane: ControlPlane) -> AsyncIterator[None]:
    """Says of the store's Pod that it is ready, as there is nobody else to say it."""
    task = asyncio.create_task(_say_ready(plane))
    yield
    task.cancel()


async def _say_ready(plane: ControlPlane) -> None:
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    async with plane.api() as api:
        while True:
            for pod in await api.list(path_of("v1", "pods")):
                about = pod["metadata"]
                if about["name"].startswith("store-") and not is_true(pod, "Ready"):
                    path = path_of("v1", "pods", about["namespace"], about["name"], "status")
                    await api.patch(path, {"status": status})
            await asyncio.sleep(0.2)


async def _made(plane: ControlPlane) -> dict[str, set[str]]:
    async with plane.api() as api:
        return {part: {body["metadata"]["name"] for body in await api.list(path)} for part, path in PARTS.items()}


class FailedTestError(Exception):
    """A test's own."""


async def _fail_among_two_releases(plane: ControlPlane, cluster: GivenCluster) -> None:
    """One release as it should be, one that Helm gave up."""
    before = await _made(plane)
    for namespace in ("plant-ar", "plant-pe"):
        await cluster.prepare_namespace(namespace)
    values = cluster.country_values("ar", "plant-ar") | {"operator": {"replicas": 0}}
    await Release(cluster.helm, "good", "plant-ar").install(values)
    hasty = ("install", "bad", str(CHARTS / "weldserve"), "--namespace=plant-pe", "--wait", "--timeout=2s")
    with pytest.raises(HelmError):
        await cluster.helm.run(*hasty, values=cluster.country_values("pe", "plant-pe"))
    during = await _made(plane)
    assert len(during["namespaces"] - before["namespaces"]) == 2
    assert len(during["rights at the Gateway"] - before["rights at the Gateway"]) == 2
    raise FailedTestError


@pytest.mark.usefixtures("node")
async def test_nothing_is_left_after_tests_that_failed(plane: ControlPlane, given: Given, tmp_path: Path) -> None:
    before = await _made(plane)
    with pytest.raises(FailedTestError):
        async with GivenCluster(given, tmp_path, {}) as cluster:
            await _fail_among_two_releases(plane, cluster)
    assert await _made(plane) == before


@pytest.mark.usefixtures("node")
async def test_a_definition_and_a_namespace_that_were_there_stay(
    plane: ControlPlane, given: Given, tmp_path: Path
) -> None:
    definition = CHARTS.parent / "manifests" / "crd" / "weldmodels.weldserve.io.yaml"
    async with plane.api() as api:
        mine = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plant-mine"}}
        await apply_documents(api, [mine, *read_documents(definition)])
        async with GivenCluster(given, tmp_path, {}) as cluster:
            with pytest.raises(GivenError, match=r"namespace plant-mine cannot be made: .*already exists"):
                await cluster.prepare_namespace("plant-mine")
        assert "deletionTimestamp" not in (await api.get(path_of("v1", "namespaces", name="plant-mine")))["metadata"]
        assert "deletionTimestamp" not in (await api.get(path_of(*DEFINITIONS, name=DEFINITION)))["metadata"]


async def test_nothing_is_left_of_a_store_that_never_opened(plane: ControlPlane, given: Given, tmp_path: Path) -> None:
    before = await _made(plane)
    cluster = GivenCluster(given, tmp_path, {})
    opening = asyncio.create_task(cluster.__aenter__())

    async def store_is_there() -> bool:
        return await _made(plane) != before

    await wait_for(store_is_there, bool, seconds=60, what="store's namespace")
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert await _made(plane) == before


async def test_the_gateway_for_kind_is_the_one_that_is_expected(plane: ControlPlane, given: Given) -> None:
    """But for Envoy's own kind, whose definition is not here, the API server takes it as it stands."""
    documents = {document["kind"]: document for document in read_documents(KIND / "gateway.yaml")}
    proxy = documents.pop("EnvoyProxy")
    reference = documents["GatewayClass"]["spec"]["parametersRef"]
    assert reference == {"group": ENVOY, "kind": "EnvoyProxy", **proxy["metadata"]}
    gateway = documents["Gateway"]
    assert given.gateway == f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"
    assert gateway["spec"]["gatewayClassName"] == documents["GatewayClass"]["metadata"]["name"]
    async with plane.api() as api:
        for document in documents.values():
            about, version = document["metadata"], document["apiVersion"]
            plural = (await served_kinds(api, version))[document["kind"]].plural
            path = path_of(version, plural, about.get("namespace"), about["name"])
            await api.apply(f"{path}?dryRun=All&fieldValidation=Strict", document, manager="examples")
