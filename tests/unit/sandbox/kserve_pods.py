"""The Pods that the stand-in for KServe would make of an InferenceService."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.plan import Observed, plan
from tests.sandbox.kube_api import Object

RUNTIME: Object = {
    "metadata": {"name": "weldserve", "namespace": "plant-a"},
    "spec": {
        "supportedModelFormats": [{"name": "weldserve"}],
        "protocolVersions": ["v2"],
        "containers": [{"name": "kserve-container", "image": "predictor", "args": ["--http-port=8080"]}],
    },
}


def pod_template(service: Object) -> Object:
    """The template in the Deployment of an InferenceService that names the runtime `weldserve`."""
    about = {**service["metadata"], "uid": "of-the-service", "generation": 1}
    decided = plan(
        {**service, "metadata": about},
        Observed(runtimes=[RUNTIME]),
        Cluster("example.com"),
        datetime(2026, 11, 23, 12, tzinfo=UTC),
    )
    (deployment,) = [body for body in decided.write if body["kind"] == "Deployment"]
    template: Object = deployment["spec"]["template"]
    return template
