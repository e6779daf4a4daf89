"""What an InferenceService's status says in Knative mode, as KServe's PropagateStatus derives it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.sandbox.kserve import knative, names, status
from tests.sandbox.kserve.knative import Target
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.status import StatusDraft
from tests.sandbox.kube_api import Object

ROUTE_READY = "PredictorRouteReady"
CONFIGURATION_READY = "PredictorConfigurationReady"


def followed(
    service: Object, predictor: Object, revisions: Mapping[str, Object], deployments: Mapping[str, Object]
) -> Object:
    """The predictor's part of the status, after one more look at its revisions."""
    told: Object = (service.get("status") or {}).get("components") or {}
    before: Object = told.get(names.PREDICTOR) or {}
    newest = knative.newest(revisions)
    created = "" if newest is None else str(newest["metadata"]["name"])
    ready = _latest_ready(before, revisions, deployments)
    reported = _traffic(knative.targets(predictor, before), before, ready, deployments)
    return _remembered(before, created, ready, reported)


def follow(draft: StatusDraft, service: Object, predictor: Object, component: Object, cluster: Cluster) -> None:
    """The conditions: the predictor is ready when its newest revision is, and its traffic is as wanted."""
    created, ready = component["latestCreatedRevision"], component.get("latestReadyRevision", "")
    reported = [(each["percent"], each["revisionName"]) for each in component.get("traffic", [])]
    wanted = [(each.percent, each.revision or ready) for each in knative.targets(predictor, component)]
    url = f"http://{names.host(str(service['metadata']['name']), service, cluster)}"
    draft.fields["components"] = {names.PREDICTOR: {**component, "url": url}}
    draft.fields["observedGeneration"] = int(service["metadata"]["generation"])
    for condition, holds in (
        (CONFIGURATION_READY, created == ready),
        (ROUTE_READY, reported == wanted),
        ("LatestDeploymentReady", created == ready),
        ("RoutesReady", reported == wanted),
        (status.PREDICTOR_READY, created == ready and reported == wanted),
    ):
        _mark(draft, condition, holds, created)
    draft.mark(status.STOPPED, "False")
    if reported:
        draft.mark(status.INGRESS_READY, "True")
        draft.fields["url"] = url


def _latest_ready(component: Object, revisions: Mapping[str, Object], deployments: Mapping[str, Object]) -> str:
    """The newest revision that is ready, or the one that was so before where that is newer."""
    ready = [item for item in revisions.values() if knative.is_ready(item, deployments)]
    before = revisions.get(component.get("latestReadyRevision", ""))
    known = [*ready, *([] if before is None else [before])]
    found = max(known, key=knative.generation_of, default=None)
    return "" if found is None else str(found["metadata"]["name"])


def _traffic(
    wanted: Sequence[Target], component: Object, ready: str, deployments: Mapping[str, Object]
) -> list[Object]:
    """What Knative's Route reports: as wanted, once each target is ready; as it was until then."""
    if not ready or any(not _answers(each.revision or ready, deployments) for each in wanted if each.percent):
        before: list[Object] = component.get("traffic") or []
        return before
    return [_reported(each, ready) for each in wanted]


def _remembered(component: Object, created: str, ready: str, reported: Sequence[Object]) -> Object:
    """The predictor's status: which revision had all requests last, and which one before."""
    now: Object = {**component, "latestCreatedRevision": created}
    for target in reported:
        if target["revisionName"] == ready and target["latestRevision"]:
            _roll(now, target, created, ready, reported)
    if ready:
        now["latestReadyRevision"] = ready
    now["traffic"] = list(reported)
    return {key: value for key, value in now.items() if value not in ("", [])}


def _roll(now: Object, target: Object, created: str, ready: str, reported: Sequence[Object]) -> None:
    rolled_out, previous = now.get("latestRolledoutRevision", ""), now.get("previousRolledoutRevision", "")
    if rolled_out != ready:
        if target["percent"] == 100:
            now["previousRolledoutRevision"], now["latestRolledoutRevision"] = rolled_out, ready
        return
    whole = sum(each["percent"] for each in reported if each["revisionName"] == ready)
    if ready == created and target["percent"] < 100 and whole == 100 and previous:
        now["latestRolledoutRevision"] = previous


def _reported(target: Target, ready: str) -> Object:
    if not target.revision:
        return {"latestRevision": True, "percent": target.percent, "revisionName": ready}
    return {"latestRevision": False, "percent": target.percent, "revisionName": target.revision, "tag": "prev"}


def _answers(name: str, deployments: Mapping[str, Object]) -> bool:
    made = deployments.get(f"{name}-deployment", {})
    return bool((made.get("status") or {}).get("availableReplicas", 0))


def _mark(draft: StatusDraft, condition: str, holds: bool, created: str) -> None:
    if holds:
        draft.mark(condition, "True")
    else:
        draft.mark(condition, "Unknown", "RevisionMissing", f'waiting for Revision "{created}"')
