"""CustomResourceDefinitions of Knative Serving, after its API specification: as much as a stand-in keeps of it.

https://knative.dev/docs/serving/reference/serving-api/. A cluster that knows the Service counts as one with Knative.
"""

from __future__ import annotations

from tests.sandbox.definitions import Kind, definition
from tests.sandbox.kube_api import Object
from tests.sandbox.openapi_schema import ANY_OBJECT

GROUP = "serving.knative.dev"


def knative_definitions() -> list[Object]:
    """Service and Revision."""
    return [
        definition(Kind(GROUP, "Service", "services", ["v1"], short_names=["ksvc"]), ANY_OBJECT),
        definition(Kind(GROUP, "Revision", "revisions", ["v1"], short_names=["rev"]), ANY_OBJECT),
    ]
