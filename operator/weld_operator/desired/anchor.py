"""What all objects of a WeldModel in another cluster belong to.

The WeldModel's uid is unknown there, so that the garbage collector would delete at once what named it as its owner.
One small ConfigMap is the owner instead: when it is deleted, everything else goes.
"""

from __future__ import annotations

from weld_api import names
from weld_operator.domain.subject import Subject
from weld_operator.kinds import CONFIG_MAP, Object

MODEL_UID_ANNOTATION = f"{names.GROUP}/weldmodel-uid"
HOME_ANNOTATION = f"{names.GROUP}/home"
INSTALLATION_ANNOTATION = f"{names.GROUP}/installation"


def anchor_name(model: str) -> str:
    """No revision has a name with a dot, and so no other ConfigMap of ours has this one."""
    return f"{model}.anchor"


def anchor(owner: Subject, home: str, installation: str) -> Object:
    """`home`: which installation looks after the WeldModel, in words for who finds it. `installation`: its uid."""
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": {
            "name": anchor_name(owner.name),
            "namespace": owner.namespace,
            "labels": {names.MANAGED_BY_LABEL: names.FIELD_MANAGER, names.MODEL_LABEL: owner.name},
            "annotations": {
                MODEL_UID_ANNOTATION: owner.uid,
                HOME_ANNOTATION: home,
                INSTALLATION_ANNOTATION: installation,
            },
        },
        "data": {"about": "Whatever WeldModel's objects are here belong to this one; with it they are all deleted."},
    }


def is_anchor_of(body: Object, owner: Subject) -> bool:
    """Whether an object of the anchor's name is this WeldModel's anchor."""
    annotations = body["metadata"].get("annotations", {})
    return bool(annotations.get(MODEL_UID_ANNOTATION) == owner.uid)


def is_left_over(body: Object, installation: str) -> bool:
    """Whether an anchor that is not a WeldModel's, though of its name, was made by this installation.

    In its cluster there is one WeldModel of a name, so the one that the anchor was made for is gone.
    """
    return bool(installation) and body["metadata"].get("annotations", {}).get(INSTALLATION_ANNOTATION) == installation


def home_of(body: Object) -> str:
    """Whose an anchor is, in words."""
    annotations = body["metadata"].get("annotations", {})
    uid, home = annotations.get(MODEL_UID_ANNOTATION), annotations.get(HOME_ANNOTATION)
    return f"WeldModel {uid} of {home}" if uid and home else "somebody else"
