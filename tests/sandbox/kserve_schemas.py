"""KServe's CustomResourceDefinitions as the SDK's own types describe them.

`python -m tests.sandbox.kserve_schemas` prints them as one JSON list. The rig reads them from that command and never
imports this module: the SDK takes seconds to import, and registers protobuf names that other clients register too.

Narrower than KServe's published definitions: no defaults, no enumerations, and lists inside Pod fields are replaced
whole by server-side apply.
"""

from __future__ import annotations

import json
from typing import Any

import kserve
import kserve.models
import kubernetes.client

from tests.sandbox.definitions import Kind, definition
from tests.sandbox.kube_api import Object
from tests.sandbox.openapi_schema import (
    ANY_OBJECT,
    INTEGER_OR_STRING,
    STRING,
    Schema,
    TypeReader,
    a_list,
    a_map,
    an_object,
)

GROUP = "serving.kserve.io"
READY = ("Ready", ".status.conditions[?(@.type=='Ready')].status")
URL = ("URL", ".status.url")

# The SDK's type of each kind, and the kind.
_KINDS = {
    "V1beta1InferenceService": Kind(
        GROUP, "InferenceService", "inferenceservices", ["v1beta1"], short_names=["isvc"], columns=[URL, READY]
    ),
    "V1alpha1ServingRuntime": Kind(GROUP, "ServingRuntime", "servingruntimes", ["v1alpha1"], has_status=False),
    "V1alpha1ClusterServingRuntime": Kind(
        GROUP, "ClusterServingRuntime", "clusterservingruntimes", ["v1alpha1"], namespaced=False, has_status=False
    ),
    "V1alpha1ClusterStorageContainer": Kind(
        GROUP, "ClusterStorageContainer", "clusterstoragecontainers", ["v1alpha1"], namespaced=False, has_status=False
    ),
    "V1alpha1InferenceGraph": Kind(
        GROUP, "InferenceGraph", "inferencegraphs", ["v1alpha1"], short_names=["ig"], columns=[URL, READY]
    ),
    "V1alpha1TrainedModel": Kind(
        GROUP, "TrainedModel", "trainedmodels", ["v1alpha1"], short_names=["tm"], columns=[URL, READY]
    ),
}

# What the SDKs call otherwise than each other.
_OTHER_NAMES = {
    "K8sIoApiAppsV1DeploymentStrategy": "V1DeploymentStrategy",
    "K8sIoApiAutoscalingV2HorizontalPodAutoscalerBehavior": "V2HorizontalPodAutoscalerBehavior",
}

_QUANTITIES = a_map(INTEGER_OR_STRING)

# What JSON shows otherwise than the type says: Go types with a text form of their own.
_KNOWN: dict[str, Schema] = {
    "KnativeURL": STRING,
    "KnativeVolatileTime": STRING,
    "V1Time": STRING,
    "ResourceQuantity": INTEGER_OR_STRING,
    "V1beta1MetricQuantity": INTEGER_OR_STRING,
    "KnativeAddressable": an_object(name=STRING, url=STRING, CACerts=STRING, audience=STRING),
    "V1ResourceRequirements": an_object(
        limits=_QUANTITIES, requests=_QUANTITIES, claims=a_list(an_object("name", name=STRING, request=STRING))
    ),
    "V1VolumeResourceRequirements": an_object(limits=_QUANTITIES, requests=_QUANTITIES),
}


def kserve_definitions() -> list[Object]:
    """One CustomResourceDefinition for each kind."""
    reader = TypeReader(_sdk_type, _KNOWN)
    definitions = []
    for type_name, kind in _KINDS.items():
        properties = reader.schema(type_name)["properties"]
        definitions.append(definition(kind, properties["spec"], properties.get("status", ANY_OBJECT)))
    return definitions


def _sdk_type(name: str) -> type[Any] | None:
    """The class of a name, in KServe's SDK or in that of Kubernetes."""
    for package in (kserve, kserve.models, kubernetes.client):
        found: type[Any] | None = getattr(package, _OTHER_NAMES.get(name, name), None)
        if found is not None:
            return found
    return None


if __name__ == "__main__":
    print(json.dumps(kserve_definitions()))
