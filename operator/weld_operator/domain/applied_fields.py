"""Whether an object is as it was last applied, told by the API server's own record of it: `metadata.managedFields`.

The record names the fields that the last apply of a manager has set, as
https://kubernetes.io/docs/reference/using-api/server-side-apply/ describes it: `f:name` for a field, `k:{...}` for the
item of a list that has these keys, `v:value` for a member of a set, and nothing below what is replaced whole. Where the
fields are those that are wanted, with the values that are wanted, another apply would change nothing. What cannot be
told, such as a value that the API server has written in another way, counts as a difference: an apply too many does no
harm.
"""

from __future__ import annotations

import json
from typing import Any

from weld_operator.kinds import Object

_IDENTITY = frozenset({"apiVersion", "kind"})
_ADDRESS = frozenset({"name", "namespace"})
"""Of the metadata: fields that say which object it is; they are not in the record."""


def is_as_applied(live: Object, wanted: Object, manager: str) -> bool:
    """Whether this manager's last apply set the fields of `wanted` and no others, and all still have their values."""
    fields = _fields_of(live, manager)
    if fields is None:
        return False
    metadata = {name: value for name, value in wanted["metadata"].items() if name not in _ADDRESS}
    asked = {name: value for name, value in wanted.items() if name not in _IDENTITY} | {"metadata": metadata}
    return _agree(fields, asked, live)


def _fields_of(live: Object, manager: str) -> Object | None:
    """What the manager has applied, but for the status; None where there is no record."""
    for entry in live["metadata"].get("managedFields", ()):
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields: Object | None = entry.get("fieldsV1")
            return fields
    return None


def _agree(fields: Object, wanted: Any, live: Any) -> bool:
    below = {name: inner for name, inner in fields.items() if name != "."}
    if not below:
        return bool(wanted == live)
    if isinstance(wanted, dict) and isinstance(live, dict):
        return _agree_in_object(below, wanted, live)
    if isinstance(wanted, list) and isinstance(live, list):
        return _agree_in_list(below, wanted, live)
    return False


def _agree_in_object(fields: Object, wanted: Object, live: Object) -> bool:
    if fields.keys() != {f"f:{name}" for name in wanted}:
        return False
    return all(name in live and _agree(fields[f"f:{name}"], value, live[name]) for name, value in wanted.items())


def _agree_in_list(fields: Object, wanted: list[Any], live: list[Any]) -> bool:
    """Each item that is wanted is recorded, and there; the list may have others."""
    if len(fields) != len(wanted):
        return False
    return all(_agree_in_item(selector, inner, wanted, live) for selector, inner in fields.items())


def _agree_in_item(selector: str, fields: Object, wanted: list[Any], live: list[Any]) -> bool:
    form, _, text = selector.partition(":")
    if form == "v":
        member = json.loads(text)
        return member in wanted and member in live
    if form != "k":
        return False
    keys = json.loads(text)
    asked, there = _item(wanted, keys), _item(live, keys)
    return asked is not None and there is not None and _agree(fields, asked, there)


def _item(items: list[Any], keys: Object) -> Object | None:
    """The item that has these keys."""
    return next((item for item in items if isinstance(item, dict) and keys.items() <= item.items()), None)
