"""What a user does with WeldModels: apply with kubectl, look at the status, wait for what it promises."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.kube_api import ApiError, Object, path_of
from tests.sandbox.rig import MANIFESTS, is_true
from tests.sandbox.sensor_stream import Endpoint
from tests.sandbox.site import Site
from tests.sandbox.waiting import wait_for

WELD_MODELS = ("weldserve.io/v1alpha1", "weldmodels")
INFERENCE_SERVICES = ("serving.kserve.io/v1beta1", "inferenceservices")
HTTP_ROUTES = ("gateway.networking.k8s.io/v1", "httproutes")
DISRUPTION_BUDGETS = ("policy/v1", "poddisruptionbudgets")
PODS = ("v1", "pods")

SERVES_WITHIN_SECONDS = 120
EXAMPLE = "north-line.yaml"


class AppliedWeldModel:
    """One WeldModel, by its name, in a namespace of a site; made from one of the examples."""

    def __init__(self, site: Site, namespace: str, name: str, *, file: str = EXAMPLE) -> None:
        self.site = site
        self.namespace = namespace
        self.name = name
        self._file = file

    @property
    def endpoint(self) -> Endpoint:
        """Where sensors send their readings."""
        return self.site.endpoint(self.namespace, self.name)

    async def apply(self, version: str, digest: str, **model: object) -> None:
        """`kubectl apply` of the example, for the bundle of this version; `model` replaces fields of `spec.model`."""
        document = example(self.namespace, self.name, self._file)
        document["spec"]["model"] |= {
            "version": version,
            "uri": self.site.bundle_uri(version),
            "sha256": digest,
            **model,
        }
        await self.site.kubectl("apply", "-f", "-", document=document)

    async def delete(self) -> None:
        await self.site.kubectl("delete", "wm", self.name, "-n", self.namespace, "--wait=false", "--ignore-not-found")

    async def body(self) -> Object:
        output = await self.site.kubectl("get", "wm", self.name, "-n", self.namespace, "-o", "json")
        body: Object = json.loads(output)
        body.setdefault("status", {})
        return body

    async def condition(self, kind: str) -> Object:
        """The condition of this type; empty before there is one."""
        conditions = (await self.body())["status"].get("conditions", [])
        return next((entry for entry in conditions if entry["type"] == kind), {})

    async def until_stable(self, version: str, *, alone: bool = False) -> Object:
        """Wait until this version answers with all its replicas, and with `alone` until no other revision is left."""

        def serves(body: Object) -> bool:
            status = body["status"]
            if (status.get("stable") or {}).get("version") != version or not is_true(body, "Serving"):
                return False
            complete = status["replicas"]["ready"] >= status["replicas"]["desired"] > 0
            return complete and (not alone or len(status["revisions"]) == 1)

        body = await wait_for(self.body, serves, seconds=SERVES_WITHIN_SECONDS, what=f"version {version} serving")
        await self.until_routed()
        return body

    async def until_routed(self) -> None:
        """Wait until the Gateway's controller has taken up our HTTPRoute; before that it answers 404."""

        def is_taken_up(routes: list[Object]) -> bool:
            return bool(routes) and all(route.get("status", {}).get("parents") for route in routes)

        await wait_for(
            lambda: self.owned(HTTP_ROUTES), is_taken_up, seconds=SERVES_WITHIN_SECONDS, what="HTTPRoute taken up"
        )

    async def owned(self, resource: tuple[str, str]) -> list[Object]:
        """Objects of a kind that carry the WeldModel's label."""
        async with self.site.api() as api:
            return await api.list(path_of(*resource, self.namespace), label_selector=f"weldserve.io/model={self.name}")

    async def ready_pods(self) -> list[Object]:
        return [
            pod
            for pod in await self.owned(PODS)
            if "deletionTimestamp" not in pod["metadata"] and is_true(pod, "Ready")
        ]

    async def machines(self) -> set[str]:
        """The machines on which ready replicas run."""
        return {pod["spec"]["nodeName"] for pod in await self.ready_pods()}

    async def remove(self, resource: tuple[str, str], name: str) -> None:
        """Delete an object as a careless hand would; gone already is fine."""
        async with self.site.api() as api:
            try:
                await api.delete(path_of(*resource, self.namespace, name))
            except ApiError as error:
                if error.status != 404:
                    raise


def example(namespace: str, name: str, file: str = EXAMPLE) -> Object:
    """The WeldModel of a file of `manifests/examples`, under this name."""
    document: dict[str, Any] = copy.deepcopy(yaml.safe_load((MANIFESTS / "examples" / file).read_text()))
    document["metadata"] |= {"namespace": namespace, "name": name}
    return document


def bundle_folder(bundles: Path, version: str) -> Path:
    """Where the claim `bundles` keeps the bundle of a version."""
    return bundles / f"weld-{version}"
