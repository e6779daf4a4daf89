"""What the definition of the WeldModel may not do to those who know the last release's: each rule, and the real one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.releases.definition import incompatibilities
from weld_operator.kinds import Object

SPEC: Object = {
    "type": "object",
    "required": ["site"],
    "properties": {
        "site": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 63},
        "mode": {"type": "string", "enum": ["Standard", "Knative"], "default": "Standard"},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 2},
        "zones": {"type": "array", "maxItems": 4, "items": {"type": "string", "maxLength": 253}},
        "cpu": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "rest": {"type": "object", "properties": {"unit": {"type": "string"}}, "nullable": True},
    },
    "x-kubernetes-validations": [{"rule": "self.replicas > 0", "message": "some"}],
}
STATUS: Object = {"type": "object", "properties": {"phase": {"type": "string"}}}


def _definition() -> Object:
    version: Object = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": "Phase", "type": "string", "jsonPath": ".status.phase", "priority": 0},
        ],
        "schema": {
            "openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": SPEC, "status": STATUS}}
        },
    }
    names = {"kind": "WeldModel", "plural": "weldmodels", "shortNames": ["wm"], "categories": ["weldserve"]}
    spec = {"group": "weldserve.io", "scope": "Namespaced", "names": names, "versions": [version]}
    return copy.deepcopy({"spec": spec})


Edit = Callable[[Object], object]


def _in_spec(edit: Edit) -> Edit:
    return lambda body: edit(_version(body)["schema"]["openAPIV3Schema"]["properties"]["spec"])


def _field(name: str, **keywords: Any) -> Edit:
    """These keywords of one field of the spec; None takes one away."""

    def edit(spec: Object) -> None:
        field = spec["properties"][name]
        field.update(keywords)
        for keyword, value in keywords.items():
            if value is None:
                del field[keyword]

    return _in_spec(edit)


def _version(body: Object) -> Object:
    version: Object = body["spec"]["versions"][0]
    return version


BROKEN: dict[str, tuple[Edit, str]] = {
    "a field goes": (
        _in_spec(lambda spec: spec["properties"].pop("zones")),
        "spec.zones: is gone; what was written there is refused or lost",
    ),
    "a nested field goes": (
        _in_spec(lambda spec: spec["properties"]["rest"]["properties"].clear()),
        "spec.rest.unit: is gone; what was written there is refused or lost",
    ),
    "a field of the status goes": (
        lambda body: _version(body)["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"].clear(),
        "status.phase: is gone; what was written there is refused or lost",
    ),
    "another type": (
        _field("replicas", type="string"),
        "spec.replicas type: was 'integer', is 'string'; what was written may be read in another way or refused",
    ),
    "another type of items": (
        _field("zones", items={"type": "integer", "maxLength": 253}),
        "spec.zones[] type: was 'string', is 'integer'; what was written may be read in another way or refused",
    ),
    "a new format": (
        _field("site", format="hostname"),
        "spec.site format: is new: 'hostname'; what was written may be read in another way or refused",
    ),
    "a list merged in another way": (
        _field("zones", **{"x-kubernetes-list-type": "set"}),
        "spec.zones x-kubernetes-list-type: is new: 'set'; what was written may be read in another way or refused",
    ),
    "a field becomes required": (
        _in_spec(lambda spec: spec["required"].append("cpu")),
        "spec.cpu required: is required now and has no default; what leaves it out is refused",
    ),
    "a new field is required": (
        _in_spec(
            lambda spec: (spec["required"].append("new"), spec["properties"].update(new={"type": "string"})),
        ),
        "spec.new required: is required now and has no default; what leaves it out is refused",
    ),
    "a value goes": (_field("mode", enum=["Standard"]), "spec.mode enum: 'Knative' is not taken any more"),
    "only some values": (_field("site", enum=["north"]), "spec.site enum: only ['north'] are taken now"),
    "a higher minimum": (
        _field("replicas", minimum=2),
        "spec.replicas minimum: was 1, is 2; what was taken is refused",
    ),
    "a lower maximum": (
        _field("replicas", maximum=9),
        "spec.replicas maximum: was 10, is 9; what was taken is refused",
    ),
    "a longer minimum": (_field("site", minLength=3), "spec.site minLength: was 2, is 3; what was taken is refused"),
    "a shorter maximum": (
        _field("site", maxLength=32),
        "spec.site maxLength: was 63, is 32; what was taken is refused",
    ),
    "a new maximum": (_field("mode", maxLength=8), "spec.mode maxLength: is new: 8; what was taken is refused"),
    "fewer items": (_field("zones", maxItems=3), "spec.zones maxItems: was 4, is 3; what was taken is refused"),
    "shorter items": (
        _field("zones", items={"type": "string", "maxLength": 9}),
        "spec.zones[] maxLength: was 253, is 9; what was taken is refused",
    ),
    "another pattern": (
        _field("site", pattern="^[a-z0-9]+$"),
        "spec.site pattern: was '^[a-z]+$', is '^[a-z0-9]+$'; what was taken may be refused",
    ),
    "a new pattern": (
        _field("mode", pattern="^[A-Z]"),
        "spec.mode pattern: is new: '^[A-Z]'; what was taken may be refused",
    ),
    "a new rule": (
        _in_spec(lambda spec: spec["x-kubernetes-validations"].append({"rule": "self.site != ''", "message": "no"})),
        "spec rule: a new rule may refuse what was taken: self.site != ''",
    ),
    "a changed rule": (
        _in_spec(lambda spec: spec["x-kubernetes-validations"][0].update(rule="self.replicas > 1")),
        "spec rule: a new rule may refuse what was taken: self.replicas > 1",
    ),
    "another default": (
        _field("replicas", default=3),
        "spec.replicas default: was 2, is 3; the same manifest means something else",
    ),
    "a default goes": (
        _field("replicas", default=None),
        "spec.replicas default: was 2, is gone; the same manifest means something else",
    ),
    "a default comes": (
        _field("site", default="north"),
        "spec.site default: is new: 'north'; the same manifest means something else",
    ),
    "nothing unknown any more": (
        _field("free", **{"x-kubernetes-preserve-unknown-fields": None}),
        "spec.free x-kubernetes-preserve-unknown-fields: was True, is gone; less is taken than before",
    ),
    "no null any more": (
        _field("rest", nullable=False),
        "spec.rest nullable: was True, is False; less is taken than before",
    ),
    "no number any more": (
        _field("cpu", **{"x-kubernetes-int-or-string": None}),
        "spec.cpu x-kubernetes-int-or-string: was True, is gone; less is taken than before",
    ),
    "a version goes": (
        lambda body: body["spec"]["versions"].clear(),
        "version v1alpha1: is not served any more; every manifest of that version is refused",
    ),
    "a version is served no more": (
        lambda body: _version(body).update(served=False),
        "version v1alpha1: is not served any more; every manifest of that version is refused",
    ),
    "another version is stored": (
        lambda body: _version(body).update(storage=False),
        "version v1alpha1: is not the stored one any more; a rollback could not read objects",
    ),
    "the status is no subresource": (
        lambda body: _version(body)["subresources"].clear(),
        "subresource status: is gone; whoever writes it is refused",
    ),
    "a column goes": (
        lambda body: _version(body)["additionalPrinterColumns"].clear(),
        "column Phase: is gone",
    ),
    "a column shows something else": (
        lambda body: _version(body)["additionalPrinterColumns"][0].update(jsonPath=".status.state"),
        "column Phase: jsonPath was '.status.phase', is '.status.state'",
    ),
    "a column is shown less": (
        lambda body: _version(body)["additionalPrinterColumns"][0].update(priority=1),
        "column Phase: is shown with --output=wide only",
    ),
    "a short name goes": (
        lambda body: body["spec"]["names"]["shortNames"].clear(),
        "names.shortNames: 'wm' is gone; people and scripts type it",
    ),
    "another plural": (
        lambda body: body["spec"]["names"].update(plural="welds"),
        "names.plural: was 'weldmodels', is 'welds'; clients know it by that name",
    ),
    "another scope": (
        lambda body: body["spec"].update(scope="Cluster"),
        "scope: was 'Namespaced', is 'Cluster'; objects are found elsewhere",
    ),
    "another group": (
        lambda body: body["spec"].update(group="weld.io"),
        "group: was 'weldserve.io', is 'weld.io'; every manifest names it",
    ),
}
FINE: dict[str, Edit] = {
    "nothing": lambda _: None,
    "a new field": _in_spec(lambda spec: spec["properties"].update(new={"type": "string", "maxLength": 3})),
    "a new field with a default": _in_spec(
        lambda spec: (
            spec["required"].append("new"),
            spec["properties"].update(new={"type": "integer", "default": 1}),
        )
    ),
    "not required any more": _in_spec(lambda spec: spec["required"].clear()),
    "one value more": _field("mode", enum=["Standard", "Knative", "Modal"]),
    "any value": _field("mode", enum=None),
    "a lower minimum": _field("replicas", minimum=0),
    "a higher maximum": _field("replicas", maximum=100),
    "no bounds": _field("site", minLength=None, maxLength=None),
    "no pattern": _field("site", pattern=None),
    "a rule less": _in_spec(lambda spec: spec.pop("x-kubernetes-validations")),
    "another sentence of a rule": _in_spec(lambda spec: spec["x-kubernetes-validations"][0].update(message="more")),
    "a description": _field("site", description="where"),
    "null too": _field("site", nullable=True),
    "a new version": lambda body: body["spec"]["versions"].append({**_version(body), "name": "v1", "storage": False}),
    "a new column": lambda body: _version(body)["additionalPrinterColumns"].append(
        {"name": "New", "type": "string", "jsonPath": ".spec.new"}
    ),
    "a new short name": lambda body: body["spec"]["names"]["shortNames"].append("weld"),
}


def _found(edit: Edit) -> list[str]:
    after = _definition()
    edit(after)
    return [str(each) for each in incompatibilities(_definition(), after)]


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_somebody_is_told_with_its_field(case: str) -> None:
    edit, sentence = BROKEN[case]
    assert _found(edit) == [sentence]


@pytest.mark.parametrize("case", FINE)
def test_what_takes_all_that_was_taken_is_fine(case: str) -> None:
    assert _found(FINE[case]) == []
