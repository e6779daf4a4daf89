"""Knative mode: what KServe makes of an InferenceService, and Knative Serving of that. Pure.

Nothing of this is recorded; it is as documented, as far as the operator can see it:

- KServe, pkg/controller/.../knative/ksvc_reconciler.go: which targets of traffic `canaryTrafficPercent` makes, and
  which annotations for Knative's autoscaler follow from the replicas and the metric.
- KServe, pkg/apis/serving/v1beta1/inference_service_status.go, PropagateStatus: what it remembers of revisions that had
  all requests.
- Knative Serving's API specification: each other template makes a revision, numbered by its generation; `latest` is
  the newest revision that is or was ready, and never an older one than before; a target that is not ready takes over
  nothing.
- Knative Serving, pkg/reconciler/revision/resources: a Deployment `<revision>-deployment` with the revision's labels
  and annotations. Revisions that no target names have no Pods.

Simplified: Knative's Configuration and Route are not kept, and its autoscaler holds each revision at its minimum.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from tests.sandbox.kserve import autoscaling, names
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.workload import Workload
from tests.sandbox.kube_api import Object

REVISION_LABEL = "serving.knative.dev/revision"
SERVICE_LABEL = "serving.knative.dev/service"
GENERATION_LABEL = "serving.knative.dev/configurationGeneration"

CLASS_ANNOTATION = "autoscaling.knative.dev/class"
BY_REQUESTS = "kpa.autoscaling.knative.dev"
BY_CPU = "hpa.autoscaling.knative.dev"

TAKES_NOT = ("terminationGracePeriodSeconds", "activeDeadlineSeconds")
"""Fields of a Pod that Knative's webhook refuses."""

GATEWAY_PATH: Object = {"type": "PathPrefix", "value": "/"}


@dataclass(frozen=True)
class Target:
    """A target of traffic as KServe asks for it: the newest ready revision (no name), or a named one."""

    percent: int
    revision: str = ""


def refusal(predictor: Object) -> str | None:
    """What Knative's webhook has against a predictor's Pods, as KServe reports it."""
    for field in TAKES_NOT:
        if field in predictor:
            return f"validation failed: must not set the field(s): spec.template.spec.{field}"
    return None


def revision(service: Object, predictor: Object, made: Workload, generation: int) -> Object:
    """Knative's Revision of the template that KServe makes."""
    template = made.template_metadata()
    labels = {key: value for key, value in template["labels"].items() if key not in ("app", names.VISIBILITY)}
    name = f"{made.name}-{generation:05d}"
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {
            "name": name,
            "namespace": service["metadata"]["namespace"],
            "labels": {**labels, SERVICE_LABEL: made.name, GENERATION_LABEL: str(generation)},
            "annotations": {**template["annotations"], **_scaling(service, predictor)},
            "ownerReferences": [names.owner_reference(service)],
        },
        "spec": copy.deepcopy(made.pod_spec),
    }


def newest(revisions: Mapping[str, Object]) -> Object | None:
    return max(revisions.values(), key=generation_of, default=None)


def generation_of(knative_revision: Object) -> int:
    return int(names.labels_of(knative_revision)[GENERATION_LABEL])


def is_of_template(knative_revision: Object, wanted: Object) -> bool:
    """Whether a Revision was made of the same template as another one would be."""
    same_labels = _without_generation(knative_revision) == _without_generation(wanted)
    same_annotations = names.annotations_of(knative_revision) == names.annotations_of(wanted)
    return same_labels and same_annotations and bool(knative_revision["spec"] == wanted["spec"])


def targets(predictor: Object, component: Object) -> list[Target]:
    """What KServe asks of Knative: `component` is what it remembers in the InferenceService's status."""
    percent = predictor.get("canaryTrafficPercent")
    rolled_out = component.get("latestRolledoutRevision", "")
    if percent is None or not rolled_out:
        return [Target(100)]
    return [Target(percent), *([Target(100 - percent, rolled_out)] if percent < 100 else [])]


def objects(
    service: Object,
    predictor: Object,
    component: Object,
    revisions: Mapping[str, Object],
    cluster: Cluster,
    *,
    deployments: Mapping[str, Object],
    routes: Mapping[str, Object],
) -> list[Object]:
    """The Deployments and Services of all Revisions, and what the network layer makes of the traffic.

    `deployments` and `routes` are what is there of them.
    """
    shares = {each["revisionName"]: 0 for each in component.get("traffic", [])}
    for each in component.get("traffic", []):
        shares[each["revisionName"]] += each["percent"]
    route = _route(service, shares, cluster)
    used = {*shares, component.get("latestReadyRevision", ""), component["latestCreatedRevision"]}
    used |= {each.revision for each in targets(predictor, component)}
    if not _is_in_force(route, routes):
        # Knative keeps the last Pods for a grace period after its network layer has stopped sending requests there.
        used |= {name for name in revisions if _has_pods(name, deployments)}
    made = [_deployment(item, is_used=name in used) for name, item in revisions.items()]
    made += [_kubernetes_service(item) for item in revisions.values()]
    return [*made, *([route] if shares else [])]


def _is_in_force(route: Object, routes: Mapping[str, Object]) -> bool:
    """Whether the network layer sends requests as this route says, and no longer as one before it did."""
    there = routes.get(route["metadata"]["name"])
    if there is None or _shares_of(there) != _shares_of(route):
        return False
    parents = there.get("status", {}).get("parents", [])
    conditions = [entry for parent in parents for entry in parent.get("conditions", [])]
    generation = there["metadata"]["generation"]
    return bool(conditions) and all(entry.get("observedGeneration", 0) >= generation for entry in conditions)


def _shares_of(route: Object) -> dict[str, int]:
    references = [each for rule in route["spec"]["rules"] for each in rule["backendRefs"]]
    return {each["name"]: each["weight"] for each in references}


def _has_pods(revision_name: str, deployments: Mapping[str, Object]) -> bool:
    there = deployments.get(f"{revision_name}-deployment")
    return there is not None and bool(there["spec"].get("replicas", 1) > 0)


def _deployment(knative_revision: Object, *, is_used: bool) -> Object:
    """The Deployment of a Revision; one that nothing leads to has no Pods."""
    metadata = knative_revision["metadata"]
    name = str(metadata["name"])
    labels = {**names.labels_of(knative_revision), REVISION_LABEL: name, "app": name}
    least = int(names.annotations_of(knative_revision)["autoscaling.knative.dev/min-scale"])
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**_owned(metadata, f"{name}-deployment"), "labels": labels},
        "spec": {
            "replicas": max(least, 1) if is_used else 0,
            "selector": {"matchLabels": {REVISION_LABEL: name}},
            "template": {
                "metadata": {"labels": labels, "annotations": names.annotations_of(knative_revision)},
                "spec": copy.deepcopy(knative_revision["spec"]),
            },
        },
    }


def _kubernetes_service(knative_revision: Object) -> Object:
    """The Service of a Revision. Knative's has no selector and is pointed at Pods by Knative itself."""
    metadata = knative_revision["metadata"]
    port = knative_revision["spec"]["containers"][0].get("ports", [{"containerPort": 8080}])[0]["containerPort"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _owned(metadata, str(metadata["name"])),
        "spec": {
            "selector": {REVISION_LABEL: metadata["name"]},
            "ports": [{"name": "http", "port": 80, "targetPort": port, "protocol": "TCP"}],
        },
    }


def is_ready(knative_revision: Object, deployments: Mapping[str, Object]) -> bool:
    """Whether as many replicas are available as the Revision wants at the least."""
    made = deployments.get(f"{knative_revision['metadata']['name']}-deployment", {})
    available = (made.get("status") or {}).get("availableReplicas", 0)
    least = int(names.annotations_of(knative_revision)["autoscaling.knative.dev/min-scale"])
    return bool(available >= max(least, 1))


def _route(service: Object, shares: Mapping[str, int], cluster: Cluster) -> Object:
    """The HTTPRoute of Knative's network layer for the Gateway API; the operator has no business with it."""
    name = str(service["metadata"]["name"])
    gateway_namespace, gateway = cluster.gateway
    backends = [
        {"group": "", "kind": "Service", "name": each, "port": 80, "weight": share} for each, share in shares.items()
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": f"{name}-knative",
            "namespace": service["metadata"]["namespace"],
            "ownerReferences": [names.owner_reference(service)],
        },
        "spec": {
            "hostnames": [names.host(name, service, cluster)],
            "parentRefs": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "namespace": gateway_namespace,
                    "name": gateway,
                }
            ],
            "rules": [{"matches": [{"path": GATEWAY_PATH}], "backendRefs": backends}],
        },
    }


def _scaling(service: Object, predictor: Object) -> Object:
    given = names.annotations_of(service)
    least = autoscaling.min_replicas(predictor)
    annotations: Object = {
        CLASS_ANNOTATION: given.get(CLASS_ANNOTATION, BY_REQUESTS),
        "autoscaling.knative.dev/min-scale": str(least),
    }
    for field, name in (("scaleTarget", "target"), ("scaleMetric", "metric"), ("maxReplicas", "max-scale")):
        if predictor.get(field):
            annotations[f"autoscaling.knative.dev/{name}"] = str(predictor[field])
    return annotations


def _without_generation(knative_revision: Object) -> Object:
    labels = names.labels_of(knative_revision)
    labels.pop(GENERATION_LABEL, None)
    return labels


def _owned(metadata: Object, name: str) -> Object:
    return {
        "name": name,
        "namespace": metadata["namespace"],
        "labels": dict(metadata["labels"]),
        "annotations": dict(metadata["annotations"]),
        "ownerReferences": copy.deepcopy(metadata["ownerReferences"]),
    }
