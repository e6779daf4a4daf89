"""KServe's admission webhooks as an HTTPS server on loopback, and their registration with the API server."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.sandbox.credentials import Authority
from tests.sandbox.kserve import names
from tests.sandbox.kserve.admission import RefusedError, defaulted, validate
from tests.sandbox.kserve.pod_mutation import mutated, needs_credentials
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of

ADDRESS = "127.0.0.1"
DEFAULT_SERVICE_PATH = "/mutate-serving-kserve-io-v1beta1-inferenceservice"
VALIDATE_SERVICE_PATH = "/validate-serving-kserve-io-v1beta1-inferenceservice"
MUTATE_POD_PATH = "/mutate-pods"

CONFIGURATION = "inferenceservice.serving.kserve.io"
PREFIX = "inferenceservice.kserve-webhook-server"
ADMISSION = "admissionregistration.k8s.io/v1"

WEBHOOK_SECONDS = 10
PROBE_PAUSE_SECONDS = 0.2
PROBES = 100


@dataclass
class WebhookServer:
    """A running server; `authority` is the PEM text of the authority that signed its certificate."""

    runner: web.AppRunner
    port: int
    authority: str

    @classmethod
    async def start(cls, mutator: PodMutator, folder: Path, port: int) -> WebhookServer:
        """Serve on 127.0.0.1:`port` (0 for any), with a new certificate in `folder`."""
        authority = Authority(folder, "kserve-webhook-ca")
        pair = authority.issue("kserve-webhook-server", addresses=(ADDRESS,))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        application = web.Application()
        application.router.add_post(DEFAULT_SERVICE_PATH, _answering(default_service))
        application.router.add_post(VALIDATE_SERVICE_PATH, _answering(_validate_service))
        application.router.add_post(MUTATE_POD_PATH, _answering(mutator.mutate))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, ADDRESS, port, ssl_context=context)
        await site.start()
        return cls(runner, runner.addresses[0][1], authority.certificate.read_text())

    async def stop(self) -> None:
        await self.runner.cleanup()


Answer = Callable[[Object], Awaitable[Object | None]]


async def review(request: Object, answer: Answer) -> Object:
    """The AdmissionReview's response: `answer` gives the object as it should be, None for as it is, or refuses."""
    response: Object = {"uid": request["uid"], "allowed": True}
    try:
        changed = await answer(request)
    except RefusedError as refusal:
        response["allowed"] = False
        response["status"] = {"code": 403, "reason": "Forbidden", "message": str(refusal)}
        return response
    if changed is not None and (patch := _patch(request["object"], changed)):
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
    return response


async def default_service(request: Object) -> Object:
    """The InferenceService of an admission request with KServe's defaults."""
    return defaulted(request["object"])


async def _validate_service(request: Object) -> None:
    validate(request["object"], request.get("oldObject"))


class PodMutator:
    """Gives Pods the source of their model, and the credentials that their ServiceAccount has for it.

    `site`: the environment of this cluster's storage initializers, by variable.
    """

    def __init__(self, api: KubeApi, site: Mapping[str, str]) -> None:
        self._api = api
        self._site: list[Object] = [{"name": name, "value": value} for name, value in site.items()]

    async def mutate(self, request: Object) -> Object:
        """The Pod of an admission request as it should be."""
        pod = request["object"]
        if not needs_credentials(pod):
            return mutated(pod)
        account = pod["spec"].get("serviceAccountName") or "default"
        return mutated(pod, await self._secrets(request["namespace"], account), self._site)

    async def _secrets(self, namespace: str, account: str) -> list[Object]:
        """The secrets of a ServiceAccount; one that is not there refuses the Pod."""
        found = await self._api.get_or_none(path_of("v1", "serviceaccounts", namespace, account))
        secrets = []
        for reference in (found or {}).get("secrets", []):
            name = reference["name"]
            secret = await self._api.get_or_none(path_of("v1", "secrets", namespace, name))
            if secret is None:
                raise RefusedError(f'secrets "{name}" not found')
            secrets.append(secret)
        return secrets


def _patch(before: Object, after: Object) -> list[Object]:
    """The webhooks change annotations and the spec, nothing else."""
    patch: list[Object] = []
    if before["metadata"].get("annotations") != after["metadata"].get("annotations"):
        patch.append({"op": "add", "path": "/metadata/annotations", "value": after["metadata"]["annotations"]})
    if before["spec"] != after["spec"]:
        patch.append({"op": "replace", "path": "/spec", "value": after["spec"]})
    return patch


def _answering(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        response = await review(body["request"], answer)
        return web.json_response({"apiVersion": body["apiVersion"], "kind": "AdmissionReview", "response": response})

    return handle


def configurations(port: int, authority: str) -> list[Object]:
    """The webhook configurations, with KServe's names and its failure policy: without webhooks nothing is admitted."""
    services = {
        "rules": [
            {
                "apiGroups": ["serving.kserve.io"],
                "apiVersions": ["v1beta1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["inferenceservices"],
            }
        ]
    }
    pods = {
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "objectSelector": {"matchExpressions": [{"key": names.SERVICE_LABEL, "operator": "Exists"}]},
        "reinvocationPolicy": "IfNeeded",
    }

    def webhook(name: str, path: str, scope: Object) -> Object:
        bundle = base64.b64encode(authority.encode()).decode()
        return {
            "name": f"{PREFIX}.{name}",
            "clientConfig": {"url": f"https://{ADDRESS}:{port}{path}", "caBundle": bundle},
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": WEBHOOK_SECONDS,
            **copy.deepcopy(scope),
        }

    mutating = [webhook("defaulter", DEFAULT_SERVICE_PATH, services), webhook("pod-mutator", MUTATE_POD_PATH, pods)]
    validating = [webhook("validator", VALIDATE_SERVICE_PATH, services)]
    return [_configuration("Mutating", mutating), _configuration("Validating", validating)]


def _configuration(kind: str, webhooks: list[Object]) -> Object:
    return {
        "apiVersion": ADMISSION,
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": webhooks,
    }


async def register(api: KubeApi, server: WebhookServer, manager: str) -> None:
    """Write the configurations, and wait until the API server asks both kinds of webhook.

    Raises ApiError, and TimeoutError where it does not come to that.
    """
    for configuration in configurations(server.port, server.authority):
        plural = configuration["kind"].lower() + "s"
        path = path_of(ADMISSION, plural, name=configuration["metadata"]["name"])
        await api.apply(path, configuration, manager=manager)
    for _ in range(PROBES):
        if await _is_defaulted(api) and await _is_validated(api):
            return
        await asyncio.sleep(PROBE_PAUSE_SECONDS)
    raise TimeoutError("the API server does not ask the webhooks")


async def _is_defaulted(api: KubeApi) -> bool:
    made = await _try(api, {"minReplicas": 1})
    return isinstance(made, dict) and names.MODEL_FORMAT in names.annotations_of(made)


async def _is_validated(api: KubeApi) -> bool:
    refusal = await _try(api, {"minReplicas": 2, "maxReplicas": 1})
    return isinstance(refusal, ApiError) and f"{PREFIX}.validator" in refusal.message


async def _try(api: KubeApi, predictor: Object) -> Object | ApiError | None:
    """What a dry run of creating an InferenceService brings; None without an API server."""
    probe: Object = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "webhook-probe"},
        "spec": {"predictor": {**predictor, "model": {"modelFormat": {"name": "probe"}}}},
    }
    path = path_of(names.API_VERSION, "inferenceservices", "default")
    try:
        return await api.request("POST", path, body=probe, params={"dryRun": "All"})
    except ApiError as error:
        return error
    except (aiohttp.ClientError, TimeoutError):
        return None
