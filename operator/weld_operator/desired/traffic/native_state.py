"""What an InferenceService with `spec.canary`, and the HTTPRoute that KServe makes of it, tell of revisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from weld_api import names
from weld_operator.desired.traffic.backend import Found
from weld_operator.desired.traffic.routes import named_services, shown_weights
from weld_operator.desired.traffic.views import is_owned, owned_by, ready_condition, revision_view
from weld_operator.domain.observation import Obstacle, RevisionObservation
from weld_operator.domain.subject import Subject
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, Object


@dataclass(frozen=True)
class NativeState:
    """The InferenceService, the Deployments by name, and KServe's HTTPRoute of the InferenceService's own host."""

    service: Object
    deployments: Mapping[str, Object]
    route: Object | None

    @property
    def predictors(self) -> list[Object]:
        """The predictor that answers, then those of `spec.canary`, in their order."""
        spec = self.service["spec"]
        return [spec["predictor"], *(canary["predictor"] for canary in spec.get("canary", []))]

    def predictor_of(self, revision: str) -> Object | None:
        """The predictor of a revision, as it is there."""
        digits = revision[-names.REVISION_SUFFIX_LENGTH :]
        return next((each for each in self.predictors if each.get("name") == digits), None)

    def has_pods(self, revision: str) -> bool:
        """Whether KServe has made the Deployment, and with it the Service, of a revision."""
        return names.predictor_name(revision) in self.deployments


def state_of(owner: Subject, found: Found) -> NativeState | None:
    """None where there is no InferenceService yet."""
    service = owned_by(found.get(INFERENCE_SERVICE, {}), owner.owner.uid).get(owner.name)
    if service is None:
        return None
    route = found.get(HTTP_ROUTE, {}).get(owner.name)
    is_its_own = route is not None and is_owned(route, service["metadata"]["uid"])
    return NativeState(service, found.get(DEPLOYMENT, {}), route if is_its_own else None)


def revisions_of(owner: Subject, state: NativeState) -> dict[str, RevisionObservation]:
    """Each predictor, as if it had an InferenceService of its own."""
    views = (_view(owner, state, predictor) for predictor in state.predictors if _digest(predictor))
    observed = (
        RevisionObservation(view, state.deployments.get(names.predictor_name(view["metadata"]["name"])))
        for view in views
    )
    return {each.name: each for each in observed}


def weights_of(state: NativeState) -> dict[str, int] | None:
    """Requests of a hundred by revision, as KServe's HTTPRoute divides them."""
    shown = None if state.route is None else shown_weights(state.route)
    if shown is None:
        return None
    return {service.removesuffix(names.predictor_name("")): weight for service, weight in shown.items()}


def undivided(owner: Subject, state: NativeState) -> Obstacle | None:
    """KServe has seen that a candidate should get requests, and its HTTPRoute does not so much as name it.

    KServe reports the percentage in the status after it has written its routes, in the same turn.
    """
    named = frozenset[str]() if state.route is None else named_services(state.route)
    for name, percent in _seen_percentages(state.service):
        service = names.predictor_name(f"{owner.name}-{name}")
        if named and percent > 0 and service in state.deployments and service not in named:
            message = (
                f"KServe took spec.canary of InferenceService {owner.name}, with {percent} % for {name}, and its "
                f"HTTPRoute sends nothing there: before version 0.21 it does not divide requests in Standard mode; "
                f"upgrade KServe, or make a WeldModel with serving.traffic Gateway"
            )
            return Obstacle("TrafficNotDivided", message)
    return None


def _seen_percentages(service: Object) -> Iterator[tuple[str, int]]:
    """Of each candidate that the spec names: the percentage, where KServe reports the same."""
    told = {each["name"]: each["trafficPercent"] for each in service.get("status", {}).get("canaryStatuses", [])}
    for canary in service["spec"].get("canary", []):
        name = canary["predictor"].get("name", "")
        if told.get(name) == canary["trafficPercent"]:
            yield name, canary["trafficPercent"]


def _view(owner: Subject, state: NativeState, predictor: Object) -> Object:
    told = state.service.get("status", {})
    is_main = predictor is state.predictors[0]
    status: Object = {
        **(told if is_main else {"deploymentMode": told.get("deploymentMode", "")}),
        # KServe reports the generation of a Deployment there.
        "observedGeneration": 1,
    }
    if not is_main:
        ready = {each["name"]: each["ready"] for each in told.get("canaryStatuses", [])}
        status["conditions"] = [ready_condition(bool(ready.get(predictor.get("name"))))]
    about = predictor.get("annotations", {})
    return revision_view(owner, state.service, about, status, {"predictor": predictor})


def _digest(predictor: Object) -> str:
    return str(predictor.get("annotations", {}).get(names.DIGEST_ANNOTATION, ""))
