"""KServe, the Deployments' controller and the Gateway for thousands of InferenceServices, as the operator sees them.

An InferenceService is ready at once. Pods are not made: the operator asks for those of a revision that is not ready.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from tests.sandbox.background import in_background
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from weld_api.names import predictor_name
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, Kind

logger = logging.getLogger(__name__)

WORKERS = 12
MANAGER = "played-kserve"
TIME = "2026-11-26T12:00:00Z"
AGAIN_SECONDS = 0.5

Seen = Callable[[str, Object], None]
"""Told of each event of an InferenceService: ADDED, MODIFIED or DELETED."""


class PlayedFleet:
    """Plays in one namespace until the end of `running`."""

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._waiting: dict[tuple[Kind, str], Object] = {}
        self._queue: asyncio.Queue[tuple[Kind, str]] = asyncio.Queue()
        self._done: dict[tuple[Kind, str], tuple[str, int]] = {}
        """uid and generation that the status speaks of."""
        self._replicas: dict[str, int] = {}
        self.seen: list[Seen] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        parts = [self._follow(INFERENCE_SERVICE), self._follow(HTTP_ROUTE), *(self._work() for _ in range(WORKERS))]
        async with in_background(*parts):
            yield

    async def _follow(self, kind: Kind) -> None:
        path = path_of(kind.api_version, kind.plural, self._namespace)
        while True:
            listing = await self._api.request("GET", path)
            for body in listing["items"]:
                self._see(kind, "ADDED", body)
            version = listing["metadata"]["resourceVersion"]
            try:
                while True:
                    async for change, body in self._api.watch(path, resource_version=version):
                        version = body["metadata"]["resourceVersion"]
                        if change != "BOOKMARK":
                            self._see(kind, change, body)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                logger.info("Following %s again: %s", kind.plural, error)
                await asyncio.sleep(AGAIN_SECONDS)

    def _see(self, kind: Kind, change: str, body: Object) -> None:
        about = body["metadata"]
        for told in self.seen if kind == INFERENCE_SERVICE else ():
            told(change, body)
        key = (kind, about["name"])
        if change == "DELETED":
            self._done.pop(key, None)
        elif self._done.get(key) != (about["uid"], about["generation"]):
            if key not in self._waiting:
                self._queue.put_nowait(key)
            self._waiting[key] = body

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            body = self._waiting.pop(key)
            act = self._serve if key[0] == INFERENCE_SERVICE else self._accept
            try:
                await act(key[1], body)
            except ApiError as error:
                if error.status != 404:  # it has gone meanwhile
                    raise
            else:
                self._done[key] = (body["metadata"]["uid"], body["metadata"]["generation"])

    async def _serve(self, name: str, body: Object) -> None:
        replicas = int(body["spec"]["predictor"]["minReplicas"])
        if self._replicas.get(name) != replicas:
            path = path_of(DEPLOYMENT.api_version, DEPLOYMENT.plural, self._namespace, predictor_name(name))
            made = await self._api.apply(path, deployment(body, replicas), manager=MANAGER)
            counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
            status = {"observedGeneration": made["metadata"]["generation"], **counts}
            await self._api.patch(f"{path}/status", {"status": status})
            self._replicas[name] = replicas
        await self._patch_status(INFERENCE_SERVICE, name, service_status(body))

    async def _accept(self, name: str, body: Object) -> None:
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "lastTransitionTime": TIME,
                "observedGeneration": body["metadata"]["generation"],
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        (parent,) = body["spec"]["parentRefs"]
        told = {"parentRef": parent, "controllerName": "example.com/played", "conditions": conditions}
        await self._patch_status(HTTP_ROUTE, name, {"parents": [told]})

    async def _patch_status(self, kind: Kind, name: str, status: Object) -> None:
        path = path_of(kind.api_version, kind.plural, self._namespace, name, "status")
        await self._api.patch(path, {"status": status})


def service_status(service: Object) -> Object:
    """What KServe says of an InferenceService that serves (Standard mode)."""
    about = service["metadata"]
    url = f"http://{predictor_name(about['name'])}.{about['namespace']}.svc.cluster.local"
    ready = ("IngressReady", "PredictorReady", "Ready")
    return {
        "address": {"url": url},
        "url": url,
        "components": {"predictor": {"url": url}},
        "conditions": [
            *({"type": kind, "status": "True", "lastTransitionTime": TIME} for kind in ready),
            {"type": "Stopped", "status": "False", "severity": "Info", "lastTransitionTime": TIME},
        ],
        "deploymentMode": "Standard",
        "modelStatus": {
            "copies": {"failedCopies": 0, "totalCopies": 2},
            "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
            "transitionStatus": "UpToDate",
        },
        "observedGeneration": about["generation"],
    }


def deployment(service: Object, replicas: int) -> Object:
    """As large as KServe makes it, with what the predictor's Pods are given."""
    about, predictor = service["metadata"], service["spec"]["predictor"]
    labels = {
        **about["labels"],
        "app": f"isvc.{predictor_name(about['name'])}",
        "component": "predictor",
        "serving.kserve.io/inferenceservice": about["name"],
    }
    container = {
        "name": "kserve-container",
        "image": "registry.example/weldserve/predictor:0.1.0",
        "args": predictor["model"].get("args", []),
        "env": [{"name": f"SETTING_{number}", "value": str(number)} for number in range(4)],
        "ports": [{"name": "http1", "containerPort": 8080}, {"name": "h2c", "containerPort": 8081}],
        "resources": predictor["model"].get("resources", {}),
        "volumeMounts": predictor["model"].get("volumeMounts", []),
    }
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": {
            "name": predictor_name(about["name"]),
            "namespace": about["namespace"],
            "labels": labels,
            "annotations": about.get("annotations", {}),
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": labels["app"]}},
            "template": {
                "metadata": {"labels": labels, "annotations": about.get("annotations", {})},
                "spec": {
                    "containers": [container],
                    "volumes": predictor.get("volumes", []),
                    "topologySpreadConstraints": predictor.get("topologySpreadConstraints", []),
                    "terminationGracePeriodSeconds": predictor.get("terminationGracePeriodSeconds", 30),
                },
            },
        },
    }
