"""What each permission is for, in a sentence for those who must grant it."""

from __future__ import annotations

FINALIZERS = "weldmodels/finalizers"

_OWNED = ("inferenceservices", "httproutes", "poddisruptionbudgets", "configmaps")

_OF_OWNED = {
    "get": "whose the name is, before it is taken, whether what was deleted is gone, and what has lost its label",
    "list": "what there is of a WeldModel, and what changes",
    "watch": "to act when somebody changes or deletes one",
    "create": "to make what a WeldModel asks for: server-side apply of what is not there",
    "patch": "to bring it to what the WeldModel asks for: server-side apply",
    "delete": "what belongs to no revision any more",
}
_OF_OTHERS = {
    ("weldmodels", "get"): "the WeldModel as it is, before anything is decided",
    ("weldmodels", "list"): "every WeldModel, when a replica begins to lead or the cluster learns of KServe",
    ("weldmodels", "watch"): "to act when one is applied",
    ("weldmodels/status", "patch"): "what was found and done, and the operator's memory",
    (FINALIZERS, "update"): (
        "no request: where the admission plugin OwnerReferencesPermissionEnforcement is on, the API server asks for it "
        "before it lets an object name its WeldModel as an owner that blocks"
    ),
    ("poddisruptionbudgets", "get"): "whose the name is, before it is taken, and whether what was deleted is gone",
    ("deployments", "list"): "how many replicas of a revision are ready",
    ("deployments", "watch"): "to act when a revision gets ready, or ceases to be",
    ("configmaps", "get"): "whose the name is, before it is taken, and whether what was deleted is gone",
    ("pods", "list"): "why a revision is not ready, and where a candidate is reached or its metrics are",
    ("events", "create"): "to tell users what happened to a WeldModel",
    ("leases", "create"): "the first replica of all makes the Lease; a create cannot be narrowed to a name",
    ("leases", "get"): "who leads",
    ("leases", "update"): "to take, renew and give back the lead",
    ("gateways", "get"): "whether the Gateway is there and programmed",
}


def purpose(resource: str, verb: str) -> str:
    """Raises KeyError where nobody has written one."""
    if resource in _OWNED and (resource, verb) not in _OF_OTHERS:
        return _OF_OWNED[verb]
    return _OF_OTHERS[resource, verb]
