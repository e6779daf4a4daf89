"""`metrics.k8s.io` in a rig, for as long as a test wants its autoscalers to act.

Without it they know nothing and leave every Deployment at its minimum, which is what all other tests count on.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.sandbox.apply import apply_documents
from tests.sandbox.credentials import Authority
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.process import free_port
from tests.sandbox.resource_metrics.api import GROUP, NAME, VERSION
from tests.sandbox.rig import Rig, is_true

NAMESPACE = "kube-system"
PROGRAM = "resource_metrics"
API_SERVICE = path_of("apiregistration.k8s.io/v1", "apiservices", name=f"{VERSION}.{GROUP}")
SERVICE = path_of("v1", "services", NAMESPACE, NAME)


@asynccontextmanager
async def resource_metrics(rig: Rig) -> AsyncIterator[None]:
    """Serve it meanwhile. An APIService whose server is gone would fail the deletion of namespaces: it goes first."""
    port = free_port()
    authority = Authority(rig.folder / PROGRAM, f"{NAME}-ca")
    # By this name the API server asks for it, wherever the Service leads.
    authority.issue(NAME, names=(f"{NAME}.{NAMESPACE}.svc",))
    process = rig.part(PROGRAM, f"--port={port}", f"--front-proxy={rig.plane.front_proxy.certificate}")
    process.start()
    async with rig.api() as api:
        try:
            await apply_documents(api, _documents(port, authority.certificate.read_bytes()))
            await process.wait_ready(lambda: _is_available(api))
            yield
        finally:
            for path in (API_SERVICE, SERVICE):
                await api.delete(path)
            await process.stop()


async def _is_available(api: KubeApi) -> bool:
    try:
        return is_true(await api.get(API_SERVICE), "Available")
    except ApiError:
        return False


def _documents(port: int, authority: bytes) -> list[Object]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{VERSION}.{GROUP}"},
            "spec": {
                "group": GROUP,
                "version": VERSION,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {"name": NAME, "namespace": NAMESPACE, "port": port},
                "caBundle": base64.b64encode(authority).decode(),
            },
        },
    ]
