"""Whether another apply would change nothing, told from records as an API server writes them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from weld_operator.domain.applied_fields import is_as_applied
from weld_operator.kinds import Object

UID = "11111111-1111-4111-8111-111111111111"
OWNER = {"apiVersion": "weldserve.io/v1alpha1", "kind": "WeldModel", "name": "north", "uid": UID, "controller": True}

WANTED: Object = {
    "apiVersion": "example/v1",
    "kind": "Thing",
    "metadata": {"name": "thing", "namespace": "plant-a", "labels": {"a": "1"}, "ownerReferences": [OWNER]},
    "spec": {
        "replicas": 2,
        "whole": [{"x": 1}, {"x": 2}],
        "empty": {},
        "ports": [{"port": 80, "name": "http"}],
        "words": ["one", "two"],
    },
}
RECORD: Object = {
    "f:metadata": {
        "f:labels": {"f:a": {}},
        "f:ownerReferences": {f'k:{{"uid":"{UID}"}}': {}},
    },
    "f:spec": {
        "f:replicas": {},
        "f:whole": {},
        "f:empty": {},
        "f:ports": {'k:{"port":80}': {".": {}, "f:name": {}, "f:port": {}}},
        "f:words": {'v:"one"': {}, 'v:"two"': {}},
    },
}


def live(**record: Any) -> Object:
    """The object as the API server keeps it, with what others have added."""
    body = copy.deepcopy(WANTED)
    body["metadata"] |= {"uid": "of the thing", "resourceVersion": "7"}
    body["metadata"]["labels"]["theirs"] = "yes"
    body["metadata"]["ownerReferences"].append({**OWNER, "uid": "theirs"})
    body["spec"]["theirs"] = True
    body["spec"]["ports"].insert(0, {"port": 81, "name": "theirs"})
    body["spec"]["words"].append("three")
    body["status"] = {"ready": True}
    entry = {"manager": "weldserve", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": copy.deepcopy(RECORD)}
    others = {"manager": "somebody", "operation": "Update", "fieldsV1": {"f:spec": {"f:theirs": {}}}}
    status = {"manager": "weldserve", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}}
    body["metadata"]["managedFields"] = [others, status, {**entry, **record}]
    return body


def test_what_others_have_added_does_not_matter() -> None:
    assert is_as_applied(live(), WANTED, "weldserve")


def put(body: Object, path: tuple[str | int, ...], value: Any) -> Object:
    body = copy.deepcopy(body)
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return body


CHANGES: list[tuple[tuple[str | int, ...], Any]] = [
    (("metadata", "labels", "a"), "2"),
    (("metadata", "ownerReferences", 0, "controller"), False),
    (("spec", "replicas"), 3),
    (("spec", "replicas"), None),
    (("spec", "whole"), [{"x": 1}]),
    (("spec", "empty"), {"no": "more"}),
    (("spec", "ports", -1, "name"), "https"),
    (("spec", "ports", -1, "port"), 8080),
    (("spec", "words"), ["one"]),
]


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_a_value_that_somebody_has_changed_is_seen(path: tuple[str | int, ...], value: Any) -> None:
    assert not is_as_applied(put(live(), path, value), WANTED, "weldserve")


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_a_value_that_is_wanted_otherwise_is_seen(path: tuple[str | int, ...], value: Any) -> None:
    assert not is_as_applied(live(), put(WANTED, path, value), "weldserve")


def test_a_field_that_is_wanted_no_longer_is_seen_though_its_value_stays() -> None:
    record = put(RECORD, ("f:spec", "f:theirs"), {})
    assert not is_as_applied(live(fieldsV1=record), WANTED, "weldserve")


def test_a_field_that_is_there_and_was_never_applied_is_seen() -> None:
    assert not is_as_applied(live(), put(WANTED, ("spec", "theirs"), True), "weldserve")


@pytest.mark.parametrize("other", [{"manager": "somebody"}, {"operation": "Update"}, {"subresource": "scale"}])
def test_only_the_manager_s_own_apply_counts(other: dict[str, str]) -> None:
    assert not is_as_applied(live(**other), WANTED, "weldserve")


def test_without_a_record_nothing_is_known() -> None:
    body = live()
    del body["metadata"]["managedFields"]
    assert not is_as_applied(body, WANTED, "weldserve")
