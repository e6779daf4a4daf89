"""Looks for fields in the schemas that an API server publishes (OpenAPI 3.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weld_operator.adapters.cluster import NotServedError
from weld_operator.kinds import Kind, Object


def lacking(schemas: Mapping[str, Object], kind: Kind, fields: Sequence[str]) -> tuple[str, ...]:
    """Those of `fields` that the schema of this kind does not have. Raises NotServedError where it has none itself.

    A field below one that may hold anything counts as there.
    """
    wanted = {"group": kind.group, "version": kind.version, "kind": kind.name}
    for schema in schemas.values():
        if wanted in schema.get("x-kubernetes-group-version-kind", []):
            return tuple(field for field in fields if not _has(schema, field.split(".")))
    raise NotServedError(kind)


def _has(schema: Object, path: Sequence[str]) -> bool:
    for name in path:
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            return True
        if name not in schema.get("properties", {}):
            return False
        schema = schema["properties"][name]
    return True
