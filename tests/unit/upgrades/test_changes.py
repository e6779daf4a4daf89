"""What a change costs a running fleet, by what KServe makes of it, and that no change goes unseen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.releases.changes import (
    Accepted,
    Change,
    Effect,
    accepted_changes,
    differences,
    superfluous,
    undecided,
)
from tests.releases.golden import fleet_of, last_release
from tests.unit.sandbox.kserve_pods import pod_template
from weld_operator.kinds import Object

RECORDED = next(each for each in fleet_of(last_release()) if each.name == "least")
SERVICE, BUDGET, ROUTE = RECORDED.objects

Edit = Callable[[Object], object]


def _set(*path: Any, to: object) -> Edit:
    def edit(body: Object) -> None:
        inner = body
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = to

    return edit


def _drop(*path: Any) -> Edit:
    def edit(body: Object) -> None:
        inner = body
        for part in path[:-1]:
            inner = inner[part]
        del inner[path[-1]]

    return edit


PREDICTOR = ("spec", "predictor")
OF_A_SERVICE: dict[str, tuple[Edit, Effect]] = {
    "another argument": (_set(*PREDICTOR, "model", "args", 5, to="--tick=1s"), Effect.RESTARTS),
    "one argument more": (lambda body: body["spec"]["predictor"]["model"]["args"].append("--new=1"), Effect.RESTARTS),
    "one argument less": (lambda body: body["spec"]["predictor"]["model"]["args"].pop(), Effect.RESTARTS),
    "another uri": (_set(*PREDICTOR, "model", "storageUri", to="pvc://bundles/other"), Effect.RESTARTS),
    "more memory": (_set(*PREDICTOR, "model", "resources", "requests", "memory", to="1Gi"), Effect.RESTARTS),
    "a longer grace": (_set(*PREDICTOR, "terminationGracePeriodSeconds", to=60), Effect.RESTARTS),
    "another account": (_set(*PREDICTOR, "serviceAccountName", to="other"), Effect.RESTARTS),
    "no account": (_drop(*PREDICTOR, "serviceAccountName"), Effect.RESTARTS),
    "another spread": (_set(*PREDICTOR, "topologySpreadConstraints", 0, "maxSkew", to=2), Effect.RESTARTS),
    "a new field of the Pods": (_set(*PREDICTOR, "priorityClassName", to="high"), Effect.RESTARTS),
    "a new label": (_set("metadata", "labels", "weldserve.io/site", to="north-line"), Effect.RESTARTS),
    "a label less": (_drop("metadata", "labels", "weldserve.io/revision"), Effect.RESTARTS),
    "a new annotation": (_set("metadata", "annotations", "weldserve.io/operator", to="0.2.0"), Effect.RESTARTS),
    "another annotation": (_set("metadata", "annotations", "weldserve.io/version", to="v1"), Effect.RESTARTS),
    "more replicas at the least": (_set(*PREDICTOR, "minReplicas", to=3), Effect.REWRITES),
    "more replicas at the most": (_set(*PREDICTOR, "maxReplicas", to=30), Effect.REWRITES),
    "another target": (_set(*PREDICTOR, "scaleTarget", to=50), Effect.REWRITES),
    "another signal": (_set(*PREDICTOR, "scaleMetric", to="memory"), Effect.REWRITES),
    "another owner": (_set("metadata", "ownerReferences", 0, "controller", to=False), Effect.REWRITES),
}
OF_OTHERS: dict[str, tuple[Object, Edit, Effect]] = {
    "a wider budget": (BUDGET, _set("spec", "maxUnavailable", to=2), Effect.REWRITES),
    "a new label of the budget": (BUDGET, _set("metadata", "labels", "weldserve.io/site", to="x"), Effect.REWRITES),
    "another weight": (ROUTE, _set("spec", "rules", 0, "backendRefs", 0, "weight", to=95), Effect.REWRITES),
    "another path": (ROUTE, _set("spec", "rules", 0, "matches", 0, "path", "value", to="/v2"), Effect.REWRITES),
    "another host": (ROUTE, _set("spec", "hostnames", 0, to="elsewhere.example"), Effect.REROUTES),
    "another Gateway": (ROUTE, _set("spec", "parentRefs", 0, "name", to="other"), Effect.REROUTES),
}


def _edited(body: Object, edit: Edit) -> Object:
    after = copy.deepcopy(body)
    edit(after)
    return after


@pytest.mark.parametrize("case", OF_A_SERVICE)
def test_what_a_change_of_an_inference_service_costs(case: str) -> None:
    edit, effect = OF_A_SERVICE[case]
    changes = list(differences([SERVICE], [_edited(SERVICE, edit)]))
    assert changes
    assert {change.effect for change in changes} == {effect}


@pytest.mark.parametrize("case", OF_A_SERVICE)
def test_the_stand_in_for_kserve_agrees(case: str) -> None:
    """It is held to recordings of the real one: pods are replaced when the template in their Deployment differs."""
    edit, effect = OF_A_SERVICE[case]
    is_restarted = pod_template(SERVICE) != pod_template(_edited(SERVICE, edit))
    assert is_restarted == (effect is Effect.RESTARTS)


@pytest.mark.parametrize("case", OF_OTHERS)
def test_what_a_change_of_another_object_costs(case: str) -> None:
    body, edit, effect = OF_OTHERS[case]
    (change,) = differences([body], [_edited(body, edit)])
    assert change.effect is effect


def test_what_comes_and_goes() -> None:
    coming = {change.kind: change.effect for change in differences([], RECORDED.objects)}
    going = {change.kind: change.effect for change in differences(RECORDED.objects, [])}
    assert set(coming.values()) == {Effect.MAKES}
    assert going == {
        "InferenceService": Effect.ENDS,
        "PodDisruptionBudget": Effect.REWRITES,
        "HTTPRoute": Effect.REROUTES,
    }


def test_nothing_differs_from_itself() -> None:
    assert not list(differences(RECORDED.objects, copy.deepcopy(RECORDED.objects)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            Change("InferenceService", "line-a", "spec.predictor.model.args[3]", "x", "y"),
            "restarts the pods of InferenceService line-a: spec.predictor.model.args[3] was 'x', is 'y'",
        ),
        (
            next(differences([SERVICE], [_edited(SERVICE, _set(*PREDICTOR, "hostNetwork", to=True))])),
            "restarts the pods of InferenceService least-aaaaaaaa: spec.predictor.hostNetwork is new: True",
        ),
        (
            next(differences([SERVICE], [_edited(SERVICE, _drop(*PREDICTOR, "minReplicas"))])),
            "re-writes, with no restart, InferenceService least-aaaaaaaa: spec.predictor.minReplicas was 2, is gone",
        ),
        (next(differences([SERVICE], [])), "ends the pods of InferenceService least-aaaaaaaa"),
    ],
)
def test_a_change_is_told_in_a_sentence(change: Change, sentence: str) -> None:
    assert str(change) == sentence


RESTART = Change("InferenceService", "line-a", "spec.predictor.model.args[3]", "x", "y")
REWRITE = Change("InferenceService", "line-a", "spec.predictor.minReplicas", 1, 2)
END = next(differences([SERVICE], []))


@pytest.mark.parametrize(
    ("field", "is_decided"),
    [
        ("InferenceService spec.predictor.model.args[3]", True),
        ("InferenceService spec.predictor.model.args", True),
        ("InferenceService spec", True),
        ("InferenceService spec.predictor.model.arg", False),
        ("InferenceService spec.predictor.model.args[4]", False),
        ("HTTPRoute spec.predictor.model.args", False),
        ("InferenceService", False),
    ],
)
def test_a_restart_is_accepted_by_its_field(field: str, is_decided: bool) -> None:
    accepted = [Accepted(field, "for a reason")]
    assert undecided([RESTART], accepted) == ([] if is_decided else [RESTART])


def test_what_disturbs_nobody_needs_no_decision() -> None:
    assert undecided([REWRITE], []) == []
    assert undecided([RESTART, END], []) == [RESTART, END]


def test_a_decision_for_nothing_is_told() -> None:
    accepted = [Accepted("InferenceService spec", "for a reason"), Accepted("HTTPRoute spec", "for a reason")]
    assert superfluous(["InferenceService spec.predictor.model"], accepted) == ["HTTPRoute spec"]


def test_a_decision_has_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "changes.yaml"
    file.write_text("objects: [{field: HTTPRoute spec, reason: because}]\ndefinition: []\n")
    with pytest.raises(ValueError, match="HTTPRoute spec needs a reason"):
        accepted_changes("objects", file)
