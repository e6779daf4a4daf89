"""What KServe's webhook adds to the Pods of an InferenceService: where the model comes from. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable

from tests.sandbox.kserve import names
from tests.sandbox.kserve.store_credentials import credentials_of
from tests.sandbox.kube_api import Object

STORAGE_INITIALIZER = "storage-initializer"
STORAGE_INITIALIZER_IMAGE = "localhost/storage-initializer:1"
AGENT_IMAGE = "kserve/agent:latest"
AGENT_PORT = 9081

CLAIM_VOLUME = "kserve-pvc-source"
DOWNLOAD_VOLUME = "kserve-provision-location"
MODEL_FOLDER_VOLUME = "model-dir"
MODEL_CONFIG_VOLUME = "model-config"

SIDE_RESOURCES: Object = {"requests": {"cpu": "100m", "memory": "100Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
# Go writes a probe's fields in this order.
PROBE_FIELDS = (
    "httpGet",
    "tcpSocket",
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
HTTP_GET_FIELDS = ("path", "port", "host", "scheme", "httpHeaders")


def needs_credentials(pod: Object) -> bool:
    """Whether a storage initializer will fetch the Pod's model."""
    return _fetched(pod["metadata"].get("annotations", {})) is not None


def mutated(pod: Object, secrets: Iterable[Object] = (), site: Iterable[Object] = ()) -> Object:
    """The Pod with its model's source; doing it twice changes nothing more.

    `secrets` are those of the Pod's ServiceAccount: what opens the store; `site`, the environment variables that this
    cluster's ClusterStorageContainer has besides KServe's own.
    """
    changed = copy.deepcopy(pod)
    annotations = changed["metadata"].setdefault("annotations", {})
    if annotations.get(names.AGENT) == "true":
        _add_agent(changed, annotations)
    elif uri := annotations.get(names.SOURCE_URI):
        _add_source(changed, uri, secrets, site)
    annotations.setdefault(names.METRIC_AGGREGATION, "false")
    annotations.setdefault(names.PROMETHEUS_SCRAPING, "false")
    return changed


def _fetched(annotations: Object) -> str | None:
    """The uri that a storage initializer fetches."""
    uri: str = annotations.get(names.SOURCE_URI, "")
    brings_itself = annotations.get(names.AGENT) == "true" or not uri or uri.startswith("pvc://")
    return None if brings_itself else uri


def _add_source(pod: Object, uri: str, secrets: Iterable[Object], site: Iterable[Object]) -> None:
    scheme, _, rest = uri.partition("://")
    if scheme == "pvc":
        claim, _, path = rest.partition("/")
        volume: Object = {"name": CLAIM_VOLUME, "persistentVolumeClaim": {"claimName": claim}}
        _mount(pod, names.MODEL_CONTAINER, volume, names.MODEL_FOLDER, read_only=True, sub_path=path)
        return
    given = credentials_of(secrets)
    fetches = _storage_initializer(uri)
    fetches["env"] += [*site, *given.variables]
    fetches["volumeMounts"] += given.mounts
    _add_once(pod["spec"].setdefault("initContainers", []), fetches)
    for volume in given.volumes:
        _add_once(pod["spec"].setdefault("volumes", []), volume)
    volume = {"name": DOWNLOAD_VOLUME, "emptyDir": {}}
    _mount(pod, names.MODEL_CONTAINER, volume, names.MODEL_FOLDER, read_only=True)


def _storage_initializer(uri: str) -> Object:
    return {
        "name": STORAGE_INITIALIZER,
        "image": STORAGE_INITIALIZER_IMAGE,
        "args": [uri, names.MODEL_FOLDER],
        "env": [
            {"name": "HF_HUB_ENABLE_HF_TRANSFER", "value": "1"},
            {"name": "HF_XET_HIGH_PERFORMANCE", "value": "1"},
            {"name": "HF_XET_NUM_CONCURRENT_RANGE_GETS", "value": "8"},
        ],
        "resources": copy.deepcopy(SIDE_RESOURCES),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": DOWNLOAD_VOLUME, "mountPath": names.MODEL_FOLDER}],
    }


def _add_agent(pod: Object, annotations: Object) -> None:
    model_server = pod["spec"]["containers"][0]
    folder, configs = annotations[names.AGENT_MODEL_FOLDER], annotations[names.AGENT_CONFIG_MOUNT]
    _add_once(pod["spec"]["containers"], _agent(model_server, folder, configs))
    models: Object = {"name": MODEL_FOLDER_VOLUME, "emptyDir": {}}
    config: Object = {"name": MODEL_CONFIG_VOLUME, "configMap": {"name": annotations[names.AGENT_CONFIG_VOLUME]}}
    _mount(pod, "agent", models, folder)
    _mount(pod, names.MODEL_CONTAINER, models, folder)
    _mount(pod, "agent", config, configs)


def _agent(model_server: Object, folder: str, configs: str) -> Object:
    ports = model_server.get("ports") or [{"containerPort": 8080}]
    agent: Object = {
        "name": "agent",
        "image": AGENT_IMAGE,
        "args": [
            *("--enable-puller", "--config-dir", configs, "--model-dir", folder),
            *("--component-port", str(ports[0]["containerPort"])),
        ],
        "resources": copy.deepcopy(SIDE_RESOURCES),
        "ports": [{"name": "agent-port", "containerPort": AGENT_PORT, "protocol": "TCP"}],
        "readinessProbe": {
            "httpGet": {
                "path": "/",
                "port": AGENT_PORT,
                "scheme": "HTTP",
                "httpHeaders": [{"name": "K-Network-Probe", "value": "queue"}],
            }
        },
    }
    if context := model_server.get("securityContext"):
        agent["securityContext"] = copy.deepcopy(context)
    if probe := model_server.get("readinessProbe"):
        agent["env"] = [{"name": "SERVING_READINESS_PROBE", "value": _probe_text(probe)}]
    return agent


def _probe_text(probe: Object) -> str:
    ordered = {name: probe[name] for name in PROBE_FIELDS if name in probe}
    if "httpGet" in ordered:
        ordered["httpGet"] = {name: probe["httpGet"][name] for name in HTTP_GET_FIELDS if name in probe["httpGet"]}
    return json.dumps(ordered, separators=(",", ":"))


def _mount(
    pod: Object, container: str, volume: Object, path: str, *, read_only: bool = False, sub_path: str = ""
) -> None:
    _add_once(pod["spec"].setdefault("volumes", []), volume)
    mount: Object = {"name": volume["name"], "mountPath": path}
    if read_only:
        mount["readOnly"] = True
    if sub_path:
        mount["subPath"] = sub_path
    for candidate in pod["spec"]["containers"]:
        if candidate["name"] == container:
            _add_once(candidate.setdefault("volumeMounts", []), mount)


def _add_once(entries: list[Object], entry: Object) -> None:
    if all(existing["name"] != entry["name"] for existing in entries):
        entries.append(copy.deepcopy(entry))
