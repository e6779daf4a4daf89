"""What the stand-in for KServe's webhooks refuse and fill in, beyond the recordings."""

from __future__ import annotations

import base64
import json

import pytest

from tests.sandbox.kserve import names
from tests.sandbox.kserve.admission import RefusedError, defaulted, validate
from tests.sandbox.kserve.comparison import fulfils
from tests.sandbox.kserve.webhooks import configurations, default_service, review
from tests.sandbox.kube_api import Object


def _service(predictor: Object, name: str = "line", **annotations: str) -> Object:
    given = {
        names.DEPLOYMENT_MODE: "Standard",
        **{f"serving.kserve.io/{key}": value for key, value in annotations.items()},
    }
    return {
        "metadata": {"name": name, "annotations": given},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "weldserve"}}, **predictor}},
    }


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (_service({"scaleMetric": "cpu"}, autoscalerClass="keda"), "ScaleMetric is not supported for KEDA"),
        (_service({"scaleMetric": "rps"}, autoscalerClass="hpa"), "[rps] is not a supported metric"),
        (
            _service({"scaleTarget": 101}, autoscalerClass="hpa"),
            "the target utilization percentage should be a [1-100] integer",
        ),
        (_service({}, autoscalerClass="mine"), "[mine] is not a supported autoscaler class type"),
        (_service({"minReplicas": -1}), "'MinReplicas' cannot be less than 0"),
    ],
)
def test_a_wrong_service_is_refused_in_kserves_words(service: Object, words: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        validate(service)
    assert str(refusal.value) == words


def test_a_name_that_begins_with_a_digit_is_refused() -> None:
    with pytest.raises(RefusedError, match='the InferenceService "1-line" is invalid'):
        validate(_service({}, name="1-line"))


def test_the_default_mode_is_written_down() -> None:
    service = _service({})
    del service["metadata"]["annotations"]
    assert names.annotations_of(defaulted(service)) == {
        names.DEPLOYMENT_MODE: "Standard",
        names.MODEL_FORMAT: "weldserve",
    }


def test_defaulting_twice_changes_nothing_more() -> None:
    once = defaulted(_service({}))
    assert defaulted(once) == once


async def test_a_review_answers_with_a_patch_of_what_changed() -> None:
    request: Object = {"uid": "1", "object": _service({})}
    response = await review(request, default_service)
    paths = [operation["path"] for operation in json.loads(base64.b64decode(response["patch"]))]
    assert paths == ["/metadata/annotations", "/spec"]


async def test_a_review_of_what_is_complete_has_no_patch() -> None:
    complete = defaulted(_service({}))
    assert "patch" not in await review({"uid": "1", "object": complete}, default_service)


def test_without_the_webhooks_nothing_is_admitted_as_with_kserve() -> None:
    webhooks = [webhook for item in configurations(1, "authority") for webhook in item["webhooks"]]
    assert {webhook["failurePolicy"] for webhook in webhooks} == {"Fail"}
    # Deletions and status pass without them, so that nothing hangs for want of a webhook.
    assert {operation for webhook in webhooks for rule in webhook["rules"] for operation in rule["operations"]} == {
        "CREATE",
        "UPDATE",
    }


@pytest.mark.parametrize(
    ("actual", "is_fulfilled"),
    [
        ({"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "type": "ClusterIP"}}, True),
        ({"spec": {"ports": [{"port": 81}]}}, False),
        ({"spec": {"ports": [{"port": 80}, {"port": 81}]}}, False),
        ({}, False),
    ],
)
def test_an_object_is_as_it_should_be_whatever_was_filled_in(actual: Object, is_fulfilled: bool) -> None:
    assert fulfils(actual, {"kind": "Service", "spec": {"ports": [{"port": 80}]}}) is is_fulfilled
