"""The stand-in for KServe keeps what it made as it should be, and writes nothing when it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.contract.kserve_replay import NAMESPACE
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kserve import names
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.waiting import wait_for

SECONDS = 60
REST_SECONDS = 3


@pytest.fixture(scope="module")
async def api(kserve_cluster: ControlPlane) -> AsyncIterator[KubeApi]:
    async with kserve_cluster.api() as session:
        yield session


@pytest.fixture
async def served(api: KubeApi, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The name of an InferenceService that is ready; it is gone afterwards."""
    name = request.node.name.replace("_", "-")[:24].rstrip("-")
    await api.apply(_service_path(name), _service(name), manager="weldserve")
    await wait_for(lambda: api.get(_service_path(name)), _is_ready, seconds=SECONDS, what="ready InferenceService")
    yield name
    await api.delete(_service_path(name))
    await _wait_until_gone(api, _service_path(name))


async def test_a_deleted_deployment_is_made_again(api: KubeApi, served: str) -> None:
    path = _path("Deployment", served)
    before = await api.get(path)
    await api.delete(path)
    await wait_for(lambda: api.get_or_none(path), lambda now: _is_another(now, before), seconds=SECONDS, what="new one")


async def test_an_edited_service_is_put_back(api: KubeApi, served: str) -> None:
    path = _path("Service", served)
    await api.patch(path, {"spec": {"selector": {"app": "another"}}})
    expected = {"app": f"isvc.{served}-predictor"}
    await wait_for(
        lambda: api.get(path), lambda now: now["spec"]["selector"] == expected, seconds=SECONDS, what="old selector"
    )


async def test_a_change_of_the_runtime_reaches_the_deployment(api: KubeApi, served: str) -> None:
    runtime = path_of("serving.kserve.io/v1alpha1", "servingruntimes", NAMESPACE, "weldserve")
    await api.patch(runtime, {"spec": {"labels": {"changed": "yes"}}})
    path = _path("Deployment", served)
    await wait_for(
        lambda: api.get(path), lambda now: names.labels_of(now).get("changed") == "yes", seconds=SECONDS, what="label"
    )
    await api.patch(runtime, {"spec": {"labels": None}})
    await wait_for(
        lambda: api.get(path),
        lambda now: "changed" not in names.labels_of(now),
        seconds=SECONDS,
        what="end of the label",
    )


async def test_nothing_is_written_at_rest(api: KubeApi, served: str) -> None:
    paths = [_service_path(served), _path("Deployment", served), _path("Service", served)]
    before = [await api.get(path) for path in paths]
    await asyncio.sleep(REST_SECONDS)
    assert [await api.get(path) for path in paths] == before


async def test_it_goes_on_after_the_api_server_was_away(api: KubeApi, kserve_cluster: ControlPlane) -> None:
    await kserve_cluster.kill_api_server()
    await kserve_cluster.start_api_server()
    name = "after-the-crash"
    await api.apply(_service_path(name), _service(name), manager="weldserve")
    await wait_for(lambda: api.get(_service_path(name)), _is_ready, seconds=SECONDS, what="ready InferenceService")
    await api.delete(_service_path(name))
    await _wait_until_gone(api, _path("Deployment", name))


def _service(name: str) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": name,
            "annotations": {names.DEPLOYMENT_MODE: names.STANDARD, names.AUTOSCALER_CLASS: "none"},
            "labels": {names.VISIBILITY: names.CLUSTER_LOCAL},
        },
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "model": {
                    "modelFormat": {"name": "weldserve"},
                    "protocolVersion": "v2",
                    "runtime": "weldserve",
                    "storageUri": "pvc://bundles/bundle",
                },
            }
        },
    }


def _is_ready(service: Object) -> bool:
    conditions = (service.get("status") or {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _is_another(now: Object | None, before: Object) -> bool:
    return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]


async def _wait_until_gone(api: KubeApi, path: str) -> None:
    await wait_for(lambda: api.get_or_none(path), lambda now: now is None, seconds=SECONDS, what="end of it")


def _service_path(name: str) -> str:
    return path_of(names.API_VERSION, "inferenceservices", NAMESPACE, name)


def _path(kind: str, name: str) -> str:
    return path_of(*names.KINDS[kind], NAMESPACE, f"{name}-predictor")
