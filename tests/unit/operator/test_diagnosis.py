"""Each kind of trouble is named, by what knows most of it; the recordings of KServe are among the examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.operator.cluster_objects import container, deployment, inference_service, pod
from weld_operator.domain.diagnosis import Finding, diagnose
from weld_operator.domain.observation import RevisionObservation
from weld_operator.kinds import Object

RECORDINGS = Path(__file__).parents[2] / "contract" / "recordings"
REFUSAL = "estimator.skops: SHA-256 is 1f.., the manifest says 2a.."


def _revision(*pods: Object, service: Object | None = None, made: Object | None = None) -> RevisionObservation:
    body = inference_service("b", ready=False) if service is None else service
    return RevisionObservation(body, made or deployment("b", available=0, desired=2), pods)


def _in_main(**states: Any) -> Object:
    return pod(containerStatuses=[container(**states)])


def _in_init(**states: Any) -> Object:
    waiting = container(state={"waiting": {"reason": "PodInitializing"}})
    return pod(initContainerStatuses=[container("storage-initializer", **states)], containerStatuses=[waiting])


def _ended(code: int, message: str = "", reason: str = "Error") -> Object:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


def _waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def _unscheduled(message: str) -> Object:
    conditions = [
        {"type": "Ready", "status": "False"},
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
    ]
    return pod(conditions=conditions)


CASES: dict[str, tuple[RevisionObservation, str, str, bool]] = {
    "a refused bundle": (_revision(_in_main(state=_ended(3, REFUSAL))), "BundleRefused", REFUSAL, True),
    "a refused bundle, while the container waits for its next start": (
        _revision(_in_main(state=_waiting("CrashLoopBackOff"), lastState=_ended(3, REFUSAL), restarts=4)),
        "BundleRefused",
        REFUSAL,
        True,
    ),
    "a bundle that cannot be fetched": (
        _revision(_in_init(state=_ended(1, "Traceback ...\n  File x\nConnectionError: no route to 10.0.0.9\n"))),
        "BundleNotFetched",
        "ConnectionError: no route to 10.0.0.9",
        True,
    ),
    "a folder that is not in the volume": (
        _revision(_in_main(state=_waiting("CreateContainerConfigError", "failed to prepare subPath for volumeMount"))),
        "CreateContainerConfigError",
        "failed to prepare subPath",
        True,
    ),
    "an image that cannot be pulled": (
        _revision(_in_main(state=_waiting("ImagePullBackOff", 'Back-off pulling image "x"'))),
        "ImagePullBackOff",
        'pulling image "x"',
        True,
    ),
    "an image that could not be pulled once": (
        _revision(_in_main(state=_waiting("ErrImagePull", "timeout"))),
        "ErrImagePull",
        "timeout",
        False,
    ),
    "an init container's image": (
        _revision(_in_init(state=_waiting("ImagePullBackOff", "no such image"))),
        "ImagePullBackOff",
        "storage-initializer",
        True,
    ),
    "too little memory": (
        _revision(_in_main(state=_ended(137, reason="OOMKilled"))),
        "OutOfMemory",
        "more memory than its limit",
        True,
    ),
    "a container that ended once": (
        _revision(_in_main(state=_ended(1, "boom"), restarts=0)),
        "ContainerEnded",
        "exit code 1 (boom)",
        False,
    ),
    "a container that ends again and again": (
        _revision(_in_main(state=_waiting("CrashLoopBackOff"), lastState=_ended(1, ""), restarts=3)),
        "ContainerEnded",
        "exit code 1",
        True,
    ),
    "a claim that is missing": (
        _revision(_unscheduled('0/3 nodes are available: persistentvolumeclaim "bundles" not found.')),
        "VolumeClaimMissing",
        '"bundles" not found',
        True,
    ),
    "no room": (_revision(_unscheduled("0/3 nodes: Insufficient cpu")), "Unschedulable", "Insufficient cpu", False),
    "a container that is not ready yet": (
        _revision(_in_main(state={"running": {"startedAt": "2026-11-23T12:00:00Z"}})),
        "NotReady",
        "runs, but is not ready",
        False,
    ),
    "a quota": (
        _revision(
            made={
                **deployment("b", available=0, desired=2),
                "status": {
                    "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}]
                },
            }
        ),
        "PodsRefused",
        "exceeded quota: small",
        True,
    ),
    "a rollout that makes no progress": (
        _revision(
            made={
                **deployment("b", available=0, desired=2),
                "status": {
                    "conditions": [
                        {
                            "type": "Progressing",
                            "status": "False",
                            "reason": "ProgressDeadlineExceeded",
                            "message": "has timed out progressing",
                        }
                    ]
                },
            }
        ),
        "ProgressDeadlineExceeded",
        "timed out",
        True,
    ),
    "KServe's own words": (
        _revision(
            service=inference_service(
                "b",
                conditions=[
                    {
                        "type": "PredictorReady",
                        "status": "False",
                        "reason": "ReconcileFailed",
                        "message": "no such CRD",
                    },
                    {"type": "Stopped", "status": "False", "severity": "Info", "reason": "x"},
                ],
            )
        ),
        "ReconcileFailed",
        "no such CRD",
        False,
    ),
}


@pytest.mark.parametrize(("revision", "reason", "words", "conclusive"), CASES.values(), ids=CASES.keys())
def test_each_trouble_is_named(revision: RevisionObservation, reason: str, words: str, conclusive: bool) -> None:
    finding = diagnose(revision)
    assert finding is not None
    assert (finding.reason, finding.conclusive) == (reason, conclusive)
    assert words in finding.message


def test_a_bundle_that_cannot_be_fetched_is_named_by_its_uri() -> None:
    service = inference_service("b", ready=False)
    service["spec"] = {"predictor": {"model": {"storageUri": "s3://models/weld/"}}}
    finding = diagnose(_revision(_in_init(state=_ended(1, "S3 error [403]: Forbidden")), service=service))
    assert finding is not None
    assert "failed to bring s3://models/weld/: exit code 1 (S3 error [403]: Forbidden)" in finding.message


RECORDED = {
    "runtime-missing": ("RuntimeNotRecognized", "Waiting for runtime", True),
    "format-unknown": ("NoSupportingRuntime", "No runtime found", True),
    "bad-scheme": ("NoDeployment", "does not say why", False),
    "knative-missing": ("NoDeployment", "does not say why", False),
    "name-too-long": ("IgnoredByKServe", "has no status", False),
    "autoscaler-keda": ("ReconcileFailed", "", False),
}


@pytest.mark.parametrize("scenario", RECORDED)
def test_what_kserve_was_recorded_to_say_is_understood(scenario: str) -> None:
    reason, words, conclusive = RECORDED[scenario]
    finding = diagnose(_recorded(scenario))
    assert finding is not None
    assert (finding.reason, finding.conclusive) == (reason, conclusive)
    assert words in finding.message


@pytest.mark.parametrize("scenario", ["hpa", "s3", "never-ready", "two-ports"])
def test_kserve_s_not_yet_is_no_trouble(scenario: str) -> None:
    assert diagnose(_recorded(scenario)) is None


def test_what_a_container_says_comes_before_what_others_infer() -> None:
    service = inference_service("b", ready=False)
    service["status"]["modelStatus"] = {"lastFailureInfo": {"reason": "ModelLoadFailed", "message": "exit 3"}}
    finding = diagnose(_revision(_unscheduled("no room"), _in_main(state=_ended(3, REFUSAL)), service=service))
    assert finding == Finding("BundleRefused", REFUSAL, conclusive=True)


def test_pods_that_are_ready_or_going_are_passed_over() -> None:
    recovered = pod(ready=True, containerStatuses=[container(lastState=_ended(3, REFUSAL), ready=True)])
    going = _in_main(state=_ended(3, REFUSAL))
    going["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    assert diagnose(_revision(recovered, going)) is None


def test_a_long_message_becomes_one_line_that_fits_a_condition() -> None:
    finding = diagnose(_revision(_in_main(state=_ended(3, "a\nb " * 2000))))
    assert finding is not None
    assert len(finding.message) <= 600
    assert "\n" not in finding.message


def _recorded(scenario: str) -> RevisionObservation:
    """The InferenceService and its Deployment at the end of a recording's first step."""
    step = yaml.safe_load((RECORDINGS / f"{scenario}.yaml").read_text())["steps"][0]
    service = {"metadata": step["applied"]["metadata"], "spec": step["applied"]["spec"]}
    last = step["status_seen"][-1]["status"]
    if "(absent)" not in last:
        service["status"] = last
    deployments = [each for each in step["objects"] if each["kind"] == "Deployment"]
    return RevisionObservation(service, deployments[0] if deployments else None)


def test_a_deployment_mode_that_kserve_does_not_honour_is_named() -> None:
    service = inference_service("b", ready=False)
    service["metadata"].setdefault("annotations", {})["serving.kserve.io/deploymentMode"] = "Standard"
    service["status"]["deploymentMode"] = "Standard"
    assert diagnose(_revision(service=service)) is None
    service["status"]["deploymentMode"] = "Serverless"
    found = diagnose(_revision(service=service))
    assert found is not None
    assert (found.reason, found.conclusive) == ("ModeNotHonoured", True)
    assert "Serverless instead of Standard" in found.message
