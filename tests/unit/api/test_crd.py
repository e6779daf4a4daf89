"""The committed CRD is what the types say, and the types can be said as a structural schema."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from weld_api.crd import PRINTER_COLUMNS, as_yaml, custom_resource_definition, structural_schema
from weld_api.schema import Schema
from weld_api.weld_model import parse_weld_model

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "manifests" / "crd" / "weldmodels.weldserve.io.yaml"
IN_THE_CHART = ROOT / "charts" / "weldserve-crds" / "templates" / COMMITTED.name


def _schema() -> dict[str, Any]:
    version = custom_resource_definition()["spec"]["versions"][0]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def test_the_committed_file_is_what_the_types_say() -> None:
    assert COMMITTED.read_text() == as_yaml(), "run `make crd` and commit the result"
    assert IN_THE_CHART.read_text() == as_yaml(), "run `make crd` and commit the result"


def test_helm_finds_nothing_in_it_to_fill_in() -> None:
    assert "{{" not in as_yaml()


def test_the_file_reads_back_as_the_document() -> None:
    assert yaml.safe_load(as_yaml()) == custom_resource_definition()


def test_every_field_of_the_spec_has_a_type_and_a_description() -> None:
    def walk(node: dict[str, Any], path: str) -> None:
        for name, child in node.get("properties", {}).items():
            assert child.get("description"), f"{path}.{name} has no description"
            assert child.get("type") or child.get("x-kubernetes-int-or-string"), f"{path}.{name} has no type"
            walk(child, f"{path}.{name}")

    walk(_schema()["properties"]["spec"], "spec")


def test_bounds_are_within_what_the_api_server_compares_whole_numbers_with() -> None:
    """It takes a bound of a number for an int64 where the value is whole, and would refuse every value."""

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for bound in (node.get("minimum"), node.get("maximum")):
                assert bound is None or isinstance(bound, dict) or abs(bound) <= 2**53, node
            for child in node.values():
                walk(child)

    walk(_schema())


def test_printer_columns_point_at_fields_that_exist() -> None:
    for name, _, path, _, _ in PRINTER_COLUMNS:
        node = _schema()
        if path.startswith(".metadata"):
            continue
        for part in path.strip(".").split("."):
            assert part in node["properties"], f"column {name}: {path} leads nowhere"
            node = node["properties"][part]


def test_rules_name_fields_that_exist() -> None:
    def walk(node: dict[str, Any]) -> None:
        for rule in node.get("x-kubernetes-validations", []):
            target = node
            for part in rule["fieldPath"].strip(".").split("."):
                target = target["properties"].get(part, {"properties": {"name": {}}})
        for child in node.get("properties", {}).values():
            walk(child)

    walk(_schema()["properties"]["spec"])


def test_a_type_that_structural_schemas_cannot_hold_is_refused() -> None:
    class Keyed(Schema):
        """A map whose keys are restricted."""

        pair: tuple[int, str]

    with pytest.raises(ValueError, match="prefixItems"):
        structural_schema(Keyed)


def test_the_example_is_a_weld_model() -> None:
    body = yaml.safe_load((ROOT / "manifests" / "examples" / "north-line.yaml").read_text())
    body["metadata"] |= {"uid": "u", "generation": 1}
    assert parse_weld_model(body).spec.workload.readings_per_second == 100_000
