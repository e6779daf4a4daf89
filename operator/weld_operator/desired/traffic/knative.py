"""Knative mode: one InferenceService, whose `canaryTrafficPercent` divides the requests.

KServe (its ksvc_reconciler.go and inference_service_status.go) makes two targets of it: Knative's `latest` with that
percentage, and by name the revision that had all requests last (`latestRolledoutRevision`) with the rest. Without the
field, `latest` has all. What follows from that:

| to be                   | template    | canaryTrafficPercent |
| ----------------------- | ----------- | -------------------- |
| first version           | its own     | absent               |
| candidate at w %        | candidate's | w                    |
| rolled back             | candidate's | 0                    |
| promoted                | candidate's | absent               |
| without the candidate   | stable's    | 0 until `latest` is the stable bundle, then absent |

`latest` is the newest revision that was ever ready. After a rollback that is the candidate still, until the Pods of
the template that was put back are ready: to leave the field out before would send it all requests. Knative gives no
way to re-use the old revision's Pods; they answer until the new ones are ready.

A candidate that has all requests while the stable bundle does not answer leaves that one without Pods: Knative keeps
them of what it routes to. They start again with the first share that the stable bundle gets back.

A revision's minimum of replicas is part of Knative's template, so that another one means other Pods. What a candidate
was given beyond its own minimum, to take over a load, therefore stays until something else changes.
"""

from __future__ import annotations

from weld_api import names
from weld_api.spec import WeldModelSpec
from weld_operator.desired.autoscaling import by_cpu
from weld_operator.desired.disruption_budget import disruption_budget
from weld_operator.desired.inference_service import (
    bundle_annotations,
    inference_service_body,
    predictor,
    spread,
)
from weld_operator.desired.metadata import metadata, revision_labels
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.backend import Found, TrafficObservation, TrafficPlan, Wanted
from weld_operator.desired.traffic.knative_state import (
    KnativeState,
    annotation,
    revisions_of,
    state_of,
    weights_of,
)
from weld_operator.desired.traffic.views import owned_by
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.observation import condition_status
from weld_operator.domain.platform import BackendName
from weld_operator.domain.subject import Subject
from weld_operator.kinds import DEPLOYMENT, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, Kind, Object

SCALER_ANNOTATION = "autoscaling.knative.dev/class"
BY_CPU = "hpa.autoscaling.knative.dev"
"""Knative's own autoscaler knows requests alone; this one follows the CPU, as in Standard mode."""

LEAST_REPLICAS_ANNOTATION = f"{names.GROUP}/least-replicas"
"""The minimum that the spec asks for, where `minReplicas` may be higher."""


class KnativeBackend:
    """One InferenceService named as its WeldModel."""

    name: BackendName = "Knative"
    owned_kinds = (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET)
    reads = (*owned_kinds, DEPLOYMENT)
    # A tag reaches a Knative revision, by a host name or a header of Knative's; a header of ours does not.
    header_reaches_candidate = False

    def pod_labels(self, revision: str) -> dict[str, str]:
        return revision_labels(revision)

    def expected(self, owner: Subject) -> tuple[tuple[Kind, str], ...]:
        return ((INFERENCE_SERVICE, owner.name),) if owner.status.revisions else ()

    def read(self, owner: Subject, found: Found) -> TrafficObservation:
        state = _state(owner, found)
        if state is None:
            return TrafficObservation(url="")
        return TrafficObservation(
            revisions=revisions_of(owner, state),
            weights=weights_of(owner, state),
            in_force=condition_status(state.service, "PredictorRouteReady") != "False",
            url=state.service.get("status", {}).get("url", ""),
        )

    def objects(self, owner: Subject, plan: TrafficPlan, found: Found, target: Target) -> Wanted:
        state = _state(owner, found)
        revision, percent = _template(plan, state)
        wanted: Wanted = []
        if revision is not None and revision.spec is not None:
            body = _inference_service(owner, revision, revision.spec, target, percent, self.pod_labels(revision.name))
            wanted.append((INFERENCE_SERVICE, _with_kept_replicas(body, state)))
        for each in (plan.stable, plan.candidate):
            if each is not None and each.spec is not None:
                budget = disruption_budget(owner, each.name, each.spec.serving.availability, self.pod_labels(each.name))
                wanted.append((POD_DISRUPTION_BUDGET, budget))
        return wanted

    def stays(self, kind: Kind, name: str, owner: Subject, kept: frozenset[str], /) -> bool:
        if kind == INFERENCE_SERVICE:
            return name == owner.name and bool(kept)
        return kind == POD_DISRUPTION_BUDGET and name in kept


def _state(owner: Subject, found: Found) -> KnativeState | None:
    service = owned_by(found.get(INFERENCE_SERVICE, {}), owner.owner.uid).get(owner.name)
    return None if service is None else state_of(service, found.get(DEPLOYMENT, {}).values())


def _template(plan: TrafficPlan, state: KnativeState | None) -> tuple[DesiredRevision | None, int | None]:
    """Whose template the InferenceService should have, and its canaryTrafficPercent; None leaves that out."""
    stable, candidate = plan.stable, plan.candidate
    if stable is None:
        return candidate, None
    if candidate is not None and state is not None and _can_pin(stable, candidate, state):
        return candidate, plan.weight
    newest = "" if state is None else state.latest_ready
    is_stable = state is None or not newest or state.digest_of(newest) == stable.digest
    return stable, None if is_stable else 0


def _can_pin(stable: DesiredRevision, candidate: DesiredRevision, state: KnativeState) -> bool:
    """Whether KServe will give the requests that the candidate does not get to the stable bundle.

    After a candidate had all of them, KServe falls back on the revision before it.
    """
    rolled_out = state.digest_of(state.rolled_out)
    if rolled_out == candidate.digest:
        rolled_out = state.digest_of(state.previous)
    return rolled_out == stable.digest


def _inference_service(
    owner: Subject,
    revision: DesiredRevision,
    spec: WeldModelSpec,
    target: Target,
    percent: int | None,
    pods: dict[str, str],
) -> Object:
    about = metadata(owner, owner.name, revision.name)
    about["annotations"] = {
        names.MODE_ANNOTATION: spec.serving.mode,
        SCALER_ANNOTATION: BY_CPU,
        LEAST_REPLICAS_ANNOTATION: str(spec.serving.scaling.min_replicas),
        **bundle_annotations(revision, spec),
    }
    fields = {**predictor(owner, revision, spec, target), **by_cpu(spec.serving.scaling.target)}
    # Knative takes no such field: it gives Pods the time that a request may take at the longest, five minutes.
    del fields["terminationGracePeriodSeconds"]
    fields["topologySpreadConstraints"] = spread(spec.serving.availability, pods)
    if percent is not None:
        fields["canaryTrafficPercent"] = percent
    return inference_service_body(about, {"predictor": fields})


def _with_kept_replicas(body: Object, state: KnativeState | None) -> Object:
    """The InferenceService with the higher minimum that its Pods were made with, where nothing asks for a lower one."""
    if state is None:
        return body
    same = (names.DIGEST_ANNOTATION, LEAST_REPLICAS_ANNOTATION)
    if any(annotation(body, each) != annotation(state.service, each) for each in same):
        return body
    fields = body["spec"]["predictor"]
    there = int(state.service["spec"]["predictor"].get("minReplicas", 0))
    fields["minReplicas"] = max(fields["minReplicas"], min(there, fields["maxReplicas"]))
    return body
