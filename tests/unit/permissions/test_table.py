"""What requests needed, read from an audit log, and the page that tells it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.permissions.purposes import purpose
from tests.permissions.table import FINALIZERS_UPDATE, Permission, granted, page, permissions_of, used
from tests.sandbox.kube_api import Object

PLACES = {"plant-a": "country", "home": "release"}
CODE = "weld_operator.reconciler:Reconciler._write_object"
LIST_PODS = Permission("country", "", "pods", "list")
GET_LEASE = Permission("release", "coordination.k8s.io", "leases", "get", "weldserve-operator")
MAKE_LEASE = Permission("release", "coordination.k8s.io", "leases", "create")


def _event(
    verb: str, resource: str, *, code: int = 200, agent: str = f"weldserve-operator {CODE}", **of: Any
) -> Object:
    reference = {"resource": resource, "namespace": "plant-a", **of}
    return {"verb": verb, "objectRef": reference, "responseStatus": {"code": code}, "userAgent": agent}


def _role(kind: str, name: str, namespace: str, **body: Any) -> Object:
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, **body}


def test_rules_are_taken_apart() -> None:
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["one", "two"],
            "verbs": ["get", "update"],
        },
    ]
    documents = [
        _role("Role", "ours", "plant-a", rules=rules),
        _role("RoleBinding", "any", "plant-a", roleRef={"name": "ours"}, subjects=[{"name": "operator"}]),
        _role("Role", "theirs", "plant-a", rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]),
        _role("RoleBinding", "other", "plant-a", roleRef={"name": "theirs"}, subjects=[{"name": "somebody"}]),
    ]
    assert granted(documents, "operator", PLACES) == {
        LIST_PODS,
        *(
            Permission("country", "coordination.k8s.io", "leases", verb, name)
            for verb in ("get", "update")
            for name in ("one", "two")
        ),
    }


def test_a_request_needs_its_verb_in_its_place_and_names_its_code() -> None:
    assert used([_event("list", "pods")], [], PLACES) == {LIST_PODS: {CODE}}
    elsewhere = used([_event("list", "pods", namespace="plant-z")], [LIST_PODS], PLACES)
    assert set(elsewhere) == {LIST_PODS._replace(place="elsewhere")}


def test_a_subresource_is_a_resource_of_its_own() -> None:
    (permission,) = used([_event("patch", "weldmodels", subresource="status", name="x")], [], PLACES)
    assert (permission.resource, permission.name) == ("weldmodels/status", "")


def test_a_permission_for_one_object_is_used_by_that_object_alone() -> None:
    of: dict[str, Any] = {"apiGroup": "coordination.k8s.io", "namespace": "home"}
    assert set(used([_event("get", "leases", name="weldserve-operator", **of)], [GET_LEASE], PLACES)) == {GET_LEASE}
    assert set(used([_event("get", "leases", name="other", **of)], [GET_LEASE], PLACES)) == {
        GET_LEASE._replace(name="")
    }


def test_an_apply_that_makes_an_object_needs_more_than_a_patch() -> None:
    of: dict[str, Any] = {"apiGroup": "policy", "name": "x"}
    patch = Permission("country", "policy", "poddisruptionbudgets", "patch")
    assert set(used([_event("patch", "poddisruptionbudgets", **of)], [], PLACES)) == {patch}
    made = used([_event("patch", "poddisruptionbudgets", code=201, **of)], [], PLACES)
    assert set(made) == {patch, patch._replace(verb="create"), FINALIZERS_UPDATE}


def test_watching_is_the_handlers_part_and_strangers_are_refused() -> None:
    assert used([_event("list", "pods", agent="kopf/1.45.2")], [], PLACES) == {
        LIST_PODS: {"weld_operator.handlers:registry"}
    }
    with pytest.raises(ValueError, match="nobody knows whose request this was: curl/8"):
        used([_event("list", "pods", agent="curl/8")], [], PLACES)


def test_the_page_reads_back() -> None:
    code = {each: {CODE} for each in (LIST_PODS, GET_LEASE, MAKE_LEASE, FINALIZERS_UPDATE)}
    assert permissions_of(page(code)) == set(code)


def test_a_permission_that_nobody_can_explain_is_refused() -> None:
    assert purpose("deployments", "list") == "how many replicas of a revision are ready"
    with pytest.raises(KeyError):
        page({LIST_PODS._replace(resource="secrets"): {CODE}})
