"""What an InferenceService's status says, derived from what was there before and what exists now."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime

from tests.sandbox.kserve import names
from tests.sandbox.kserve.canaries import canaries_of
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.runtimes import InvalidSpecError, Runtime
from tests.sandbox.kube_api import Object

PREDICTOR_READY = "PredictorReady"
INGRESS_READY = "IngressReady"
READY = "Ready"
STOPPED = "Stopped"
CANARIES_READY = "CanaryPredictorReady"

# Ready follows these: the first that is False, else the first that is Unknown, else True.
DEPENDENTS = (INGRESS_READY, PREDICTOR_READY)


class StatusDraft:
    """A status in the making: starts from the old one, is marked, and is finished once."""

    def __init__(self, service: Object, mode: str) -> None:
        self._old: Object = copy.deepcopy(service.get("status") or {})
        self._conditions = {condition["type"]: condition for condition in self._old.get("conditions") or []}
        self.fields: Object = {key: value for key, value in self._old.items() if key != "conditions"}
        self.fields["deploymentMode"] = mode
        self.fields.setdefault("modelStatus", {"transitionStatus": ""})
        for condition in DEPENDENTS:
            if condition not in self._conditions:
                self.mark(condition, "Unknown")

    def mark(self, condition: str, value: str, reason: str = "", message: str = "") -> None:
        """Set a condition; `value` is True, False or Unknown as Kubernetes writes them."""
        made: Object = {"type": condition, "status": value}
        if reason:
            made["reason"] = reason
        if message:
            made["message"] = message
        if condition not in (*DEPENDENTS, READY):
            made["severity"] = "Info"
        self._conditions[condition] = made

    def clear(self, condition: str) -> None:
        self._conditions.pop(condition, None)

    def forget(self) -> None:
        """Drop all but the deployment mode, as a stopped InferenceService does."""
        self.fields = {"deploymentMode": self.fields["deploymentMode"], "modelStatus": {"transitionStatus": ""}}
        self._conditions = {}

    def is_true(self, condition: str) -> bool:
        return bool(self._conditions.get(condition, {}).get("status") == "True")

    def finish(self, now: datetime) -> Object:
        """The status: Ready follows the others, conditions are in order, and what did not change keeps its time."""
        self._follow()
        old = {condition["type"]: condition for condition in self._old.get("conditions") or []}
        conditions = [
            _timed(self._conditions[condition], old.get(condition), now) for condition in sorted(self._conditions)
        ]
        return {**self.fields, "conditions": conditions}

    def _follow(self) -> None:
        for value in ("False", "Unknown"):
            for dependent in DEPENDENTS:
                condition = self._conditions[dependent]
                if condition["status"] == value:
                    self.mark(READY, value, condition.get("reason", ""), condition.get("message", ""))
                    return
        self.mark(READY, "True")


def _timed(condition: Object, old: Object | None, now: datetime) -> Object:
    untimed = {key: value for key, value in condition.items() if key != "lastTransitionTime"}
    if old is not None and {**untimed, "lastTransitionTime": old.get("lastTransitionTime")} == old:
        return old
    return {**untimed, "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")}


def refuse(draft: StatusDraft, refusal: InvalidSpecError) -> None:
    """The spec cannot be served: conditions stay as they were, only modelStatus tells."""
    model = draft.fields["modelStatus"]
    draft.fields["modelStatus"] = {
        **model,
        "transitionStatus": "InvalidSpec",
        "states": {**_states(model), "targetModelState": "FailedToLoad"},
        "lastFailureInfo": {"reason": refusal.reason, "message": refusal.message},
    }


def name_runtime(draft: StatusDraft, runtime: Runtime) -> None:
    chosen, other = "servingRuntimeName", "clusterServingRuntimeName"
    if runtime.cluster_wide:
        chosen, other = other, chosen
    draft.fields[chosen] = runtime.name
    draft.fields.pop(other, None)


def fail(draft: StatusDraft, message: str) -> None:
    """Making the predictor's objects failed part of the way."""
    draft.fields.setdefault("components", {}).setdefault(names.PREDICTOR, {})
    draft.mark(PREDICTOR_READY, "False", "ReconcileFailed", f"fails to reconcile predictor: {message}")


def stop(draft: StatusDraft, service: Object, runtime: Runtime, cluster: Cluster) -> None:
    """The InferenceService is stopped: nothing of it runs, and its address is gone."""
    draft.forget()
    name_runtime(draft, runtime)
    draft.mark(PREDICTOR_READY, "False", "Stopped")
    draft.mark(STOPPED, "True")
    if names.is_cluster_local(service):
        draft.mark(INGRESS_READY, "True")
        draft.fields["url"] = _url(str(service["metadata"]["name"]), service, cluster)
    else:
        draft.mark(INGRESS_READY, "False", "Stopped")
    if canaries_of(service):
        draft.mark(CANARIES_READY, "False", "Stopped")


def follow_deployment(draft: StatusDraft, service: Object, deployment: Object, cluster: Cluster) -> None:
    """What the stable predictor's Deployment says; one that was just made says nothing yet."""
    component = draft.fields.setdefault("components", {}).setdefault(names.PREDICTOR, {})
    observed = deployment.get("status") or {}
    value, reason, message = deployment_readiness(observed)
    draft.mark(PREDICTOR_READY, value, reason, message)
    draft.mark(STOPPED, "False")
    if value == "True":
        component["url"] = _url(names.route_name(service), service, cluster)
    draft.fields.pop("observedGeneration", None)
    if generation := observed.get("observedGeneration"):
        draft.fields["observedGeneration"] = generation


def deployment_readiness(observed: Object) -> tuple[str, str, str]:
    """The value, reason and message of PredictorReady that a Deployment's status amounts to.

    A rollout that has ended makes it True even where nothing is counted as available, and unavailability overrides
    all but a failure to make Pods.
    """
    conditions = {condition["type"]: condition for condition in observed.get("conditions") or []}
    chosen: Object = {"status": "False"}
    available = conditions.get("Available", {})
    progressing = conditions.get("Progressing", {})
    if available.get("status") == "True":
        chosen = available
    ended = progressing.get("status") == "True" and progressing.get("reason") == "NewReplicaSetAvailable"
    stuck = progressing.get("status") == "False" and progressing.get("message")
    if ended or stuck:
        chosen = progressing
    if available.get("status") == "False":
        chosen = available
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        chosen = {**failure, "status": "False"}
    return chosen["status"], chosen.get("reason", ""), chosen.get("message", "")


def follow_canaries(draft: StatusDraft, service: Object, deployments: Mapping[str, Object]) -> None:
    """One available replica makes a canary ready."""
    canaries = canaries_of(service)
    if not canaries:
        draft.clear(CANARIES_READY)
        draft.fields.pop("canaryStatuses", None)
        return
    statuses = [_canary_status(service, canary, deployments) for canary in canaries]
    draft.fields["canaryStatuses"] = statuses
    if all(status["ready"] for status in statuses):
        draft.mark(CANARIES_READY, "True", "AllCanariesReady")
    else:
        draft.mark(CANARIES_READY, "False", "CanariesNotReady")


def _canary_status(service: Object, canary: Object, deployments: Mapping[str, Object]) -> Object:
    deployment = deployments.get(names.predictor_name(service, canary["predictor"]), {})
    return {
        "name": canary["predictor"]["name"],
        "ready": bool((deployment.get("status") or {}).get("availableReplicas")),
        "trafficPercent": canary.get("trafficPercent", 0),
        "modelStatus": {"transitionStatus": ""},
    }


def follow_model(draft: StatusDraft, ready_copies: int) -> None:
    """Loaded once the whole InferenceService is ready, by what was known of its ingress before."""
    model = draft.fields["modelStatus"]
    copies: Object = {"failedCopies": 0}
    if ready_copies:
        copies["totalCopies"] = ready_copies
    loaded = all(draft.is_true(dependent) for dependent in DEPENDENTS)
    states = _states(model)
    if loaded:
        states["activeModelState"] = "Loaded"
    states["targetModelState"] = "Loaded" if loaded else "Pending"
    draft.fields["modelStatus"] = {
        **model,
        "copies": copies,
        "states": states,
        "transitionStatus": "UpToDate" if loaded else "InProgress",
    }


def follow_ingress(draft: StatusDraft, service: Object, cluster: Cluster, readiness: tuple[bool, str, str]) -> None:
    """The InferenceService has its address once its routes carry traffic; without routes of its own, at once."""
    ready, reason, message = readiness
    if not ready:
        draft.mark(INGRESS_READY, "False", reason, message)
        return
    draft.mark(INGRESS_READY, "True")
    predictor = names.predictor_name(service, service["spec"]["predictor"])
    draft.fields["url"] = _url(str(service["metadata"]["name"]), service, cluster)
    namespace = service["metadata"]["namespace"]
    draft.fields["address"] = {"url": f"http://{predictor}.{namespace}.svc.cluster.local"}


def _states(model: Object) -> Object:
    return {"activeModelState": "", "targetModelState": "", **(model.get("states") or {})}


def _url(name: str, service: Object, cluster: Cluster) -> str:
    return f"http://{names.host(name, service, cluster)}"
