"""What the platform lacks is found at a real API server, with the chart's rights, and heals in each part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from tests.integration.operator_rights import ACCOUNT, HOME, USER, operator_rights
from tests.sandbox.apply import apply_documents
from tests.sandbox.audit import audit_events
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.definitions import Kind, definition
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.openapi_schema import ANY_OBJECT, ANYTHING, Schema, an_object
from tests.sandbox.rig import GATEWAY
from tests.sandbox.schemas import install_schemas
from tests.sandbox.waiting import wait_for
from tests.unit.operator.clocks import HandClock
from weld_operator.adapters.connection import load_connection
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.domain.platform import NEEDED_FIELDS, SCALING_FIELD, GatewayName
from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE
from weld_operator.metrics import Metrics
from weld_operator.platform_observer import PlatformObserver
from weld_operator.platform_watch import PlatformWatch

COUNTRY = "plant-a"
PUBLISHED_WITHIN_SECONDS = 30
GATEWAYS = path_of("gateway.networking.k8s.io/v1", "gateways", GATEWAY[0])


class Site:
    """A cluster without KServe and Gateway API, and a look at it as the operator's ServiceAccount."""

    def __init__(self, plane: ControlPlane, api: KubeApi, observer: PlatformObserver) -> None:
        self.plane = plane
        self.api = api
        self.observer = observer
        self.watch = PlatformWatch(observer, HandClock(), Metrics())

    async def until_it_says(self, *reasons: str) -> list[str]:
        """Look until exactly this is missing, as what is installed is announced a moment later; gives the sentences."""

        async def look() -> list[str]:
            await self.watch.look()
            return [each.reason for each in self.watch.shortcomings or ()]

        await wait_for(
            look, lambda found: found == list(reasons), seconds=PUBLISHED_WITHIN_SECONDS, what=f"findings {reasons}"
        )
        return [each.message for each in self.watch.shortcomings or ()]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with await ControlPlane.start(tmp_path / "plane") as plane, plane.api() as api:
        namespaces = (HOME, COUNTRY, GATEWAY[0])
        await apply_documents(
            api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
        )
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": HOME}}
        await apply_documents(api, [account])
        kubeconfig = await service_account_kubeconfig(api, HOME, ACCOUNT, tmp_path / "operator.kubeconfig")
        async with KubernetesCluster(await load_connection(kubeconfig, tmp_path)) as cluster:
            yield Site(plane, api, PlatformObserver(cluster, GatewayName(*GATEWAY), None))


def _of_kserve_0_15() -> Object:
    """InferenceServices with the fields that we need, as far as KServe 0.15.2 has them."""
    fields = (field for field in NEEDED_FIELDS if field != "status.servingRuntimeName")
    properties = _with_fields([*fields, "status.deploymentMode"])["properties"]
    kind = Kind(INFERENCE_SERVICE.group, INFERENCE_SERVICE.name, INFERENCE_SERVICE.plural, [INFERENCE_SERVICE.version])
    return definition(kind, properties["spec"], properties["status"])


def _with_fields(paths: Iterable[str]) -> Schema:
    schema = an_object()
    for path in paths:
        inner = schema
        *folders, last = path.split(".")
        for name in folders:
            inner = inner["properties"].setdefault(name, an_object())
        inner["properties"][last] = ANYTHING
    return schema


def _of_gateway_api_0_8() -> Object:
    kind = Kind(HTTP_ROUTE.group, HTTP_ROUTE.name, HTTP_ROUTE.plural, ["v1beta1"])
    return definition(kind, ANY_OBJECT)


async def test_each_lack_is_named_and_heals(site: Site, tmp_path: Path) -> None:
    await site.until_it_says("KServeMissing", "GatewayApiMissing")

    await apply_documents(site.api, [_of_kserve_0_15(), _of_gateway_api_0_8()])
    old_kserve, old_gateway_api = await site.until_it_says("KServeTooOld", "GatewayApiTooOld")
    assert old_kserve == (
        "KServe is older than 0.16, its InferenceService has no status.servingRuntimeName: upgrade KServe"
    )
    assert "in v1beta1, but no HTTPRoutes in v1" in old_gateway_api
    seen = await site.observer.look()
    assert (SCALING_FIELD in seen.missing_fields, seen.keda) == (True, False)

    await install_schemas(site.api)
    (forbidden,) = await site.until_it_says("GatewayUnreadable")
    assert "forbidden" in forbidden
    seen = await site.observer.look()
    assert (SCALING_FIELD in seen.missing_fields, seen.keda) == (False, True)

    await apply_documents(site.api, await operator_rights(tmp_path, COUNTRY))
    await site.until_it_says("GatewayMissing")

    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": GATEWAY[1], "namespace": GATEWAY[0]},
        "spec": {"gatewayClassName": "nobody", "listeners": [listener]},
    }
    await site.api.apply(f"{GATEWAYS}/{GATEWAY[1]}", gateway, manager="somebody")
    (waiting,) = await site.until_it_says("GatewayNotProgrammed")
    assert "is not accepted: Waiting for controller" in waiting

    now = {"lastTransitionTime": "2026-11-23T12:00:00Z", "reason": "Played", "message": ""}
    conditions = [{"type": kind, "status": "True", **now} for kind in ("Accepted", "Programmed")]
    await site.api.patch(f"{GATEWAYS}/{GATEWAY[1]}/status", {"status": {"conditions": conditions}})
    await site.until_it_says()

    refused = {
        event["objectRef"]["resource"]
        for event in audit_events(site.plane.audit_log, user=USER)
        if event["responseStatus"]["code"] in (401, 403)
    }
    assert refused == {"gateways"}, "what comes before the chart's rights, and nothing else"
