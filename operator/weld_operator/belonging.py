"""Which WeldModels an object is about."""

from __future__ import annotations

from weld_api.names import MODEL_LABEL
from weld_operator.kinds import WELD_MODEL, Key, Kind, Object


def keys_about(kind: Kind, body: Object) -> set[Key]:
    """A WeldModel itself, or whose an object is; both its owner and its label count, as the latter may be edited."""
    about = body["metadata"]
    if kind == WELD_MODEL:
        return {Key(about["namespace"], about["name"])}
    names = {owner["name"] for owner in about.get("ownerReferences", []) if owner["kind"] == WELD_MODEL.name}
    if MODEL_LABEL in about.get("labels", {}):
        names.add(about["labels"][MODEL_LABEL])
    return {Key(about["namespace"], name) for name in names}
