"""Our own HTTPRoute over one InferenceService of each revision: works with every KServe that has Standard mode.

Each revision scales on its own signal, and a promotion re-points the route: no Pod is touched. A write of the route
is one write, so that a rollback is at 0 % at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from weld_api.names import predictor_name
from weld_operator.desired.disruption_budget import disruption_budget
from weld_operator.desired.inference_service import inference_service
from weld_operator.desired.metadata import metadata, pod_labels
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.backend import Found, TrafficObservation, TrafficPlan, Wanted
from weld_operator.desired.traffic.routes import (
    candidate_rule,
    http_route,
    is_taken_on,
    shown_weights,
    weighted_rule,
)
from weld_operator.desired.traffic.views import owned_by
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.observation import RevisionObservation
from weld_operator.domain.platform import BackendName
from weld_operator.domain.subject import Subject
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, Kind, Object

EVERY_PATH: Object = {"type": "PathPrefix", "value": "/"}


class GatewayBackend:
    """One InferenceService for each revision, and one HTTPRoute with their weights."""

    name: BackendName = "Gateway"
    owned_kinds = (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, HTTP_ROUTE)
    reads = (*owned_kinds, DEPLOYMENT)
    header_reaches_candidate = True

    def pod_labels(self, revision: str) -> dict[str, str]:
        return pod_labels(revision)

    def expected(self, owner: Subject) -> tuple[tuple[Kind, str], ...]:
        told = owner.status.revisions
        services = tuple((INFERENCE_SERVICE, each.name) for each in told)
        is_routed = any(each.phase == "Stable" for each in told)
        return (*services, (HTTP_ROUTE, owner.serving_name)) if is_routed else services

    def read(self, owner: Subject, found: Found) -> TrafficObservation:
        deployments = found.get(DEPLOYMENT, {})
        revisions = {
            name: RevisionObservation(service, deployments.get(predictor_name(name)))
            for name, service in owned_by(found.get(INFERENCE_SERVICE, {}), owner.owner.uid).items()
        }
        route = owned_by(found.get(HTTP_ROUTE, {}), owner.owner.uid).get(owner.serving_name)
        if route is None:
            return TrafficObservation(revisions)
        shown = shown_weights(route)
        weights = None if shown is None else {_revision(service): weight for service, weight in shown.items()}
        return TrafficObservation(revisions, weights, is_taken_on(route), route)

    def objects(self, owner: Subject, plan: TrafficPlan, found: Found, target: Target) -> Wanted:
        wanted: Wanted = []
        for revision in (plan.stable, plan.candidate):
            if revision is None or revision.spec is None:
                continue
            there = found.get(INFERENCE_SERVICE, {}).get(revision.name)
            wanted.append((INFERENCE_SERVICE, inference_service(owner, revision, revision.spec, target, there)))
            budget = disruption_budget(
                owner, revision.name, revision.spec.serving.availability, self.pod_labels(revision.name)
            )
            wanted.append((POD_DISRUPTION_BUDGET, budget))
        if plan.stable is not None:
            wanted.append((HTTP_ROUTE, _route(owner, plan.stable, plan, found, target)))
        return wanted

    def stays(self, kind: Kind, name: str, _owner: Subject, kept: frozenset[str], /) -> bool:
        """A revision that is retiring is left as it is."""
        return kind in (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET) and name in kept


def gateway_parent(target: Target) -> Object:
    """The Gateway that a route is attached to."""
    return {
        "group": HTTP_ROUTE.group,
        "kind": "Gateway",
        "namespace": target.gateway_namespace,
        "name": target.gateway_name,
    }


def _route(owner: Subject, stable: DesiredRevision, plan: TrafficPlan, found: Found, target: Target) -> Object:
    return http_route(
        metadata(owner, owner.serving_name),
        [gateway_parent(target)],
        [target.host(owner.serving_name, owner.namespace)],
        list(_rules(stable, plan, found)),
    )


def _rules(stable: DesiredRevision, plan: TrafficPlan, found: Found) -> Iterator[Object]:
    candidate = plan.candidate
    if candidate is None:
        yield weighted_rule(EVERY_PATH, {predictor_name(stable.name): 100})
        return
    weights = {predictor_name(stable.name): 100 - plan.weight, predictor_name(candidate.name): plan.weight}
    yield weighted_rule(EVERY_PATH, weights)
    # Not before KServe has made what the rule leads to: a reference to nothing has the whole route rejected.
    if plan.weight > 0 or predictor_name(candidate.name) in found.get(DEPLOYMENT, {}):
        yield candidate_rule(EVERY_PATH, candidate.name)


def _revision(service: str) -> str:
    return service.removesuffix(predictor_name(""))
