"""What the stand-in for KServe decides, held to each recorded step without a cluster."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
import yaml

from tests.contract import kserve_recording
from tests.contract.kserve_recording import FOLDER, Recording, Step
from tests.sandbox.kserve import names
from tests.sandbox.kserve.admission import RefusedError, defaulted, validate
from tests.sandbox.kserve.comparison import fulfils
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.plan import Observed, Plan, plan
from tests.sandbox.kserve.pod_mutation import mutated
from tests.sandbox.kube_api import Object

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class Case(NamedTuple):
    """A recorded step, and what was recorded just before it."""

    recording: Recording
    number: int

    @property
    def step(self) -> Step:
        return self.recording.steps[self.number]

    @property
    def before(self) -> Step | None:
        return self.recording.steps[self.number - 1] if self.number else None


def _cases() -> list[Case]:
    recordings = [kserve_recording.read(path) for path in kserve_recording.paths()]
    return [Case(recording, number) for recording in recordings for number in range(len(recording.steps))]


def _parameters(cases: list[Case]) -> list[object]:
    return [pytest.param(case, id=f"{case.recording.name}-{case.number}") for case in cases]


CASES = _cases()
REFUSED = [case for case in CASES if case.step.refused is not None]
STORED = [case for case in CASES if case.step.stored is not None]
SERVED = [case for case in STORED if case.step.statuses[-1] is not None]
WITH_PODS = [case for case in SERVED if case.step.pods]


@pytest.mark.parametrize("case", _parameters(REFUSED))
def test_a_refusal_has_the_recorded_words(case: Case) -> None:
    assert case.step.applied is not None
    with pytest.raises(RefusedError) as refusal:
        validate(defaulted(case.step.applied), _service(case.before) if case.before else None)
    webhook = 'admission webhook "inferenceservice.kserve-webhook-server.validator" denied the request'
    assert case.step.refused == f"Error from server (Forbidden): {webhook}: {refusal.value}"


@pytest.mark.parametrize("case", _parameters(STORED))
def test_what_is_stored_is_what_was_applied_and_the_defaults(case: Case) -> None:
    assert case.step.applied is not None
    assert case.step.stored is not None
    filled = defaulted(case.step.applied)
    validate(filled)
    filled["metadata"]["finalizers"] = [names.FINALIZER]
    recorded = kserve_recording.normalised_service(case.step.stored)
    assert kserve_recording.differences(recorded, kserve_recording.normalised_service(filled)) == []


@pytest.mark.parametrize("case", _parameters(SERVED))
def test_the_planned_objects_are_the_recorded_ones(case: Case) -> None:
    recorded = {(item["kind"], item["metadata"]["name"]): item for item in case.step.objects}
    written = [item for item in _plan(case).write if item["kind"] != "ConfigMap"]
    for desired in written:
        assert fulfils(recorded[desired["kind"], desired["metadata"]["name"]], _without_uid(desired))
    left_behind = recorded.keys() - {(item["kind"], item["metadata"]["name"]) for item in written}
    assert {kind for kind, _ in left_behind} <= {"HorizontalPodAutoscaler"}


@pytest.mark.parametrize("case", _parameters(SERVED))
def test_the_planned_status_is_the_recorded_one(case: Case) -> None:
    ready = kserve_recording.ready_replicas(case.step.objects, case.recording.service)
    recorded = kserve_recording.normalised_status(case.step.statuses[-1], ready)
    planned = kserve_recording.normalised_status(_plan(case).status, ready)
    assert kserve_recording.differences(recorded, planned) == []


@pytest.mark.parametrize("case", _parameters(WITH_PODS))
def test_a_pod_gets_the_recorded_source_of_its_model(case: Case) -> None:
    deployments = {
        item["spec"]["selector"]["matchLabels"]["app"]: item
        for item in case.step.objects
        if item["kind"] == "Deployment"
    }
    for recorded in case.step.pods:
        template = copy.deepcopy(deployments[recorded["metadata"]["labels"]["app"]]["spec"]["template"])
        template["spec"]["containers"][0]["env"] = recorded["spec"]["containers"][0]["env"]
        for field in ("name", "namespace"):
            del template["metadata"][field]
        pod = mutated(template)
        assert fulfils(_without_token(recorded), {"metadata": pod["metadata"], "spec": _recorded_fields(pod)})
        assert mutated(pod) == pod


def test_there_are_recordings() -> None:
    assert (FOLDER / "README.md").exists()
    assert REFUSED
    assert WITH_PODS


def _plan(case: Case) -> Plan:
    """The plan once all that was recorded in the step exists, and the status is the last but one."""
    owned: dict[str, dict[str, Object]] = {}
    for item in case.step.objects:
        owned.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
    observed = Observed(
        owned=owned,
        ready_copies=kserve_recording.ready_replicas(case.step.objects, case.recording.service),
        runtimes=_runtimes(),
    )
    service = _service(case.step)
    service["status"] = _status_before(case)
    return plan(service, observed, Cluster("example.com", keda=case.recording.needs_keda), NOW)


def _status_before(case: Case) -> Object:
    earlier = [*(case.before.statuses if case.before else ()), *case.step.statuses[:-1]]
    return copy.deepcopy((earlier or [None])[-1] or {})


def _service(step: Step) -> Object:
    assert step.stored is not None
    service = copy.deepcopy(step.stored)
    service["metadata"]["uid"] = "uid"
    service["status"] = copy.deepcopy(step.statuses[-1])
    return service


def _runtimes() -> list[Object]:
    documents = yaml.safe_load_all((FOLDER.parent / "kserve_prerequisites.yaml").read_text())
    return [document for document in documents if document["kind"] == "ServingRuntime"]


def _without_uid(item: Object) -> Object:
    references = [
        {key: value for key, value in reference.items() if key != "uid"}
        for reference in item["metadata"]["ownerReferences"]
    ]
    return {**item, "metadata": {**item["metadata"], "ownerReferences": references}}


def _without_token(pod: Object) -> Object:
    """The Pod without what Kubernetes mounts for its ServiceAccount."""
    result = copy.deepcopy(pod)
    for container in [*result["spec"].get("initContainers", []), *result["spec"]["containers"]]:
        container["volumeMounts"] = [m for m in container["volumeMounts"] if m["mountPath"] != TOKEN_MOUNT]
    result["spec"]["volumes"] = [v for v in result["spec"]["volumes"] if "projected" not in v]
    return result


def _recorded_fields(pod: Object) -> Object:
    return {key: value for key, value in pod["spec"].items() if key in kserve_recording.POD_SPEC_FIELDS}
