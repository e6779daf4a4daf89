"""The environment that a container gets."""

from typing import Any

import pytest

from tests.sandbox.node.downward import ConfigError, Place
from tests.sandbox.node.environment import Sources, container_environment, source_names

POD: dict[str, Any] = {
    "metadata": {
        "name": "north-0",
        "namespace": "plant-a",
        "uid": "u1",
        "labels": {"app": "north"},
        "annotations": {"example.com/line": "7"},
    },
    "spec": {"serviceAccountName": "predictor"},
}
PLACE = Place(address="127.1.1.7", node="machine-1", node_address="127.1.1.1")
SOURCES = Sources(config_maps={"settings": {"level": "info", "size": "4"}}, secrets={"login": {"password": "s3cret"}})


def environment(*variables: dict[str, Any], env_from: list[dict[str, Any]] | None = None) -> dict[str, str]:
    container = {"name": "c", "env": list(variables), "envFrom": env_from or []}
    return container_environment(container, POD, PLACE, SOURCES, {"HOSTNAME": "north-0"})


def from_field(path: str) -> dict[str, Any]:
    return {"name": "FIELD", "valueFrom": {"fieldRef": {"fieldPath": path}}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "north-0"),
        ("metadata.namespace", "plant-a"),
        ("metadata.uid", "u1"),
        ("metadata.labels['app']", "north"),
        ("metadata.annotations['example.com/line']", "7"),
        ("metadata.labels['absent']", ""),
        ("spec.nodeName", "machine-1"),
        ("spec.serviceAccountName", "predictor"),
        ("status.podIP", "127.1.1.7"),
        ("status.hostIP", "127.1.1.1"),
    ],
)
def test_a_variable_from_a_field_has_the_value_of_the_pod(path: str, value: str) -> None:
    assert environment(from_field(path))["FIELD"] == value


def test_an_unknown_field_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"spec\.colour"):
        environment(from_field("spec.colour"))


def test_later_variables_may_refer_to_earlier_ones_alone() -> None:
    first, second = {"name": "A", "value": "$(B)-$(HOSTNAME)"}, {"name": "B", "value": "$(A)!"}
    assert environment(first, second) == {"HOSTNAME": "north-0", "A": "$(B)-north-0", "B": "$(B)-north-0!"}


def test_entries_of_config_maps_and_secrets_become_variables() -> None:
    found = environment(
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
        {"name": "level", "value": "debug"},
        env_from=[{"configMapRef": {"name": "settings"}}, {"prefix": "L_", "secretRef": {"name": "login"}}],
    )
    assert found == {
        "HOSTNAME": "north-0",
        "level": "debug",
        "size": "4",
        "L_password": "s3cret",
        "PASSWORD": "s3cret",
    }


def test_a_missing_source_is_named_unless_it_is_optional() -> None:
    reference = {"name": "absent", "key": "x"}
    with pytest.raises(ConfigError, match='secret "absent" not found'):
        environment({"name": "X", "valueFrom": {"secretKeyRef": reference}})
    with pytest.raises(ConfigError, match='configmap "absent" not found'):
        environment(env_from=[{"configMapRef": {"name": "absent"}}])
    with pytest.raises(ConfigError, match="couldn't find key x in ConfigMap plant-a/settings"):
        environment({"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "x"}}})
    assert "X" not in environment({"name": "X", "valueFrom": {"secretKeyRef": reference | {"optional": True}}})


def test_the_sources_that_a_container_needs_are_found_in_both_lists() -> None:
    container = {
        "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "login", "key": "p"}}}, {"name": "Q"}],
        "envFrom": [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "other"}}],
    }
    assert source_names(container) == ({"settings"}, {"login", "other"})
