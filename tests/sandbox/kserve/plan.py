"""What KServe does about one InferenceService: the objects to write and to delete, and its status. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.sandbox.kserve import autoscaling, knative, knative_status, names, routes, status, workload
from tests.sandbox.kserve.canaries import canaries_of, canary_predictor, replicas_of, stable_predictor
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.runtimes import InvalidSpecError, Runtime, choose
from tests.sandbox.kserve.workload import UnsupportedStorageError
from tests.sandbox.kube_api import Object

DNS_LABEL_LIMIT = 63

KEDA_MISSING = (
    'failed to get existing KEDA autoscaler: no matches for kind "ScaledObject" in version "keda.sh/v1alpha1"'
)


@dataclass(frozen=True)
class Observed:
    """What exists around one InferenceService.

    `owned` are the objects that it controls, by kind and name; `ready_copies` the ready Pods of its stable predictor;
    `runtimes` the ServingRuntimes of its namespace, `cluster_runtimes` those of the cluster.
    """

    owned: Mapping[str, Mapping[str, Object]] = field(default_factory=dict)
    ready_copies: int = 0
    runtimes: Sequence[Object] = ()
    cluster_runtimes: Sequence[Object] = ()

    def of_kind(self, kind: str) -> Mapping[str, Object]:
        return self.owned.get(kind, {})


@dataclass(frozen=True)
class Plan:
    """Objects to write, in order; kinds and names to delete; the status, None to leave it alone.

    `failed` says that something is missing that may come by itself, so that it should be tried again.
    """

    write: tuple[Object, ...] = ()
    delete: tuple[tuple[str, str], ...] = ()
    status: Object | None = None
    failed: bool = False


def plan(service: Object, observed: Observed, cluster: Cluster, now: datetime) -> Plan:
    """Decide about an InferenceService that is not being deleted; one without `predictor.model` is left alone."""
    if "model" not in service["spec"]["predictor"] or len(_longest_label(service)) > DNS_LABEL_LIMIT:
        return Plan()
    draft = status.StatusDraft(service, names.mode_of(service))
    if names.mode_of(service) != names.STANDARD and not cluster.knative:
        return Plan(status=draft.finish(now))
    planned = _planned if names.mode_of(service) == names.STANDARD else _planned_for_knative
    try:
        return planned(service, observed, cluster, draft, now)
    except InvalidSpecError as refusal:
        status.refuse(draft, refusal)
    except UnsupportedStorageError:
        pass
    return Plan(status=draft.finish(now))


def _longest_label(service: Object) -> str:
    return f"{names.route_name(service)}-{service['metadata']['namespace']}"


def _planned(service: Object, observed: Observed, cluster: Cluster, draft: status.StatusDraft, now: datetime) -> Plan:
    model = service["spec"]["predictor"]["model"]
    workload.check_storage(model.get("storageUri"))
    runtime = choose(model, observed.runtimes, observed.cluster_runtimes)
    status.name_runtime(draft, runtime)
    if names.is_stopped(service):
        status.stop(draft, service, runtime, cluster)
        return Plan(delete=tuple(_all_running(observed)), status=draft.finish(now))
    predictor = stable_predictor(service)
    written = _stable_objects(service, predictor, runtime)
    if autoscaling.class_of(service) == "keda" and not cluster.keda:
        status.fail(draft, KEDA_MISSING)
        made = tuple(item for item in written if item["kind"] != "ScaledObject")
        return Plan(made, status=draft.finish(now), failed=True)
    written += _canary_objects(service, observed)
    written += _follow(service, observed, cluster, draft)
    return Plan(tuple(written), tuple(_orphans(service, observed)), draft.finish(now))


def _planned_for_knative(
    service: Object, observed: Observed, cluster: Cluster, draft: status.StatusDraft, now: datetime
) -> Plan:
    predictor = service["spec"]["predictor"]
    runtime = choose(predictor["model"], observed.runtimes, observed.cluster_runtimes)
    status.name_runtime(draft, runtime)
    if refusal := knative.refusal(predictor):
        status.fail(draft, refusal)
        return Plan(status=draft.finish(now), failed=True)
    revisions = dict(observed.of_kind("Revision"))
    last = knative.newest(revisions)
    number = 1 if last is None else knative.generation_of(last) + 1
    newest = knative.revision(service, predictor, workload.build(service, predictor, runtime), number)
    if last is not None and knative.is_of_template(last, newest):
        newest = last
    revisions[newest["metadata"]["name"]] = newest
    component = knative_status.followed(service, predictor, revisions, observed.of_kind("Deployment"))
    knative_status.follow(draft, service, predictor, component, cluster)
    written = [] if newest is last else [newest]
    written += knative.objects(
        service,
        predictor,
        component,
        revisions,
        cluster,
        deployments=observed.of_kind("Deployment"),
        routes=observed.of_kind("HTTPRoute"),
    )
    return Plan(tuple(written), status=draft.finish(now))


def _follow(service: Object, observed: Observed, cluster: Cluster, draft: status.StatusDraft) -> list[Object]:
    """Bring the status up to what is observed; the routes to write come of it, for they wait for the predictor."""
    deployments = observed.of_kind("Deployment")
    stable = names.predictor_name(service, service["spec"]["predictor"])
    status.follow_deployment(draft, service, deployments.get(stable, {}), cluster)
    status.follow_canaries(draft, service, deployments)
    status.follow_model(draft, observed.ready_copies)
    if names.is_cluster_local(service):
        status.follow_ingress(draft, service, cluster, (True, "", ""))
        return []
    ready = draft.is_true(status.PREDICTOR_READY)
    readiness = routes.readiness(service, observed.of_kind("HTTPRoute"), predictor_ready=ready)
    status.follow_ingress(draft, service, cluster, readiness)
    return routes.routes(service, cluster) if ready else []


def _stable_objects(service: Object, predictor: Object, runtime: Runtime) -> list[Object]:
    made = workload.build(service, predictor, runtime)
    objects = [] if predictor["model"].get("storageUri") else [workload.model_config(service)]
    objects.append(workload.deployment(made, predictor, autoscaling.fixed_replicas(service, predictor)))
    objects.append(workload.kubernetes_service(made))
    objects += _autoscalers(service, predictor, made)
    return objects


def _autoscalers(service: Object, predictor: Object, made: workload.Workload) -> list[Object]:
    scaler = autoscaling.class_of(service)
    if scaler == "hpa":
        return [autoscaling.horizontal(made, predictor)]
    return [autoscaling.scaled_object(made, predictor)] if scaler == "keda" else []


def _canary_objects(service: Object, observed: Observed) -> list[Object]:
    objects: list[Object] = []
    for canary in canaries_of(service):
        predictor = canary_predictor(service, canary)
        runtime = choose(predictor["model"], observed.runtimes, observed.cluster_runtimes)
        made = workload.build(service, predictor, runtime)
        replicas = replicas_of(service, canary)
        # An autoscaler cannot hold a canary at none.
        fixed = autoscaling.fixed_replicas(service, predictor) if replicas else 0
        objects += [workload.deployment(made, predictor, fixed), workload.kubernetes_service(made)]
        objects += _autoscalers(service, predictor, made) if replicas else []
    return objects


def _orphans(service: Object, observed: Observed) -> Iterator[tuple[str, str]]:
    """Predictors that are no longer wanted; KServe leaves a former canary's autoscaler behind."""
    stable = names.predictor_name(service, service["spec"]["predictor"])
    wanted = {stable, *(names.predictor_name(service, canary["predictor"]) for canary in canaries_of(service))}
    for kind in ("Deployment", "Service"):
        yield from ((kind, name) for name in observed.of_kind(kind) if name not in wanted)
    for kind, scaler in (("HorizontalPodAutoscaler", "hpa"), ("ScaledObject", "keda")):
        if autoscaling.class_of(service) != scaler and stable in observed.of_kind(kind):
            yield kind, stable


def _all_running(observed: Observed) -> Iterator[tuple[str, str]]:
    for kind in ("HTTPRoute", "HorizontalPodAutoscaler", "ScaledObject", "Deployment", "Service"):
        yield from ((kind, name) for name in observed.of_kind(kind))
