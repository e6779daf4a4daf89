"""What the operator relies on in a cluster; the one in memory and the real one are held to the same."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.control_plane import ControlPlane
from tests.unit.operator.cluster_objects import weld_model
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_operator.adapters.cluster import Cluster, ConflictError, NotServedError, RefusedError
from weld_operator.adapters.connection import load_connection
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.kinds import CONFIG_MAP, EVENT, LEASE, POD_DISRUPTION_BUDGET, WELD_MODEL, Kind, Object

ROOT = Path(__file__).parents[2]
NAMESPACE = "contract"
NOWHERE = Kind("nowhere.example/v1", "Nothing", "nothings")
LABELS = {"weldserve.io/model": "north-line"}


@pytest.fixture(scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    async with await ControlPlane.start(tmp_path_factory.mktemp("operator-cluster")) as plane:
        async with plane.api() as api:
            await install_manifests(api, ROOT / "manifests" / "crd")
            await apply_documents(api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
        yield plane


@pytest.fixture
def in_memory() -> Cluster:
    cluster = InMemoryCluster(unserved={NOWHERE}, refused={"PodDisruptionBudget wrong": "it is wrong"})
    cluster.put(WELD_MODEL, _weld_model())
    return cluster


@pytest.fixture
async def real(plane: ControlPlane) -> AsyncIterator[Cluster]:
    async with KubernetesCluster(await load_connection(plane.kubeconfig, Path("/nowhere"))) as cluster:
        await cluster.apply(WELD_MODEL, _weld_model())
        yield cluster
        for kind in (POD_DISRUPTION_BUDGET, CONFIG_MAP, LEASE, EVENT, WELD_MODEL):
            for body in await cluster.list(kind, NAMESPACE, LABELS if kind == CONFIG_MAP else {}):
                await cluster.delete(kind, NAMESPACE, body["metadata"]["name"], body["metadata"]["uid"])


@pytest.fixture(params=["in_memory", "real"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """A cluster with one WeldModel, `north-line`."""
    chosen: Cluster = request.getfixturevalue(request.param)
    return chosen


def _weld_model(readings_per_tick: int = 10_000) -> Object:
    body = weld_model()
    body["spec"]["workload"]["readingsPerTick"] = readings_per_tick
    body["metadata"] = {"name": "north-line", "namespace": NAMESPACE}
    return body


def _budget(name: str = "budget", **spec: object) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}}, **spec},
    }


def _lease() -> Object:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "lease", "namespace": NAMESPACE},
        "spec": {"holderIdentity": "one", "leaseDurationSeconds": 15},
    }


async def test_what_is_not_there_is_none(cluster: Cluster) -> None:
    assert await cluster.get(POD_DISRUPTION_BUDGET, NAMESPACE, "budget") is None


async def test_an_unknown_kind_is_told_from_a_missing_object(cluster: Cluster) -> None:
    assert not await cluster.serves(NOWHERE)
    assert await cluster.serves(WELD_MODEL)
    assert await cluster.serves(EVENT)
    with pytest.raises(NotServedError, match="Nothing"):
        await cluster.get(NOWHERE, NAMESPACE, "x")
    with pytest.raises(NotServedError):
        await cluster.list(NOWHERE, NAMESPACE, {})
    with pytest.raises(NotServedError):
        await cluster.apply(NOWHERE, {"metadata": {"name": "x", "namespace": NAMESPACE}})


async def test_an_applied_object_is_made_and_read(cluster: Cluster) -> None:
    made = await cluster.apply(POD_DISRUPTION_BUDGET, _budget())
    assert made["metadata"]["uid"]
    assert made["metadata"]["generation"] == 1
    read = await cluster.get(POD_DISRUPTION_BUDGET, NAMESPACE, "budget")
    assert read is not None
    assert read["metadata"]["uid"] == made["metadata"]["uid"]
    assert read["spec"]["maxUnavailable"] == 1


async def test_listing_takes_labels_and_namespaces(cluster: Cluster) -> None:
    await cluster.apply(POD_DISRUPTION_BUDGET, _budget())
    assert [each["metadata"]["name"] for each in await cluster.list(POD_DISRUPTION_BUDGET, NAMESPACE, LABELS)] == [
        "budget"
    ]
    assert len(await cluster.list(POD_DISRUPTION_BUDGET, None, LABELS)) == 1
    assert await cluster.list(POD_DISRUPTION_BUDGET, NAMESPACE, {**LABELS, "other": "x"}) == []
    assert await cluster.list(POD_DISRUPTION_BUDGET, "elsewhere", LABELS) == []


async def test_applying_the_same_again_changes_nothing(cluster: Cluster) -> None:
    first = await cluster.apply(LEASE, _lease())
    again = await cluster.apply(LEASE, _lease())
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_changed_spec_moves_the_generation_and_a_label_does_not(cluster: Cluster) -> None:
    await cluster.apply(POD_DISRUPTION_BUDGET, _budget())
    changed = await cluster.apply(POD_DISRUPTION_BUDGET, _budget(maxUnavailable=2))
    assert changed["metadata"]["generation"] == 2
    labelled = _budget(maxUnavailable=2)
    labelled["metadata"]["labels"]["more"] = "x"
    assert (await cluster.apply(POD_DISRUPTION_BUDGET, labelled))["metadata"]["generation"] == 2


async def test_a_config_map_has_no_generation(cluster: Cluster) -> None:
    body: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "order", "namespace": NAMESPACE, "labels": dict(LABELS)},
        "data": {"shadow.json": "{}"},
    }
    made = await cluster.apply(CONFIG_MAP, body)
    changed = await cluster.apply(CONFIG_MAP, {**body, "data": {"shadow.json": "[]"}})
    assert "generation" not in made["metadata"]
    assert "generation" not in changed["metadata"]
    assert changed["data"] == {"shadow.json": "[]"}


async def test_a_field_that_is_left_out_is_removed(cluster: Cluster) -> None:
    await cluster.apply(POD_DISRUPTION_BUDGET, _budget(unhealthyPodEvictionPolicy="AlwaysAllow"))
    after = await cluster.apply(POD_DISRUPTION_BUDGET, _budget())
    assert "unhealthyPodEvictionPolicy" not in after["spec"]


async def test_a_refusal_says_why(cluster: Cluster) -> None:
    with pytest.raises(RefusedError, match=r"wrong|Invalid"):
        await cluster.apply(POD_DISRUPTION_BUDGET, _budget("wrong", maxUnavailable="wrong"))


async def test_the_status_is_applied_apart_from_the_spec(cluster: Cluster) -> None:
    before = await cluster.get(WELD_MODEL, NAMESPACE, "north-line")
    assert before is not None
    body = {
        "apiVersion": before["apiVersion"],
        "kind": before["kind"],
        "metadata": {key: before["metadata"][key] for key in ("name", "namespace", "resourceVersion")},
        "status": {"phase": "Pending", "url": "http://north-line"},
    }
    after = await cluster.apply_status(WELD_MODEL, body)
    assert after["status"]["phase"] == "Pending"
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    shorter = copy.deepcopy(body) | {"status": {"phase": "Serving"}}
    shorter["metadata"]["resourceVersion"] = after["metadata"]["resourceVersion"]
    assert not (await cluster.apply_status(WELD_MODEL, shorter))["status"].get("url")


async def test_the_status_of_an_object_that_has_changed_since_is_left_alone(cluster: Cluster) -> None:
    before = await cluster.get(WELD_MODEL, NAMESPACE, "north-line")
    assert before is not None
    await cluster.apply(WELD_MODEL, _weld_model(readings_per_tick=5))
    about = {key: before["metadata"][key] for key in ("name", "namespace", "resourceVersion")}
    status = {**_weld_model(), "metadata": about, "status": {"phase": "Pending"}}
    with pytest.raises(ConflictError):
        await cluster.apply_status(WELD_MODEL, status)


async def test_the_status_of_an_object_that_is_gone_makes_no_object(cluster: Cluster) -> None:
    before = await cluster.get(WELD_MODEL, NAMESPACE, "north-line")
    assert before is not None
    await cluster.delete(WELD_MODEL, NAMESPACE, "north-line", before["metadata"]["uid"])
    about = {key: before["metadata"][key] for key in ("name", "namespace", "resourceVersion")}
    status = {**_weld_model(), "metadata": about, "status": {"phase": "Pending"}}
    with pytest.raises(ConflictError):
        await cluster.apply_status(WELD_MODEL, status)
    assert await cluster.get(WELD_MODEL, NAMESPACE, "north-line") is None


async def test_creating_twice_is_a_conflict(cluster: Cluster) -> None:
    await cluster.create(LEASE, _lease())
    with pytest.raises(ConflictError):
        await cluster.create(LEASE, _lease())


async def test_replacing_what_has_changed_since_is_a_conflict(cluster: Cluster) -> None:
    first = await cluster.create(LEASE, _lease())
    changed = copy.deepcopy(first)
    changed["spec"]["holderIdentity"] = "two"
    after = await cluster.replace(LEASE, changed)
    assert after["spec"]["holderIdentity"] == "two"
    with pytest.raises(ConflictError):
        await cluster.replace(LEASE, first)


async def test_deleting_takes_the_object_of_this_uid_only(cluster: Cluster) -> None:
    made = await cluster.apply(POD_DISRUPTION_BUDGET, _budget())
    await cluster.delete(POD_DISRUPTION_BUDGET, NAMESPACE, "budget", "00000000-0000-4000-8000-000000000000")
    assert await cluster.get(POD_DISRUPTION_BUDGET, NAMESPACE, "budget") is not None
    await cluster.delete(POD_DISRUPTION_BUDGET, NAMESPACE, "budget", made["metadata"]["uid"])
    assert await cluster.get(POD_DISRUPTION_BUDGET, NAMESPACE, "budget") is None
    await cluster.delete(POD_DISRUPTION_BUDGET, NAMESPACE, "budget", made["metadata"]["uid"])


async def test_the_versions_of_a_group_that_is_not_served_are_none(cluster: Cluster) -> None:
    assert await cluster.versions("nowhere.example") == ()


async def test_fields_are_looked_for_in_the_schema_that_is_published(real: Cluster) -> None:
    assert await real.versions(WELD_MODEL.group) == ("v1alpha1",)
    asked = ("spec.model.sha256", "spec.model.colour", "status.phase", "status.revisions", "spec.model.sha256.deeper")
    expected = ("spec.model.colour", "spec.model.sha256.deeper")
    assert await real.missing_fields(WELD_MODEL, asked) == expected
    assert await real.missing_fields(WELD_MODEL, asked) == expected, "from memory"
    with pytest.raises(NotServedError):
        await real.missing_fields(NOWHERE, asked)
