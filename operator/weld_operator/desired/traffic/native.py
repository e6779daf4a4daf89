"""KServe's own `spec.canary` in Standard mode: one InferenceService, whose HTTPRoute KServe divides.

From KServe's pull requests 5672 and 5912 and from recordings: each predictor with a name has a Deployment and a Service
`<isvc>-<name>-predictor`, and the candidate becomes the predictor, with its Pods, when that takes over its name. So
every predictor here is named by the first digits of its bundle's digest, from the first version on. What is told of
one revision stands in its own predictor: labels and annotations of the InferenceService would reach the Pods of both.

- KServe takes the candidates' replicas off the predictor's minimum; they are added to it, so that it keeps its size.
- A candidate has a fixed number of replicas: it scales by itself once it is the predictor, and not before.
- What a candidate leaves open KServe takes from the predictor. Where that is a limit of its resources, its promotion
  changes its Pods, and they are replaced one after the other.
- A revision that was replaced stays as a candidate of 0 % until it is removed, so that a promotion ends no Pod.
- KServe before 0.21 takes the field, makes the Pods, and routes nothing to them. Nothing but its HTTPRoute tells.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from weld_api import names
from weld_operator.desired.autoscaling import by_cpu
from weld_operator.desired.disruption_budget import disruption_budget
from weld_operator.desired.inference_service import bundle_annotations, inference_service_body, predictor
from weld_operator.desired.metadata import metadata, pod_labels
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.backend import Found, TrafficObservation, TrafficPlan, Wanted
from weld_operator.desired.traffic.native_state import NativeState, revisions_of, state_of, undivided, weights_of
from weld_operator.desired.traffic.routes import candidate_rule, http_route, is_taken_on
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.platform import BackendName
from weld_operator.domain.subject import Subject
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, Kind, Object

OF_THE_PREDICTOR_ALONE = ("maxReplicas", "scaleMetric", "scaleTarget")
"""Fields that KServe refuses in a candidate."""

Share = tuple[DesiredRevision, int]
"""A revision, and its requests of a hundred."""


class NativeBackend:
    """One InferenceService named as its WeldModel, with predictors named by their bundles."""

    name: BackendName = "Native"
    owned_kinds = (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, HTTP_ROUTE)
    reads = (*owned_kinds, DEPLOYMENT)
    header_reaches_candidate = True

    def pod_labels(self, revision: str) -> dict[str, str]:
        return pod_labels(revision)

    def expected(self, owner: Subject) -> tuple[tuple[Kind, str], ...]:
        """The InferenceService, and the HTTPRoute that KServe makes of it."""
        return ((INFERENCE_SERVICE, owner.name), (HTTP_ROUTE, owner.name)) if owner.status.revisions else ()

    def read(self, owner: Subject, found: Found) -> TrafficObservation:
        state = state_of(owner, found)
        if state is None:
            return TrafficObservation(url="")
        return TrafficObservation(
            revisions=revisions_of(owner, state),
            weights=weights_of(state),
            in_force=state.route is None or is_taken_on(state.route),
            route=state.route,
            url=state.service.get("status", {}).get("url", ""),
            obstacle=undivided(owner, state),
        )

    def objects(self, owner: Subject, plan: TrafficPlan, found: Found, target: Target) -> Wanted:
        state = state_of(owner, found)
        wanted: Wanted = []
        spec = _spec(owner, plan, state, target)
        if spec is not None:
            about = metadata(owner, owner.name)
            about["annotations"] = {names.MODE_ANNOTATION: "Standard", names.AUTOSCALER_ANNOTATION: "hpa"}
            wanted.append((INFERENCE_SERVICE, inference_service_body(about, spec)))
        for each in (plan.stable, plan.candidate):
            if each is not None and each.spec is not None:
                availability = each.spec.serving.availability
                budget = disruption_budget(owner, each.name, availability, self.pod_labels(each.name))
                wanted.append((POD_DISRUPTION_BUDGET, budget))
        if state is not None and plan.stable is not None and plan.candidate is not None:
            wanted.extend((HTTP_ROUTE, route) for route in _header_routes(owner, plan.candidate.name, state))
        return wanted

    def stays(self, kind: Kind, name: str, owner: Subject, kept: frozenset[str], /) -> bool:
        if kind == INFERENCE_SERVICE:
            return name == owner.name and bool(kept)
        return kind == POD_DISRUPTION_BUDGET and name in kept


def _shares(plan: TrafficPlan) -> list[Share]:
    """The revision that answers, then all others; before anything is stable, the candidate answers."""
    retiring = [(each, 0) for each in plan.retiring]
    if plan.stable is None:
        return ([] if plan.candidate is None else [(plan.candidate, 100)]) + retiring
    candidates = [] if plan.candidate is None else [(plan.candidate, plan.weight)]
    return [(plan.stable, 100 - plan.weight), *candidates, *retiring]


def _spec(owner: Subject, plan: TrafficPlan, state: NativeState | None, target: Target) -> Object | None:
    """The InferenceService's spec; None where nothing is known of the predictor that answers."""
    shares = _shares(plan)
    answering = _predictor(owner, shares[0][0], state, target) if shares else None
    if answering is None:
        return None
    canaries = [canary for share in shares[1:] if (canary := _canary(owner, share, state, target)) is not None]
    taken = sum(canary["predictor"]["minReplicas"] for canary in canaries)
    answering["minReplicas"] += taken
    answering["maxReplicas"] = max(answering["maxReplicas"], answering["minReplicas"])
    return {"predictor": answering, **({"canary": canaries} if canaries else {})}


def _canary(owner: Subject, share: Share, state: NativeState | None, target: Target) -> Object | None:
    revision, percent = share
    fields = _predictor(owner, revision, state, target)
    if fields is None:
        return None
    for name in OF_THE_PREDICTOR_ALONE:
        fields.pop(name, None)
    return {"trafficPercent": percent, "predictor": fields}


def _predictor(owner: Subject, revision: DesiredRevision, state: NativeState | None, target: Target) -> Object | None:
    """A revision's predictor; one whose spec is not known is as it is there, with the replicas that are wanted."""
    if revision.spec is None:
        there = None if state is None else state.predictor_of(revision.name)
        if there is None:
            return None
        return {"maxReplicas": revision.min_replicas, **copy.deepcopy(there), "minReplicas": revision.min_replicas}
    digits = revision.name[-names.REVISION_SUFFIX_LENGTH :]
    return {
        **predictor(owner, revision, revision.spec, target),
        **by_cpu(revision.spec.serving.scaling.target),
        "name": digits,
        "labels": {names.REVISION_LABEL: digits},
        "annotations": bundle_annotations(revision, revision.spec),
    }


def _header_routes(owner: Subject, candidate: str, state: NativeState) -> Iterator[Object]:
    """A route of ours beside KServe's, of the same hosts, Gateways and path, for requests that name the candidate.

    A rule of ours in KServe's own route would vanish with KServe's next write of it.
    """
    if state.route is None or not state.has_pods(candidate):
        return
    spec = state.route["spec"]
    path = spec["rules"][0]["matches"][0]["path"]
    about = metadata(owner, candidate, candidate)
    yield http_route(about, spec["parentRefs"], spec["hostnames"], [candidate_rule(path, candidate)])
