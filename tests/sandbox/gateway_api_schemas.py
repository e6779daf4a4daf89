"""CustomResourceDefinitions of the Gateway API's standard kinds, in the parts that the project meets.

Fields, defaults and enumerations are those of the Gateway API v1 (https://gateway-api.sigs.k8s.io/reference/spec/);
filters may hold anything, and the rules that it states in CEL are left out.
"""

from __future__ import annotations

from tests.sandbox.definitions import Kind, definition
from tests.sandbox.kube_api import Object
from tests.sandbox.openapi_schema import (
    ANY_OBJECT,
    INTEGER,
    STRING,
    TIME,
    Schema,
    a_list,
    a_map,
    an_object,
    one_of,
    with_default,
)

GROUP = "gateway.networking.k8s.io"

_ANY_PATH = {"type": "PathPrefix", "value": "/"}

_CONDITION = an_object(
    "lastTransitionTime message reason status type",
    type=STRING,
    status=one_of("True", "False", "Unknown"),
    reason=STRING,
    message=STRING,
    observedGeneration=INTEGER,
    lastTransitionTime=TIME,
)
_CONDITIONS = a_list(_CONDITION, key="type")

_PARENT = an_object(
    "name",
    group=with_default(STRING, GROUP),
    kind=with_default(STRING, "Gateway"),
    namespace=STRING,
    name=STRING,
    sectionName=STRING,
    port=INTEGER,
)

_BACKEND = an_object(
    "name",
    group=with_default(STRING, ""),
    kind=with_default(STRING, "Service"),
    namespace=STRING,
    name=STRING,
    port=INTEGER,
    weight=with_default(INTEGER, 1),
    filters=a_list(ANY_OBJECT),
)

_NAME_AND_VALUE = an_object(
    "name value", type=one_of("Exact", "RegularExpression", default="Exact"), name=STRING, value=STRING
)

_PATH = an_object(
    type=one_of("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"), value=with_default(STRING, "/")
)

_MATCH = an_object(
    path=with_default(_PATH, _ANY_PATH),
    headers=a_list(_NAME_AND_VALUE, key="name"),
    queryParams=a_list(_NAME_AND_VALUE, key="name"),
    method=one_of("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
)

_RULE = an_object(
    name=STRING,
    matches=with_default(a_list(_MATCH), [{"path": _ANY_PATH}]),
    filters=a_list(ANY_OBJECT),
    backendRefs=a_list(_BACKEND),
    timeouts=an_object(request=STRING, backendRequest=STRING),
)

_ROUTE = an_object(
    parentRefs=a_list(_PARENT),
    hostnames=a_list(STRING),
    rules=with_default(a_list(_RULE), [{"matches": [{"path": _ANY_PATH}]}]),
)

_ROUTE_STATUS = an_object(
    "parents",
    parents=a_list(
        an_object(
            "conditions controllerName parentRef", parentRef=_PARENT, controllerName=STRING, conditions=_CONDITIONS
        )
    ),
)

_ROUTE_KINDS = a_list(an_object("kind", group=with_default(STRING, GROUP), kind=STRING))

_ALLOWED_ROUTES = an_object(
    namespaces=with_default(
        an_object(**{"from": one_of("All", "Selector", "Same", default="Same")}, selector=ANY_OBJECT), {"from": "Same"}
    ),
    kinds=_ROUTE_KINDS,
)

_LISTENER = an_object(
    "name port protocol",
    name=STRING,
    hostname=STRING,
    port=INTEGER,
    protocol=STRING,
    tls=ANY_OBJECT,
    allowedRoutes=with_default(_ALLOWED_ROUTES, {"namespaces": {"from": "Same"}}),
)

_ADDRESSES = a_list(an_object(type=with_default(STRING, "IPAddress"), value=STRING))

_GATEWAY = an_object(
    "gatewayClassName listeners",
    gatewayClassName=STRING,
    listeners=a_list(_LISTENER, key="name"),
    addresses=_ADDRESSES,
    infrastructure=an_object(labels=a_map(STRING), annotations=a_map(STRING), parametersRef=ANY_OBJECT),
)

_LISTENER_STATUS = an_object(
    "name attachedRoutes conditions",
    name=STRING,
    supportedKinds=_ROUTE_KINDS,
    attachedRoutes=INTEGER,
    conditions=_CONDITIONS,
)


def _waiting(*types: str) -> Schema:
    """Conditions that say Unknown until a controller has looked."""
    unknown = {"status": "Unknown", "reason": "Pending", "message": "Waiting for controller"}
    default = [{"type": name, **unknown, "lastTransitionTime": "1970-01-01T00:00:00Z"} for name in types]
    return with_default(_CONDITIONS, default)


def _reference(required: str, *more: str) -> Schema:
    return an_object(required, group=STRING, kind=STRING, **dict.fromkeys(more, STRING))


def gateway_api_definitions() -> list[Object]:
    """GatewayClass, Gateway, HTTPRoute and ReferenceGrant."""
    both = ["v1", "v1beta1"]
    return [
        definition(
            Kind(GROUP, "GatewayClass", "gatewayclasses", both, namespaced=False, short_names=["gc"]),
            an_object(
                "controllerName",
                controllerName=STRING,
                description=STRING,
                parametersRef=_reference("group kind name", "name", "namespace"),
            ),
            an_object(conditions=_waiting("Accepted"), supportedFeatures=a_list(an_object("name", name=STRING))),
        ),
        definition(
            Kind(GROUP, "Gateway", "gateways", both, short_names=["gtw"]),
            _GATEWAY,
            an_object(
                addresses=_ADDRESSES,
                conditions=_waiting("Accepted", "Programmed"),
                listeners=a_list(_LISTENER_STATUS, key="name"),
            ),
        ),
        definition(
            Kind(GROUP, "HTTPRoute", "httproutes", both, columns=[("Hostnames", ".spec.hostnames")]),
            _ROUTE,
            _ROUTE_STATUS,
        ),
        definition(
            Kind(GROUP, "ReferenceGrant", "referencegrants", both[::-1], short_names=["refgrant"], has_status=False),
            an_object(
                "from to",
                **{"from": a_list(_reference("group kind namespace", "namespace"))},
                to=a_list(_reference("group kind", "name")),
            ),
        ),
    ]
