"""The objects that a WeldModel becomes, field by field."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from tests.unit.operator.cluster_objects import (
    NOW,
    TARGET,
    UID,
    URL,
    remembered,
    revision_of,
    route_to,
    seen,
    spec_of,
    subject,
    weighed,
    weld_model,
)
from weld_api.predictor_settings import PredictorSettings
from weld_api.quantity import parse_duration
from weld_operator.desired.event import event
from weld_operator.desired.objects import desired_objects
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.backend import Wanted
from weld_operator.desired.traffic.gateway import GatewayBackend
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.observation import Observation
from weld_operator.domain.stories import Story
from weld_operator.domain.subject import Subject, subject_of
from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, Kind, Object

OWNER = {
    "apiVersion": "weldserve.io/v1alpha1",
    "kind": "WeldModel",
    "name": "north-line",
    "uid": UID,
    "controller": True,
    "blockOwnerDeletion": True,
}
LABELS = {"app.kubernetes.io/managed-by": "weldserve", "weldserve.io/model": "north-line"}
STABLE = subject("a", remembered("a", "Stable"))


def _decision(about: Subject = STABLE) -> Decision:
    return decide(about, Observation({revision_of("a"): seen("a")}, route_to("a"), weighed(a=100)), URL, NOW)


def _objects(about: Subject = STABLE) -> dict[Kind, Object]:
    return dict(_wanted(about, _decision(about)))


def _wanted(about: Subject, decision: Decision, target: Target = TARGET) -> Wanted:
    return desired_objects(about, decision, GatewayBackend(), {}, target)


def test_the_inference_service_states_everything() -> None:
    body = _objects()[INFERENCE_SERVICE]
    args = body["spec"]["predictor"]["model"].pop("args")
    assert body == {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "north-line-aaaaaaaa",
            "namespace": "plant-a",
            "labels": {
                **LABELS,
                "weldserve.io/revision": "aaaaaaaa",
                "networking.kserve.io/visibility": "cluster-local",
            },
            "annotations": {
                "serving.kserve.io/deploymentMode": "Standard",
                "serving.kserve.io/autoscalerClass": "hpa",
                "weldserve.io/digest": "a" * 64,
                "weldserve.io/version": "10.0.0",
            },
            "ownerReferences": [OWNER],
        },
        "spec": {
            "predictor": {
                "minReplicas": 2,
                "maxReplicas": 4,
                "scaleMetric": "cpu",
                "scaleTarget": 70,
                "terminationGracePeriodSeconds": 30,
                "topologySpreadConstraints": [
                    {
                        "topologyKey": key,
                        "maxSkew": 1,
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": {"app": "isvc.north-line-aaaaaaaa-predictor"}},
                    }
                    for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
                ],
                "volumes": [{"name": "shadow", "configMap": {"name": "north-line-aaaaaaaa-shadow", "optional": True}}],
                "model": {
                    "modelFormat": {"name": "weldserve"},
                    "protocolVersion": "v2",
                    "runtime": "weldserve",
                    "storageUri": "pvc://bundles/weld-10.0.0",
                    "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}},
                    "volumeMounts": [{"name": "shadow", "mountPath": "/etc/weldserve/shadow", "readOnly": True}],
                },
            }
        },
    }
    told = PredictorSettings.from_args(args)
    assert told.model_name == "north-line"
    assert told.digest == "a" * 64
    assert (told.version, told.asset_kind, told.site) == ("10.0.0", "PipelineWeld", "north-line")
    assert (told.tick, told.max_readings) == ("100ms", 16_384)


@pytest.mark.parametrize(
    ("of_the_model", "of_the_installation", "account"),
    [
        (None, None, None),
        (None, "weldserve-predictor", "weldserve-predictor"),
        ("brazil-reader", "weldserve-predictor", "brazil-reader"),
        ("brazil-reader", None, "brazil-reader"),
    ],
)
def test_the_pods_run_under_the_model_s_account_or_the_installation_s(
    of_the_model: str | None, of_the_installation: str | None, account: str | None
) -> None:
    body = weld_model()
    body["metadata"]["resourceVersion"] = "1"
    if of_the_model is not None:
        body["spec"]["model"]["serviceAccountName"] = of_the_model
    about = subject_of(body)
    decision = decide(about, Observation(), URL, NOW)
    target = replace(TARGET, predictor_service_account=of_the_installation)
    predictor = dict(_wanted(about, decision, target))[INFERENCE_SERVICE]["spec"]["predictor"]
    assert predictor.get("serviceAccountName") == account
    assert ("serviceAccountName" in predictor) == (account is not None), "an upgrade must not touch other Pods"


def test_a_predictor_has_time_to_drain_before_it_is_killed() -> None:
    grace = _objects()[INFERENCE_SERVICE]["spec"]["predictor"]["terminationGracePeriodSeconds"]
    fields = PredictorSettings.model_fields
    ending = sum(parse_duration(fields[name].default).total_seconds() for name in ("drain", "finish_within"))
    assert grace >= ending + 5


def test_the_route_sends_the_host_s_requests_to_the_stable_revision() -> None:
    assert _objects()[HTTP_ROUTE] == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": "north-line",
            "namespace": "plant-a",
            "labels": LABELS,
            "ownerReferences": [OWNER],
        },
        "spec": {
            "parentRefs": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "namespace": "kserve",
                    "name": "kserve-ingress-gateway",
                }
            ],
            "hostnames": ["north-line.plant-a.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [
                        {
                            "group": "",
                            "kind": "Service",
                            "name": "north-line-aaaaaaaa-predictor",
                            "port": 80,
                            "weight": 100,
                        }
                    ],
                }
            ],
        },
    }


def test_the_disruption_budget_protects_the_revision_s_pods() -> None:
    assert _objects()[POD_DISRUPTION_BUDGET] == {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": "north-line-aaaaaaaa",
            "namespace": "plant-a",
            "labels": {**LABELS, "weldserve.io/revision": "aaaaaaaa"},
            "ownerReferences": [OWNER],
        },
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"app": "isvc.north-line-aaaaaaaa-predictor"}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def test_before_anything_is_stable_there_is_no_route() -> None:
    fresh = subject("a")
    decision = decide(fresh, Observation(), URL, NOW)
    assert [kind for kind, _ in _wanted(fresh, decision)] == [INFERENCE_SERVICE, POD_DISRUPTION_BUDGET]


def test_what_serves_is_written_before_what_sends_requests_there() -> None:
    kinds = [kind for kind, _ in _wanted(STABLE, _decision())]
    assert kinds.index(INFERENCE_SERVICE) < kinds.index(HTTP_ROUTE)


def test_each_object_is_named_once() -> None:
    about = subject("b", remembered("a", "Stable"), remembered("b", "Pending"))
    places = [(kind, body["metadata"]["name"]) for kind, body in _wanted(about, _decision(about))]
    assert len(places) == len(set(places)) == 5


@pytest.mark.parametrize("name", ["n", "a-long-name-of-32-characters-yes"])
def test_names_fit_what_kubernetes_takes(name: str) -> None:
    body = weld_model(spec_of("a"))
    body["metadata"] |= {"name": name, "namespace": "plant-a", "resourceVersion": "1"}
    about = subject_of(body)
    decision = decide(about, Observation(), URL, NOW)
    decision = replace(decision, stable=decision.candidate, candidate=None)
    for _, each in _wanted(about, decision):
        text = each["metadata"]["name"]
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", text)
        assert len(f"{text}-predictor") <= 63
        for value in each["metadata"]["labels"].values():
            assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", value)
        json.dumps(each)


def test_an_event_is_about_the_weld_model_and_named_by_its_story() -> None:
    story = Story("Warning", "BundleRefused", "x" * 5000, "0123456789abcdef")
    body = event(STABLE, story, NOW)
    assert body["metadata"] == {"name": "north-line.0123456789abcdef", "namespace": "plant-a"}
    assert body["involvedObject"]["uid"] == UID
    assert body["firstTimestamp"] == "2026-11-23T12:00:00Z"
    assert len(body["message"]) == 1024


def test_a_spec_that_cannot_be_honoured_is_a_fault_and_not_an_error() -> None:
    body = weld_model()
    body["metadata"]["resourceVersion"] = "1"
    body["spec"]["serving"]["shadow"] = True
    about = subject_of(body)
    assert about.spec is None
    assert about.fault == "spec.serving.shadow is not a field that weldserve knows"


def test_a_name_too_long_for_kserve_s_hosts_is_a_fault() -> None:
    body = weld_model()
    body["metadata"] |= {"namespace": "a-namespace-of-a-very-long-name-indeed", "resourceVersion": "1"}
    assert "too long" in subject_of(body).fault


def test_a_status_that_cannot_be_read_counts_as_lost() -> None:
    body = weld_model(status={"revisions": "none"})
    body["metadata"]["resourceVersion"] = "1"
    assert subject_of(body).status.revisions == ()
    body["status"] = {"phase": "Serving", "somethingNewer": 1}
    assert subject_of(body).status.phase == "Serving"
