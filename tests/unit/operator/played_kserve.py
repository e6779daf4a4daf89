"""KServe, as the sandbox's stand-in decides, in a cluster in memory whose Pods are ready at once."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.sandbox.kserve.admission import defaulted, validate
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.plan import Observed, Plan, plan
from tests.unit.operator.in_memory_cluster import InMemoryCluster, Place
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, POD, Kind, Object

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEEN: dict[str, Kind] = {"Deployment": DEPLOYMENT, "HTTPRoute": HTTP_ROUTE}
"""Of what KServe makes, the kinds that the operator looks at; the others are kept aside."""

RUNTIME: Object = {
    "metadata": {"name": "weldserve", "namespace": "plant-a", "uid": "runtime", "resourceVersion": "1"},
    "spec": {
        "supportedModelFormats": [{"name": "weldserve", "autoSelect": True}],
        "protocolVersions": ["v2"],
        "containers": [{"name": "kserve-container", "image": "predictor", "ports": [{"containerPort": 8080}]}],
    },
}


class KServeCluster(InMemoryCluster):
    """A cluster with KServe's webhooks: what they fill in is there with the write itself."""

    def _store(self, place: Place, body: Object, before: Object | None) -> None:
        if place[0] == INFERENCE_SERVICE:
            body = defaulted(body)
            validate(body, before)
        super()._store(place, body, before)


class PlayedKServe:
    """KServe, Knative where `knative`, and whoever runs Deployments and accepts HTTPRoutes.

    `divides`: whether it routes by `spec.canary`.
    """

    def __init__(self, cluster: InMemoryCluster, *, knative: bool, divides: bool) -> None:
        self._cluster = cluster
        self._kserve = Cluster("example.com", knative=knative, divides=divides)
        self._aside: dict[tuple[str, str], Object] = {}

    def follow(self, turns: int = 6) -> None:
        """Go on until nothing changes any more, or for so many turns."""
        for _ in range(turns):
            before = copy.deepcopy(self._cluster.objects)
            self._collect_garbage()
            for service in self._all(INFERENCE_SERVICE):
                self._reconcile(service)
            for deployment in self._all(DEPLOYMENT):
                self._run(deployment)
            for route in self._all(HTTP_ROUTE):
                self._accept(route)
            if self._cluster.objects == before:
                return

    def _collect_garbage(self) -> None:
        """What belongs to an InferenceService that is gone."""
        there = {body["metadata"]["uid"] for body in self._all(INFERENCE_SERVICE)}
        for kind in SEEN.values():
            for body in self._all(kind):
                owners = body["metadata"].get("ownerReferences", [])
                if all(owner["kind"] == INFERENCE_SERVICE.name and owner["uid"] not in there for owner in owners):
                    self._cluster.remove(kind, "plant-a", body["metadata"]["name"])
                    self._end_pods(body["metadata"]["name"], 0)
        self._aside = {
            place: body
            for place, body in self._aside.items()
            if any(owner["uid"] in there for owner in body["metadata"]["ownerReferences"])
        }

    def _reconcile(self, service: Object) -> None:
        decided = plan(service, Observed(owned=self._owned(service), runtimes=[RUNTIME]), self._kserve, NOW)
        self._write(service, decided)

    def _owned(self, service: Object) -> dict[str, dict[str, Object]]:
        uid = service["metadata"]["uid"]
        owned: dict[str, dict[str, Object]] = {}
        seen = [(kind, body) for kind in SEEN for body in self._all(SEEN[kind])]
        for kind, body in [*seen, *((kind, body) for (kind, _), body in self._aside.items())]:
            if any(owner["uid"] == uid for owner in body["metadata"].get("ownerReferences", [])):
                owned.setdefault(kind, {})[body["metadata"]["name"]] = body
        return owned

    def _write(self, service: Object, decided: Plan) -> None:
        for wanted in decided.write:
            kind, name = wanted["kind"], wanted["metadata"]["name"]
            if kind not in SEEN:
                self._aside[kind, name] = wanted
                continue
            before = self._cluster.objects.get((SEEN[kind], "plant-a", name), {})
            body = {**wanted, **({"status": before["status"]} if "status" in before else {})}
            if kind == "Deployment" and "replicas" not in body["spec"]:
                body["spec"] = {**body["spec"], "replicas": self._autoscaled(name)}
            self._put(SEEN[kind], body)
        for kind, name in decided.delete:
            self._aside.pop((kind, name), None)
            if kind in SEEN:
                self._cluster.remove(SEEN[kind], "plant-a", name)
                self._end_pods(name, 0)
        if decided.status is not None:
            self._put(INFERENCE_SERVICE, {**service, "status": decided.status})

    def _autoscaled(self, name: str) -> int:
        scaler = self._aside.get(("HorizontalPodAutoscaler", name), {"spec": {"minReplicas": 1}})
        return int(scaler["spec"]["minReplicas"])

    def _run(self, deployment: Object) -> None:
        """Its Pods, which are other ones where their template changes."""
        name, replicas = deployment["metadata"]["name"], int(deployment["spec"]["replicas"])
        template = deployment["spec"]["template"]
        made = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
        for number in range(replicas):
            self._put(POD, _pod(f"{name}-{number}", template["metadata"]["labels"], made, number))
        self._end_pods(name, replicas)
        counted = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        conditions = [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]
        generation = self._cluster.objects[DEPLOYMENT, "plant-a", name]["metadata"]["generation"]
        status = {"observedGeneration": generation, "conditions": conditions, **dict.fromkeys(counted, replicas)}
        self._put(DEPLOYMENT, {**deployment, "status": status})

    def _end_pods(self, deployment: str, replicas: int) -> None:
        for body in self._all(POD):
            owner, _, number = body["metadata"]["name"].rpartition("-")
            if owner == deployment and int(number) >= replicas:
                self._cluster.remove(POD, "plant-a", body["metadata"]["name"])

    def _accept(self, route: Object) -> None:
        condition = {"type": "Accepted", "status": "True", "observedGeneration": route["metadata"]["generation"]}
        self._put(HTTP_ROUTE, {**route, "status": {"parents": [{"conditions": [condition]}]}})

    def _put(self, kind: Kind, body: Object) -> None:
        place = (kind, "plant-a", body["metadata"]["name"])
        before = self._cluster.objects.get(place)
        about = {} if before is None else before["metadata"]
        kept = {
            name: about[name] for name in ("uid", "creationTimestamp", "generation", "resourceVersion") if name in about
        }
        self._cluster.put(kind, {**body, "metadata": {**body["metadata"], **kept}})

    def _all(self, kind: Kind) -> Iterator[Object]:
        yield from [copy.deepcopy(body) for (each, _, _), body in self._cluster.objects.items() if each == kind]


def _pod(name: str, labels: Object, template: str, number: int) -> Object:
    """`template` stands in the Pod's place of a container, so that another one is another Pod."""
    return {
        "metadata": {"name": name, "namespace": "plant-a", "labels": dict(labels)},
        "spec": {"nodeName": template},
        "status": {"podIP": f"10.0.0.{number}", "conditions": [{"type": "Ready", "status": "True"}]},
    }
