"""Schemas from types as an SDK's generator writes them."""

from typing import Any, ClassVar

import pytest

from tests.sandbox.openapi_schema import ANYTHING, INTEGER_OR_STRING, STRING, TypeReader, a_list, an_object


class Wheel:
    """What the generator writes: setters refuse None for what is required."""

    openapi_types: ClassVar[dict[str, str]] = {"rim_size": "int", "maker": "str"}
    attribute_map: ClassVar[dict[str, str]] = {"rim_size": "rimSize", "maker": "maker"}
    local_vars_configuration: Any
    maker: str | None

    @property
    def rim_size(self) -> int | None:
        return None

    @rim_size.setter
    def rim_size(self, value: int | None) -> None:
        if self.local_vars_configuration.client_side_validation and value is None:
            raise ValueError("Invalid value for `rim_size`, must not be `None`")


class Car:
    openapi_types: ClassVar[dict[str, str]] = {
        "wheels": "list[Wheel]",
        "labels": "dict(str, str)",
        "options": "dict[str, object]",
        "load": "Quantity",
        "trailer": "Car",
        "radio": "Radio",
    }
    attribute_map: ClassVar[dict[str, str]] = {name: name for name in openapi_types}


@pytest.fixture
def reader() -> TypeReader:
    return TypeReader({"Car": Car, "Wheel": Wheel}.get, {"Quantity": INTEGER_OR_STRING})


def test_attributes_have_their_json_names_and_required_ones_are_listed(reader: TypeReader) -> None:
    assert reader.schema("Wheel") == {
        "type": "object",
        "properties": {"rimSize": {"type": "integer"}, "maker": {"type": "string"}},
        "required": ["rimSize"],
    }


def test_lists_and_maps_hold_what_they_say(reader: TypeReader) -> None:
    car = reader.schema("Car")["properties"]
    assert car["wheels"]["items"] == reader.schema("Wheel")
    assert car["labels"] == {"type": "object", "additionalProperties": {"type": "string"}}
    assert car["options"] == {"type": "object", "additionalProperties": ANYTHING}


def test_a_type_with_a_text_form_of_its_own_has_the_schema_given_for_it(reader: TypeReader) -> None:
    assert reader.schema("Car")["properties"]["load"] == INTEGER_OR_STRING


def test_a_type_within_itself_and_an_unknown_one_may_hold_anything(reader: TypeReader) -> None:
    car = reader.schema("Car")["properties"]
    assert car["trailer"] == ANYTHING
    assert car["radio"] == ANYTHING


def test_a_list_with_a_key_is_merged_by_it() -> None:
    schema = a_list(an_object("name", name=STRING), key="name")
    assert schema["x-kubernetes-list-type"] == "map"
    assert schema["x-kubernetes-list-map-keys"] == ["name"]
