"""OpenAPI schemas as a CustomResourceDefinition takes them: a short vocabulary, and a reader of generated types.

A generated type is a class that openapi-generator wrote, as the KServe and Kubernetes SDKs consist of: its
`openapi_types` says an attribute's type (`list[V1Container]`), its `attribute_map` the attribute's name in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER_OR_STRING: Schema = {"x-kubernetes-int-or-string": True}
ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
ANY_OBJECT: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

_PRIMITIVES: dict[str, Schema] = {
    "str": STRING,
    "int": INTEGER,
    "float": NUMBER,
    "bool": BOOLEAN,
    "datetime": TIME,
    "object": ANYTHING,
}

# An SDK's setters refuse None for what is required, when they are told to validate.
_VALIDATING = SimpleNamespace(client_side_validation=True)


def an_object(required: str = "", /, **properties: Schema) -> Schema:
    """An object with these properties; `required` names some of them, separated by spaces."""
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required.split()} if required else schema


def a_list(items: Schema, *, key: str | None = None) -> Schema:
    """A list that is replaced whole, or with a `key` one whose items are merged by that property."""
    if key is None:
        return {"type": "array", "items": items, "x-kubernetes-list-type": "atomic"}
    merged = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return {"type": "array", "items": items, **merged}


def a_map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def one_of(*values: str, default: str | None = None) -> Schema:
    """A string out of a few."""
    schema: Schema = {"type": "string", "enum": list(values)}
    return schema if default is None else {**schema, "default": default}


def with_default(schema: Schema, default: object) -> Schema:
    return {**schema, "default": default}


class TypeReader:
    """Makes schemas from generated types.

    `find` gives the class of a type's name, or None; `known` the schemas of types that JSON shows otherwise than
    their class says. A type that neither knows may hold anything.
    """

    def __init__(self, find: Callable[[str], type[Any] | None], known: Mapping[str, Schema]) -> None:
        self._find = find
        self._known = known
        self._open: list[str] = []  # the types that are being read, outermost first

    def schema(self, type_name: str) -> Schema:
        """The schema of a type such as `str`, `list[V1Container]` or `dict(str, V1Time)`."""
        if type_name in self._known:
            return self._known[type_name]
        if type_name in _PRIMITIVES:
            return _PRIMITIVES[type_name]
        if items := re.fullmatch(r"list\[(.+)\]", type_name):
            return a_list(self.schema(items.group(1)))
        if values := re.fullmatch(r"dict[(\[]str, ?(.+)[)\]]", type_name):
            return a_map(self.schema(values.group(1)))
        return self._object(type_name)

    def _object(self, type_name: str) -> Schema:
        found = self._find(type_name)
        if found is None or type_name in self._open:  # unknown, or a type that contains itself
            return ANYTHING
        self._open.append(type_name)
        properties = {
            found.attribute_map[attribute]: self.schema(kind) for attribute, kind in found.openapi_types.items()
        }
        self._open.pop()
        return an_object(" ".join(_required(found)), **properties)


def _required(generated: type[Any]) -> list[str]:
    """The JSON names of the attributes that may not be None."""
    blank = object.__new__(generated)
    blank.local_vars_configuration = _VALIDATING
    names = []
    for attribute, name in generated.attribute_map.items():
        try:
            setattr(blank, attribute, None)
        except ValueError:
            names.append(name)
    return names
