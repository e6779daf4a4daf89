"""KServe and the Deployments' controller as far as the operator sees of them, for any number of namespaces.

An InferenceService is ready at once, with as many Pods as it asks for at the least; each has metrics. What an
InferenceService that is deleted has had goes with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.integration.played_predictors import Behaviours, PlayedPod, PlayedPredictors
from tests.sandbox.background import in_background
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.node.addresses import AddressPool, Block
from tests.sandbox.watching import Cache
from weld_api.names import DIGEST_ANNOTATION, VERSION_ANNOTATION, predictor_name
from weld_api.shadow import SHADOW_FILE, ShadowOrder, shadow_name
from weld_operator.kinds import CONFIG_MAP, DEPLOYMENT, INFERENCE_SERVICE, Kind

READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T12:00:00Z"}
BLOCK_WISH = "played predictors"


@dataclass
class _Service:
    """What was made of an InferenceService."""

    body: Object
    generation: int = 0
    addresses: list[str] = field(default_factory=list)


class PlayedKServe:
    """Plays until the end of `running`; `behaviours` says how the predictors of a bundle do."""

    def __init__(self, api: KubeApi, behaviours: Behaviours) -> None:
        self._api = api
        self._behaviours = behaviours
        self._changed = asyncio.Event()
        self._services = Cache(api, _all_of(INFERENCE_SERVICE), self._changed)
        self._config_maps = Cache(api, _all_of(CONFIG_MAP), asyncio.Event(), label_selector="weldserve.io/model")
        self._made: dict[tuple[str, str], _Service] = {}
        self._predictors = PlayedPredictors()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        block = Block.claim(BLOCK_WISH)
        self._addresses = AddressPool(block.text)
        await self._predictors.start()
        try:
            async with in_background(self._services.run(), self._config_maps.run(), self._play()):
                yield
        finally:
            await self._predictors.stop()
            block.release()

    async def _play(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            there = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in self._services.all()}
            for key in self._made.keys() - there.keys():
                await self._remove(key)
            for key, body in there.items():
                made = self._made.setdefault(key, _Service(body))
                if made.body["metadata"]["uid"] != body["metadata"]["uid"]:
                    await self._remove(key)
                    made = self._made[key] = _Service(body)
                if made.generation != body["metadata"]["generation"]:
                    await self._serve(key, made, body)

    async def _serve(self, key: tuple[str, str], made: _Service, body: Object) -> None:
        namespace, name = key
        replicas = int(body["spec"]["predictor"]["minReplicas"])
        while len(made.addresses) > replicas:
            await self._end_pod(key, made)
        while len(made.addresses) < replicas:
            await self._start_pod(key, made, body)
        path = path_of(DEPLOYMENT.api_version, DEPLOYMENT.plural, namespace, predictor_name(name))
        deployment = await self._api.apply(path, _deployment(body, replicas), manager="played-kserve")
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
        observed = {"observedGeneration": deployment["metadata"]["generation"], **counts}
        await self._api.patch(f"{path}/status", {"status": observed})
        status = {"observedGeneration": body["metadata"]["generation"], "conditions": [READY]}
        path = path_of(INFERENCE_SERVICE.api_version, INFERENCE_SERVICE.plural, namespace, name, "status")
        try:
            await self._api.patch(path, {"status": status})
        except ApiError as error:
            if error.status != 404:  # it has gone meanwhile
                raise
        made.generation = body["metadata"]["generation"]

    async def _start_pod(self, key: tuple[str, str], made: _Service, body: Object) -> None:
        namespace, name = key
        address = self._addresses.take()
        annotations = body["metadata"]["annotations"]
        pod = PlayedPod(
            version=annotations[VERSION_ANNOTATION],
            digest=annotations[DIGEST_ANNOTATION],
            behaviours=self._behaviours,
            orders=lambda: self._order(namespace, name),
        )
        await self._predictors.add(address, pod)
        await self._api.create(path_of("v1", "pods", namespace), _pod(body, address))
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{**READY, "type": kind} for kind in ("Ready", "ContainersReady")],
        }
        path = path_of("v1", "pods", namespace, _pod_name(body, address), "status")
        await self._api.patch(path, {"status": status})
        made.addresses.append(address)

    async def _end_pod(self, key: tuple[str, str], made: _Service) -> None:
        address = made.addresses.pop()
        path = path_of("v1", "pods", key[0], _pod_name(made.body, address))
        await self._api.delete(path, grace_seconds=0)
        await self._predictors.remove(address)
        self._addresses.release(address)

    async def _remove(self, key: tuple[str, str]) -> None:
        made = self._made.pop(key)
        while made.addresses:
            await self._end_pod(key, made)
        path = path_of(DEPLOYMENT.api_version, DEPLOYMENT.plural, key[0], predictor_name(key[1]))
        if await self._api.get_or_none(path) is not None:
            await self._api.delete(path)

    def _order(self, namespace: str, revision: str) -> ShadowOrder | None:
        """Whom the predictors of a revision are told to shadow."""
        config_map = self._config_maps.get(namespace, shadow_name(revision))
        if config_map is None or SHADOW_FILE not in config_map.get("data", {}):
            return None
        return ShadowOrder.model_validate_json(config_map["data"][SHADOW_FILE])


def _all_of(kind: Kind) -> str:
    return path_of(kind.api_version, kind.plural)


def _labels(service: Object) -> Object:
    """As KServe labels what it makes: by its own name for it, and as the InferenceService is."""
    about = service["metadata"]
    return {
        **about["labels"],
        "app": f"isvc.{predictor_name(about['name'])}",
        "serving.kserve.io/inferenceservice": about["name"],
        "component": "predictor",
    }


def _pod_name(service: Object, address: str) -> str:
    return f"{predictor_name(service['metadata']['name'])}-{address.rpartition('.')[2]}"


def _pod(service: Object, address: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": _pod_name(service, address),
            "namespace": service["metadata"]["namespace"],
            "labels": _labels(service),
            "annotations": service["metadata"]["annotations"],
        },
        # Bound already, so that no scheduler looks for a node.
        "spec": {"nodeName": "played", **_pod_spec()},
    }


def _pod_spec() -> Object:
    ports = [{"name": "http1", "containerPort": 8080}, {"name": "h2c", "containerPort": 8081}]
    return {"containers": [{"name": "kserve-container", "image": "played", "ports": ports}]}


def _deployment(service: Object, replicas: int) -> Object:
    about = service["metadata"]
    labels = _labels(service)
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": {"name": predictor_name(about["name"]), "namespace": about["namespace"], "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": labels["app"]}},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec()},
        },
    }
