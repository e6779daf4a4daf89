"""The operator as a process against a real API server, with the rights that its chart gives and no others.

KServe is played by hand, so that what the operator does is seen alone.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from tests.integration.operator_rights import ACCOUNT, HOME, USER, operator_rights
from tests.sandbox.apply import apply_documents, install_manifests
from tests.sandbox.audit import audit_events
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.rig import GATEWAY
from tests.sandbox.schemas import install_schemas
from tests.sandbox.waiting import wait_for
from tests.unit.operator.cluster_objects import revision_of, spec_of, weld_model
from weld_operator.adapters.cluster import ConflictError
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.kinds import POD_DISRUPTION_BUDGET

ROOT = Path(__file__).parents[2]
NAMESPACE = "plant-a"

WELD_MODELS = ("weldserve.io/v1alpha1", "weldmodels", NAMESPACE)
SERVICES = ("serving.kserve.io/v1beta1", "inferenceservices", NAMESPACE)
ROUTES = ("gateway.networking.k8s.io/v1", "httproutes", NAMESPACE)
BUDGETS = ("policy/v1", "poddisruptionbudgets", NAMESPACE)
DEPLOYMENTS = ("apps/v1", "deployments", NAMESPACE)
LEASES = ("coordination.k8s.io/v1", "leases", HOME)

NOTICED_WITHIN_SECONDS = 10
INSTALLED_WITHIN_SECONDS = 60


class Site:
    """A control plane and operators in it; every name is as the chart has it."""

    def __init__(self, plane: ControlPlane, api: KubeApi, folder: Path) -> None:
        self.plane = plane
        self.api = api
        self.folder = folder
        self.operators: dict[str, Process] = {}
        self.urls: dict[str, str] = {}

    async def start_operator(self, name: str) -> None:
        port = free_port()
        command = [
            *(sys.executable, "-m", "weld_operator"),
            f"--kubeconfig={self.folder / 'operator.kubeconfig'}",
            *(f"--namespaces={NAMESPACE}", "--domain=weldserve.example", f"--identity={name}"),
            *("--lease-duration=3s", "--lease-renew-deadline=2s", "--lease-retry=500ms"),
            *("--listen-address=127.0.0.1", f"--http-port={port}"),
        ]
        self.urls[name] = f"http://127.0.0.1:{port}"
        self.operators[name] = Process(name, command, self.folder / f"{name}.log", folder=self.folder)
        self.operators[name].start()
        await self.operators[name].wait_ready(lambda: self.is_ready(name))

    async def is_ready(self, name: str) -> bool:
        try:
            return (await self.asked(name, "/readyz"))[0] == 200
        except aiohttp.ClientError:
            return False

    async def asked(self, name: str, path: str) -> tuple[int, str]:
        """Status and text of what an operator answers at its own port."""
        async with aiohttp.ClientSession() as session, session.get(self.urls[name] + path) as response:
            return response.status, await response.text()

    async def get(self, resource: tuple[str, str, str], name: str) -> Object:
        return await self.api.get(path_of(*resource, name))

    async def until(
        self, resource: tuple[str, str, str], name: str, holds: Callable[[Object], bool], what: str, seconds: float
    ) -> Object:
        """Wait until the object is there and this holds for it."""
        path = path_of(*resource, name)
        found = await wait_for(
            lambda: self.api.get_or_none(path),
            lambda body: body is not None and holds(body),
            seconds=seconds,
            what=what,
        )
        assert found is not None
        return found

    async def ask_for(self, letter: str) -> None:
        """What a user applies."""
        body = weld_model(spec_of(letter))
        body["metadata"] = {"name": "north-line", "namespace": NAMESPACE}
        await self.api.apply(path_of(*WELD_MODELS, "north-line"), body, manager="a-user")

    async def serve(self, letter: str) -> None:
        """What KServe and the Deployment's controller would do for this bundle's revision."""
        name = revision_of(letter)
        service = await self.until(SERVICES, name, lambda _: True, f"InferenceService {name}", NOTICED_WITHIN_SECONDS)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T12:00:00Z"}
        status = {"status": {"observedGeneration": service["metadata"]["generation"], "conditions": [ready]}}
        await self.api.patch(path_of(*SERVICES, name, "status"), status)
        labels = {"app": f"isvc.{name}-predictor"}
        container = {"name": "kserve-container", "image": "played"}
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": f"{name}-predictor",
                "namespace": NAMESPACE,
                "labels": service["metadata"]["labels"],
            },
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }
        await self.api.apply(path_of(*DEPLOYMENTS, f"{name}-predictor"), body, manager="played-kserve")
        await self._make_pods_ready(f"app=isvc.{name}-predictor")

    async def _make_pods_ready(self, selector: str) -> None:
        """What a kubelet would do; the Deployment's own controller is real."""
        pods = await wait_for(
            lambda: self.api.list(path_of("v1", "pods", NAMESPACE), label_selector=selector),
            lambda found: len(found) == 2,
            seconds=NOTICED_WITHIN_SECONDS,
            what="two Pods",
        )
        conditions = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
        for pod in pods:
            path = path_of("v1", "pods", NAMESPACE, pod["metadata"]["name"], "status")
            await self.api.patch(path, {"status": {"phase": "Running", "conditions": conditions}})


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A cluster without KServe and Gateway API, with one operator in it and one WeldModel."""
    folder = tmp_path_factory.mktemp("site")
    async with await ControlPlane.start(folder / "plane") as plane, plane.api() as api:
        await install_manifests(api, ROOT / "manifests" / "crd")
        namespaces = (HOME, NAMESPACE, GATEWAY[0])
        await apply_documents(
            api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
        )
        await apply_documents(api, await operator_rights(folder, NAMESPACE))
        await service_account_kubeconfig(api, HOME, ACCOUNT, folder / "operator.kubeconfig")
        site = Site(plane, api, folder)
        try:
            await site.start_operator("one")
            await site.ask_for("a")
            yield site
        finally:
            await asyncio.gather(*(operator.stop() for operator in site.operators.values()))


def _condition(body: Object, kind: str) -> Object:
    conditions = body.get("status", {}).get("conditions", [])
    return next((entry for entry in conditions if entry["type"] == kind), {})


async def test_missing_apis_are_named_and_the_operator_goes_on_when_they_come(site: Site) -> None:
    await site.until(
        WELD_MODELS,
        "north-line",
        lambda body: (
            _condition(body, "PlatformReady").get("reason") == "KServeMissing"
            and _condition(body, "Progressing").get("reason") == "PlatformNotReady"
        ),
        "condition KServeMissing",
        NOTICED_WITHIN_SECONDS,
    )
    await install_schemas(site.api)
    await site.until(SERVICES, revision_of("a"), lambda _: True, "InferenceService", INSTALLED_WITHIN_SECONDS)
    await site.until(
        WELD_MODELS,
        "north-line",
        lambda body: _condition(body, "PlatformReady").get("reason") == "GatewayMissing",
        "condition GatewayMissing",
        NOTICED_WITHIN_SECONDS,
    )


async def test_a_weld_model_becomes_objects_applied_by_weldserve(site: Site) -> None:
    await site.serve("a")
    body = await site.until(
        WELD_MODELS,
        "north-line",
        lambda body: body.get("status", {}).get("phase") == "Serving",
        "phase Serving",
        NOTICED_WITHIN_SECONDS * 2,
    )
    assert body["status"]["stable"] == {"version": "10.0.0", "digest": "a" * 64}
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    route = await site.get(ROUTES, "north-line")
    assert route["spec"]["hostnames"] == ["north-line.plant-a.weldserve.example"]
    assert route["spec"]["rules"][0]["backendRefs"][0]["name"] == f"{revision_of('a')}-predictor"
    for resource, name in ((SERVICES, revision_of("a")), (BUDGETS, revision_of("a")), (ROUTES, "north-line")):
        about = (await site.get(resource, name))["metadata"]
        assert about["labels"]["weldserve.io/model"] == "north-line"
        assert about["ownerReferences"][0]["uid"] == body["metadata"]["uid"]
        assert "finalizers" not in about
        (ours,) = [entry for entry in about["managedFields"] if entry["manager"] == "weldserve"]
        assert ours["operation"] == "Apply"


async def test_the_user_s_object_keeps_no_trace_but_the_status(site: Site) -> None:
    about = (await site.get(WELD_MODELS, "north-line"))["metadata"]
    assert "finalizers" not in about
    assert "annotations" not in about
    written = [entry for entry in about["managedFields"] if entry["manager"] == "weldserve"]
    assert [entry["subresource"] for entry in written] == ["status"]


async def test_every_request_was_within_the_rights_of_the_chart(site: Site) -> None:
    refused = [
        (event["verb"], event["requestURI"])
        for event in audit_events(site.plane.audit_log, user=USER)
        if event["responseStatus"]["code"] in (401, 403)
    ]
    assert not refused


async def test_events_tell_what_happened(site: Site) -> None:
    events = await site.api.list(path_of("v1", "events", NAMESPACE))
    reasons = [event["reason"] for event in events if event["involvedObject"]["kind"] == "WeldModel"]
    assert reasons.count("RevisionPromoted") == 1
    assert reasons.count("KServeMissing") == 1


async def test_a_hand_edited_route_is_put_right(site: Site) -> None:
    before = await site.get(ROUTES, "north-line")
    await site.api.patch(path_of(*ROUTES, "north-line"), {"spec": {"hostnames": ["elsewhere.example"]}})
    await site.until(
        ROUTES, "north-line", lambda body: body["spec"] == before["spec"], "route as it was", NOTICED_WITHIN_SECONDS
    )


async def test_a_deleted_disruption_budget_is_made_again(site: Site) -> None:
    before = await site.get(BUDGETS, revision_of("a"))
    await site.api.delete(path_of(*BUDGETS, revision_of("a")))
    after = await site.until(
        BUDGETS,
        revision_of("a"),
        lambda body: bool(body["metadata"]["uid"] != before["metadata"]["uid"]),
        "new PodDisruptionBudget",
        NOTICED_WITHIN_SECONDS,
    )
    assert after["spec"] == before["spec"]


async def test_a_kind_that_was_installed_later_is_watched(site: Site) -> None:
    before = await site.get(SERVICES, revision_of("a"))
    await site.api.delete(path_of(*SERVICES, revision_of("a")))
    await site.until(
        SERVICES,
        revision_of("a"),
        lambda body: bool(body["metadata"]["uid"] != before["metadata"]["uid"]),
        "new InferenceService",
        NOTICED_WITHIN_SECONDS,
    )
    await site.serve("a")


async def test_its_own_port_tells_how_it_is(site: Site) -> None:
    assert await site.asked("one", "/healthz") == (200, "ok\n")
    assert await site.asked("one", "/readyz") == (200, "ok\n")
    status, metrics = await site.asked("one", "/metrics")
    assert status == 200
    assert "weldserve_operator_leader 1.0" in metrics
    assert 'weldserve_operator_writes_total{kind="HTTPRoute",verb="apply"}' in metrics


async def test_a_killed_leader_is_replaced_and_nothing_is_done_twice(site: Site) -> None:
    await site.start_operator("two")
    assert "weldserve_operator_leader 0.0" in (await site.asked("two", "/metrics"))[1]
    await site.operators["one"].kill()
    since = datetime.now(UTC)
    await site.until(
        LEASES, "weldserve-operator", lambda body: body["spec"]["holderIdentity"] == "two", "new leader", 15
    )
    await site.ask_for("b")
    await site.serve("b")
    await site.until(
        ROUTES,
        "north-line",
        lambda body: body["spec"]["rules"][0]["backendRefs"][0]["name"] == f"{revision_of('b')}-predictor",
        "route to the new revision",
        NOTICED_WITHIN_SECONDS * 2,
    )
    made = [
        event["objectRef"]["name"]
        for event in audit_events(site.plane.audit_log, user=USER, since=since)
        if event["verb"] == "patch"
        and event["objectRef"]["resource"] == "inferenceservices"
        and event["responseStatus"]["code"] == 201
    ]
    assert made == [revision_of("b")]


async def test_a_leader_that_ends_orderly_gives_the_lease_back(site: Site) -> None:
    await site.operators["two"].stop()
    lease = await site.get(LEASES, "weldserve-operator")
    assert lease["spec"]["holderIdentity"] == ""
    await site.start_operator("three")
    await site.until(
        LEASES, "weldserve-operator", lambda body: body["spec"]["holderIdentity"] == "three", "new leader", 10
    )


async def test_an_api_server_that_is_away_for_longer_than_the_lease_is_waited_for(site: Site) -> None:
    await site.plane.kill_api_server()
    await asyncio.sleep(4)  # longer than the Lease lasts
    site.operators["three"].check()
    await site.plane.start_api_server()
    await site.api.delete(path_of(*ROUTES, "north-line"))
    await site.until(ROUTES, "north-line", lambda _: True, "new HTTPRoute", NOTICED_WITHIN_SECONDS)
    site.operators["three"].check()


async def test_a_leader_whose_lease_was_taken_ends_at_once(site: Site) -> None:
    lease = await site.get(LEASES, "weldserve-operator")
    taken = {"holderIdentity": "somebody", "renewTime": lease["spec"]["renewTime"]}
    await site.api.patch(path_of(*LEASES, "weldserve-operator"), {"spec": taken})

    async def is_running() -> bool:
        return site.operators["three"].running

    await wait_for(is_running, lambda running: not running, seconds=NOTICED_WITHIN_SECONDS, what="end of the operator")


async def test_an_apply_on_the_wire() -> None:
    """The client chooses another content type by the type of the body, unless it is told."""
    seen: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            content_type=request.headers["Content-Type"],
            body=await request.json(),
        )
        return web.json_response({"metadata": {"uid": "1"}})

    async with _cluster_that(answer) as cluster:
        body = {"metadata": {"namespace": NAMESPACE, "name": "x"}, "spec": {"maxUnavailable": 1}}
        await cluster.apply(POD_DISRUPTION_BUDGET, body)
        assert seen == {
            "method": "PATCH",
            "path": f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/x",
            "query": {"fieldManager": "weldserve", "force": "true"},
            "content_type": "application/apply-patch+yaml",
            "body": body,
        }
        await cluster.apply_status(POD_DISRUPTION_BUDGET, body)
        assert seen["path"].endswith("/poddisruptionbudgets/x/status")
        assert seen["content_type"] == "application/apply-patch+yaml"


async def test_an_object_that_changes_while_it_is_to_be_deleted_is_not_taken_for_gone() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "DELETE":
            return web.json_response({"reason": "Conflict", "message": "it is being changed"}, status=409)
        return web.json_response({"metadata": {"uid": "1"}})

    async with _cluster_that(answer) as cluster:
        with pytest.raises(ConflictError):
            await cluster.delete(POD_DISRUPTION_BUDGET, NAMESPACE, "x", "1")
        await cluster.delete(POD_DISRUPTION_BUDGET, NAMESPACE, "x", "another one")


@asynccontextmanager
async def _cluster_that(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[KubernetesCluster]:
    """A cluster whose API server answers like this."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with KubernetesCluster(Configuration(host=f"http://127.0.0.1:{port}")) as cluster:
            yield cluster
    finally:
        await runner.cleanup()
