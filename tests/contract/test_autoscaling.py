"""What KServe makes of our InferenceServices so that KEDA scales them is what was recorded of it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import yaml

from tests.contract import kserve_recording
from tests.contract.autoscaling_examples import following_readings
from tests.contract.kserve_recording import FOLDER
from tests.sandbox.kserve.admission import defaulted, validate
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.plan import Observed, plan
from tests.sandbox.kube_api import Object
from tests.unit.operator.cluster_objects import revision_of
from weld_operator.desired.autoscaling import readings_query

NAME = "autoscaler-keda-installed"


def _recorded() -> Object:
    recording = kserve_recording.read(FOLDER / f"{NAME}.yaml")
    (step,) = recording.steps
    assert step.stored is not None
    (scaled_object,) = [item for item in step.objects if item["kind"] == "ScaledObject"]
    return {"stored": step.stored["spec"]["predictor"], "scaled": scaled_object["spec"]}


def _scaled_object(service: Object) -> Object:
    runtimes = yaml.safe_load_all((FOLDER.parent / "kserve_prerequisites.yaml").read_text())
    observed = Observed(runtimes=[each for each in runtimes if each["kind"] == "ServingRuntime"])
    planned = plan(service, observed, Cluster("example.com", keda=True), datetime(2026, 11, 26, tzinfo=UTC))
    assert "HorizontalPodAutoscaler" not in {item["kind"] for item in planned.write}
    (made,) = [item for item in planned.write if item["kind"] == "ScaledObject"]
    return made


def test_kserve_takes_it_and_makes_the_recorded_scaled_object() -> None:
    service = defaulted(following_readings())
    validate(service)
    made = _scaled_object(service)
    expected = copy.deepcopy(_recorded()["scaled"])
    name = f"{revision_of('a')}-predictor"
    expected["scaleTargetRef"]["name"] = name
    expected["triggers"][0]["metadata"]["query"] = readings_query("plant-a", revision_of("a"))
    assert made["metadata"]["name"] == name
    assert kserve_recording.differences(expected, made["spec"]) == []


def test_what_we_say_of_scaling_has_the_recorded_form() -> None:
    """But for the times of waiting, which the recording leaves to KServe, whose own they are."""
    ours = following_readings()["spec"]["predictor"]
    recorded = copy.deepcopy(_recorded()["stored"])
    (metric,) = recorded["autoScaling"]["metrics"]
    metric["external"]["metric"]["query"] = readings_query("plant-a", revision_of("a"))
    said = {field: ours[field] for field in ("minReplicas", "maxReplicas")}
    assert said == {field: recorded[field] for field in said}
    assert ours["autoScaling"]["metrics"] == recorded["autoScaling"]["metrics"]
    behavior = _recorded()["scaled"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert ours["autoScaling"]["behavior"] == behavior
