"""What an InferenceService in Knative mode tells of Knative's revisions, as far as KServe's status and Deployments do.

Knative makes a revision of its own (`north-line-predictor-00002`) of each change of what its Pods are made of. Which
bundle one of them serves stands on its Deployment: Knative passes on the annotations that KServe passes on to it.
Knative's own objects are not read, so that no permission for them is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from weld_api import names
from weld_operator.desired.traffic.views import ready_condition, revision_view
from weld_operator.domain.observation import RevisionObservation
from weld_operator.domain.subject import Subject
from weld_operator.kinds import Object

KNATIVE_REVISION_LABEL = "serving.knative.dev/revision"


@dataclass(frozen=True)
class KnativeState:
    """One InferenceService and the Deployments of its Knative revisions, by the names of those.

    latest_created, latest_ready: the newest Knative revision, and the newest one that was ever ready
    rolled_out, previous: the one that had all requests last, and the one before it, as KServe remembers them
    traffic: requests of a hundred by Knative revision, those that have any
    """

    service: Object
    deployments: Mapping[str, Object]
    latest_created: str
    latest_ready: str
    rolled_out: str
    previous: str
    traffic: Mapping[str, int]

    def digest_of(self, knative_revision: str) -> str | None:
        """The bundle that a Knative revision serves; None where there is no Deployment of it."""
        deployment = self.deployments.get(knative_revision)
        return None if deployment is None else annotation(deployment, names.DIGEST_ANNOTATION)

    @property
    def asked_digest(self) -> str:
        """The bundle that the InferenceService's own spec names."""
        return annotation(self.service, names.DIGEST_ANNOTATION)

    @property
    def is_settled(self) -> bool:
        """Whether the newest Knative revision is ready, and serves the bundle that the spec names."""
        return self.latest_created == self.latest_ready and self.digest_of(self.latest_ready) == self.asked_digest


def state_of(service: Object, deployments: Iterable[Object]) -> KnativeState:
    told = service.get("status", {}).get("components", {}).get("predictor", {})
    traffic: dict[str, int] = {}
    for target in told.get("traffic", []):
        percent = target.get("percent", 0)
        if percent > 0:
            traffic[target["revisionName"]] = traffic.get(target["revisionName"], 0) + percent
    labelled = {each["metadata"].get("labels", {}).get(KNATIVE_REVISION_LABEL): each for each in deployments}
    return KnativeState(
        service=service,
        deployments={name: body for name, body in labelled.items() if name is not None},
        latest_created=told.get("latestCreatedRevision", ""),
        latest_ready=told.get("latestReadyRevision", ""),
        rolled_out=told.get("latestRolledoutRevision", ""),
        previous=told.get("previousRolledoutRevision", ""),
        traffic=traffic,
    )


def revisions_of(owner: Subject, state: KnativeState) -> dict[str, RevisionObservation]:
    """Each bundle that gets requests, or is the newest, as if it had an InferenceService of its own.

    Of several Knative revisions of one bundle the one with the most requests counts, or else the newest.
    """
    shown: dict[str, str] = {}
    for name in sorted({*state.traffic, state.latest_ready, state.latest_created} & state.deployments.keys()):
        digest = state.digest_of(name)
        if digest:
            shown[digest] = max(shown.get(digest, name), name, key=lambda each: (state.traffic.get(each, 0), each))
    if state.asked_digest:
        shown.setdefault(state.asked_digest, "")
    observed = (_observed(owner, state, digest, name) for digest, name in shown.items())
    return {each.name: each for each in observed}


def weights_of(owner: Subject, state: KnativeState) -> dict[str, int] | None:
    """Requests of a hundred by revision; a Knative revision of an unknown bundle keeps its own name."""
    weights: dict[str, int] = {}
    for name, percent in state.traffic.items():
        digest = state.digest_of(name)
        revision = names.revision_name(owner.serving_name, digest) if digest else name
        weights[revision] = weights.get(revision, 0) + percent
    return weights if sum(weights.values()) == 100 else None


def annotation(body: Object, name: str) -> str:
    return str(body["metadata"].get("annotations", {}).get(name, ""))


def _observed(owner: Subject, state: KnativeState, digest: str, name: str) -> RevisionObservation:
    deployment = state.deployments.get(name)
    is_ready = deployment is not None and (name == state.latest_ready or name in state.traffic)
    if digest == state.asked_digest:
        source, status, spec = state.service, _status_of_asked(state, is_ready), state.service.get("spec", {})
    else:
        mode = state.service.get("status", {}).get("deploymentMode", "")
        conditions = [ready_condition(is_ready)]
        source, spec = deployment or state.service, {}
        status = {"deploymentMode": mode, "conditions": conditions, "observedGeneration": 1}
    about = {each: annotation(source, each) for each in (names.DIGEST_ANNOTATION, names.VERSION_ANNOTATION)}
    return RevisionObservation(revision_view(owner, state.service, about, status, spec), deployment)


def _status_of_asked(state: KnativeState, is_ready: bool) -> Object:
    """What KServe says of the InferenceService: it is about the bundle that its spec names, and about no other.

    Until the newest template is served it counts as not looked at.
    """
    told = {**state.service.get("status", {})}
    others = [entry for entry in told.get("conditions", []) if entry["type"] != "Ready"]
    told["conditions"] = [ready_condition(is_ready), *others]
    told.pop("observedGeneration", None)
    return {**told, "observedGeneration": 1} if state.is_settled else told
