"""The Deployment, the Service and the ConfigMap of one predictor."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.sandbox.kserve import names
from tests.sandbox.kserve.runtimes import InvalidSpecError, Runtime
from tests.sandbox.kube_api import Object

# The predictor's own fields; what else a predictor has belongs to its Pods.
COMPONENT_FIELDS = frozenset(
    {
        "annotations",
        "autoScaling",
        "batcher",
        "canaryTrafficPercent",
        "containerConcurrency",
        "deploymentStrategy",
        "labels",
        "logger",
        "maxReplicas",
        "minReplicas",
        "model",
        "name",
        "scaleMetric",
        "scaleMetricType",
        "scaleTarget",
        "storageContainerName",
        "storageUris",
        "timeout",
        "workerSpec",
    }
)
# The model's own fields; what else a model has belongs to its container.
MODEL_FIELDS = frozenset(
    {
        "confidential",
        "modelFormat",
        "name",
        "protocolVersion",
        "runtime",
        "runtimeVersion",
        "storage",
        "storageUri",
    }
)
# What a runtime's spec says of Pods.
RUNTIME_POD_FIELDS = frozenset(
    {
        "affinity",
        "hostIPC",
        "imagePullSecrets",
        "nodeSelector",
        "securityContext",
        "tolerations",
        "volumes",
    }
)
# By which field the entries of a container's lists are told apart when a runtime and a model are merged.
MERGE_KEYS = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "volumes": "name"}

STORAGE_SCHEMES = ("file", "gs", "hdfs", "hf", "http", "https", "oci", "pvc", "s3", "webhdfs")

DEFAULT_STRATEGY: Object = {
    "type": "RollingUpdate",
    "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
}


class UnsupportedStorageError(Exception):
    """KServe cannot bring files from there; it says so in its log and nowhere else."""


@dataclass(frozen=True)
class Workload:
    """What the objects of one predictor have in common: metadata, and the Pods' spec."""

    metadata: Object
    pod_spec: Object

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def selector(self) -> dict[str, str]:
        return {"app": names.app_label(self.name)}

    def owned_metadata(self) -> Object:
        return copy.deepcopy(self.metadata)

    def template_metadata(self) -> Object:
        return {key: value for key, value in self.owned_metadata().items() if key != "ownerReferences"}


def build(service: Object, predictor: Object, runtime: Runtime) -> Workload:
    """Merge the runtime and the predictor; raises InvalidSpecError and UnsupportedStorageError."""
    model = predictor["model"]
    check_storage(model.get("storageUri"))
    name = names.predictor_name(service, predictor)
    labels = {
        **(runtime.spec.get("labels") or {}),
        **names.labels_of(service),
        **(predictor.get("labels") or {}),
        names.SERVICE_LABEL: service["metadata"]["name"],
        names.COMPONENT_LABEL: names.PREDICTOR,
        "app": names.app_label(name),
    }
    annotations = {
        **_propagated(runtime.spec.get("annotations") or {}),
        **_propagated(names.annotations_of(service)),
        **_storage_annotations(service, model),
        **_propagated(predictor.get("annotations") or {}),
    }
    metadata: Object = {
        "name": name,
        "namespace": service["metadata"]["namespace"],
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [names.owner_reference(service)],
    }
    return Workload(metadata, _pod_spec(service, predictor, runtime))


def check_storage(uri: str | None) -> None:
    """Raise UnsupportedStorageError for a scheme that no storage initializer knows; a path needs no scheme."""
    if uri is None or "://" not in uri:
        return
    scheme = uri.split("://", 1)[0]
    if scheme not in STORAGE_SCHEMES:
        raise UnsupportedStorageError(f"storageUri {uri} is of no known scheme")


def deployment(workload: Workload, predictor: Object, replicas: int | None) -> Object:
    """The Deployment; without `replicas` an autoscaler owns their number, and Kubernetes starts with one."""
    spec: Object = {
        "selector": {"matchLabels": workload.selector},
        "strategy": copy.deepcopy(predictor.get("deploymentStrategy") or DEFAULT_STRATEGY),
        "template": {"metadata": workload.template_metadata(), "spec": copy.deepcopy(workload.pod_spec)},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": workload.owned_metadata(), "spec": spec}


def kubernetes_service(workload: Workload) -> Object:
    """The Service: the first container port is reached at 80, each other one at its own number."""
    ports = _model_container(workload.pod_spec).get("ports") or [{"name": workload.name, "containerPort": 8080}]
    first, *others = [_service_port(port) for port in ports]
    first["port"] = 80
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": workload.owned_metadata(),
        "spec": {"selector": workload.selector, "ports": [first, *others]},
    }


def model_config(service: Object) -> Object:
    """The ConfigMap from which the multi-model agent learns its models; there are none yet."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": model_config_name(service),
            "namespace": service["metadata"]["namespace"],
            "ownerReferences": [names.owner_reference(service)],
        },
        "data": {"models.json": "[]"},
    }


def model_config_name(service: Object) -> str:
    return f"modelconfig-{service['metadata']['name']}-0"


def _service_port(port: Object) -> Object:
    number = port["containerPort"]
    made: Object = {"port": number, "targetPort": number, "protocol": port.get("protocol", "TCP")}
    if name := port.get("name"):
        made["name"] = name
    if name == "h2c":
        made["appProtocol"] = "kubernetes.io/h2c"
    return made


def _storage_annotations(service: Object, model: Object) -> dict[str, str]:
    """What tells the Pods' webhook where the model comes from; a model from nowhere is one of many, of an agent's."""
    if uri := model.get("storageUri"):
        return {names.SOURCE_URI: uri}
    return {
        names.AGENT: "true",
        names.AGENT_CONFIG_MOUNT: names.CONFIG_FOLDER,
        names.AGENT_CONFIG_VOLUME: model_config_name(service),
        names.AGENT_MODEL_FOLDER: names.MODEL_FOLDER,
    }


def _propagated(annotations: Object) -> Object:
    return {key: value for key, value in annotations.items() if key not in names.UNPROPAGATED_ANNOTATIONS}


def _pod_spec(service: Object, predictor: Object, runtime: Runtime) -> Object:
    from_runtime = {key: value for key, value in runtime.spec.items() if key in RUNTIME_POD_FIELDS}
    from_predictor = {
        key: value for key, value in predictor.items() if key not in COMPONENT_FIELDS and key != "containers"
    }
    spec = merged(from_runtime, from_predictor)
    containers: list[Object] = runtime.spec.get("containers") or []
    base = next((container for container in containers if container["name"] == names.MODEL_CONTAINER), None)
    if base is None:
        raise InvalidSpecError("InvalidPredictorSpec", "no container configuration found in selected serving runtime")
    others = [container for container in containers if container is not base]
    own = _container(service, base, predictor["model"])
    spec["containers"] = copy.deepcopy([own, *others, *(predictor.get("containers") or [])])
    for container in spec["containers"]:
        _add_service_name(container, service)
    return spec


def _container(service: Object, base: Object, model: Object) -> Object:
    overrides = {key: value for key, value in model.items() if key not in MODEL_FIELDS}
    container = merged(base, overrides)
    args = [*(base.get("args") or []), *(model.get("args") or [])]
    if args:
        container["args"] = args
    filled = _filled(container, service)
    assert isinstance(filled, dict)
    return filled


def _add_service_name(container: Object, service: Object) -> None:
    env = container.setdefault("env", [])
    env[:] = [variable for variable in env if variable["name"] != "INFERENCE_SERVICE_NAME"]
    env.append({"name": "INFERENCE_SERVICE_NAME", "value": service["metadata"]["name"]})


def _filled(value: object, service: Object) -> object:
    """Replace `{{.Name}}` and `{{.Namespace}}` in each string."""
    if isinstance(value, dict):
        return {key: _filled(item, service) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, service) for item in value]
    if isinstance(value, str):
        text = re.sub(r"\{\{\s*\.Name\s*\}\}", service["metadata"]["name"], value)
        return re.sub(r"\{\{\s*\.Namespace\s*\}\}", service["metadata"]["namespace"], text)
    return value


def _model_container(pod_spec: Object) -> Object:
    container: Object = pod_spec["containers"][0]
    return container


def merged(base: Object, overrides: Object) -> Object:
    """`base` with `overrides` laid over it: objects by field, known lists by their entries' key, the rest replaced."""
    result = copy.deepcopy(base)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif key in MERGE_KEYS and isinstance(result.get(key), list):
            result[key] = _merged_list(result[key], value, MERGE_KEYS[key])
        else:
            result[key] = copy.deepcopy(value)
    return result


def _merged_list(base: Sequence[Object], overrides: Sequence[Object], key: str) -> list[Object]:
    given = {entry[key]: entry for entry in overrides}
    kept = [copy.deepcopy(given.pop(entry[key], entry)) for entry in base]
    return kept + [copy.deepcopy(entry) for entry in given.values()]
