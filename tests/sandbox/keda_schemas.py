"""The CustomResourceDefinition of KEDA's ScaledObject, after https://keda.sh/docs/latest/reference/scaledobject-spec/."""

from __future__ import annotations

from tests.sandbox.definitions import Kind, definition
from tests.sandbox.kube_api import Object
from tests.sandbox.openapi_schema import ANY_OBJECT, BOOLEAN, INTEGER, STRING, a_list, a_map, an_object, one_of

_TRIGGER = an_object(
    "type metadata",
    type=STRING,
    name=STRING,
    metadata=a_map(STRING),
    metricType=STRING,
    useCachedMetrics=BOOLEAN,
    authenticationRef=an_object(
        "name", name=STRING, kind=one_of("TriggerAuthentication", "ClusterTriggerAuthentication")
    ),
)

_SCALED_OBJECT = an_object(
    "scaleTargetRef triggers",
    scaleTargetRef=an_object("name", apiVersion=STRING, kind=STRING, name=STRING, envSourceContainerName=STRING),
    pollingInterval=INTEGER,
    cooldownPeriod=INTEGER,
    initialCooldownPeriod=INTEGER,
    idleReplicaCount=INTEGER,
    minReplicaCount=INTEGER,
    maxReplicaCount=INTEGER,
    advanced=ANY_OBJECT,
    fallback=ANY_OBJECT,
    triggers=a_list(_TRIGGER),
)


def keda_definitions() -> list[Object]:
    """ScaledObject."""
    return [
        definition(Kind("keda.sh", "ScaledObject", "scaledobjects", ["v1alpha1"], short_names=["so"]), _SCALED_OBJECT)
    ]
