"""Objects as a cluster would have them, for the tests of the operator."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

from weld_api import names
from weld_api.action import ACTION_ANNOTATION, Verb
from weld_api.spec import WeldModelSpec
from weld_api.status import Revision, RevisionPhase, WeldModelStatus
from weld_operator.desired.target import Target
from weld_operator.domain.decision import Decision, DesiredRevision
from weld_operator.domain.observation import RevisionObservation
from weld_operator.domain.subject import Subject
from weld_operator.kinds import Object

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
UID = "11111111-1111-4111-8111-111111111111"
URL = "http://north-line.plant-a.example.com"
TARGET = Target("kserve", "kserve-ingress-gateway", "example.com", "weldserve")

SPEC: Object = {
    "asset": {"kind": "PipelineWeld", "site": "north-line"},
    "model": {"version": "1.0.0", "uri": "pvc://bundles/weld-1.0.0", "sha256": "a" * 64},
    "workload": {"readingsPerTick": 10000},
    "serving": {"retireAfter": "60s", "readyWithin": "5m"},
}


def digest(letter: str) -> str:
    """The digest of the bundle that a test calls by one hexadecimal letter."""
    return letter * 64


def revision_of(letter: str) -> str:
    """The name of that bundle's InferenceService."""
    return f"north-line-{letter * 8}"


def spec_of(letter: str, **serving: object) -> Object:
    """A spec that asks for that bundle; `serving` replaces fields of `spec.serving`."""
    spec = copy.deepcopy(SPEC)
    version = f"{int(letter, 16)}.0.0"
    spec["model"] |= {"sha256": digest(letter), "version": version, "uri": f"pvc://bundles/weld-{version}"}
    spec["serving"] |= serving
    return spec


def weld_model(spec: Object | None = None, status: Object | None = None, generation: int = 1) -> Object:
    """A WeldModel as the API server keeps it."""
    body: Object = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "north-line", "namespace": "plant-a", "uid": UID, "generation": generation},
        "spec": copy.deepcopy(spec or SPEC),
    }
    if status is not None:
        body["status"] = status
    return body


def subject(letter: str, *revisions: Revision, generation: int = 1, **serving: object) -> Subject:
    """A WeldModel that asks for a bundle, and remembers these revisions."""
    return Subject(
        name="north-line",
        namespace="plant-a",
        uid=UID,
        generation=generation,
        resource_version="1",
        status=WeldModelStatus(revisions=revisions),
        spec=WeldModelSpec.model_validate(spec_of(letter, **serving)),
    )


def remembered(letter: str, phase: RevisionPhase, since: datetime = NOW, **changes: Any) -> Revision:
    """A revision as the status tells of it."""
    spec = WeldModelSpec.model_validate(spec_of(letter))
    revision = Revision(
        name=revision_of(letter),
        version=spec.model.version,
        digest=digest(letter),
        phase=phase,
        since=since,
        asked_at=since,
        spec=spec.model_dump(mode="json", exclude_none=True),
    )
    return revision.model_copy(update=changes)


def seen(letter: str, *, available: int = 2, desired: int = 2, pods: tuple[Object, ...] = ()) -> RevisionObservation:
    """A revision as the cluster has it; ready when `available` is not below `desired`."""
    return RevisionObservation(
        service=inference_service(letter, ready=available >= desired),
        deployment=deployment(letter, available=available, desired=desired),
        pods=pods,
    )


def inference_service(letter: str, *, ready: bool = True, generation: int = 2, **status: Any) -> Object:
    name = revision_of(letter)
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "MinimumReplicasUnavailable"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": "plant-a",
            "uid": f"uid-of-{name}",
            "generation": generation,
            "creationTimestamp": "2026-11-23T11:00:00Z",
            "annotations": {
                names.DIGEST_ANNOTATION: digest(letter),
                names.VERSION_ANNOTATION: f"{int(letter, 16)}.0.0",
            },
        },
        "spec": {},
        "status": {"observedGeneration": generation, "conditions": [condition], **status},
    }


def deployment(letter: str, *, available: int, desired: int, updated: int | None = None) -> Object:
    return {
        "metadata": {"name": f"{revision_of(letter)}-predictor", "namespace": "plant-a", "generation": 1},
        "spec": {"replicas": desired},
        "status": {
            "observedGeneration": 1,
            "replicas": desired,
            "updatedReplicas": desired if updated is None else updated,
            "readyReplicas": available,
            "availableReplicas": available,
        },
    }


def weighed(**shares: int) -> dict[str, int]:
    """Requests of a hundred by revision, each of which a letter stands for."""
    return {revision_of(letter): share for letter, share in shares.items()}


def desired(decision: Decision) -> list[DesiredRevision]:
    """The revisions that are kept in shape."""
    return [each for each in (decision.stable, decision.candidate) if each is not None and each.spec is not None]


def routed(decision: Decision) -> dict[str, int]:
    """Requests of a hundred, by the letters that stand for the revisions which get any."""
    if decision.stable is None:
        return {}
    shares = {decision.stable.name[-1]: 100 - decision.weight}
    if decision.candidate is not None:
        shares[decision.candidate.name[-1]] = decision.weight
    return {letter: share for letter, share in shares.items() if share > 0}


def route_to(*letters: str) -> Object:
    """Our HTTPRoute with these revisions behind it."""
    backends = [{"name": f"{revision_of(letter)}-predictor", "port": 80, "weight": 100} for letter in letters]
    return {
        "metadata": {"name": "north-line", "namespace": "plant-a", "generation": 1},
        "spec": {"rules": [{"backendRefs": backends}]},
    }


def pod(name: str = "pod-1", *, ready: bool = False, **status: Any) -> Object:
    """A Pod that is not ready, with more of its status as a test wants it."""
    return {
        "metadata": {"name": name, "namespace": "plant-a"},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}], **status},
    }


def container(name: str = "kserve-container", *, ready: bool = False, restarts: int = 0, **states: Object) -> Object:
    """A container's status; `states` are `state` and `lastState`."""
    return {"name": name, "ready": ready, "restartCount": restarts, **states}


def acted(body: Object, verb: Verb, digest: str, number: int = 1) -> Object:
    """A WeldModel once somebody has told the rollout of a bundle what to do."""
    body = copy.deepcopy(body)
    action = {"id": f"act-{number}", "verb": verb, "digest": digest, "by": "ann", "why": "the shift's end"}
    text = json.dumps({**action, "at": "2026-11-23T12:00:00Z"})
    body["metadata"].setdefault("annotations", {})[ACTION_ANNOTATION] = text
    return body
