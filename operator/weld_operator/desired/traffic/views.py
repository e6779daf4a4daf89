"""Parts that the backends read a cluster with."""

from __future__ import annotations

from collections.abc import Mapping

from weld_api import names
from weld_operator.domain.subject import Subject
from weld_operator.kinds import Object


def owned_by(bodies: Mapping[str, Object], uid: str) -> dict[str, Object]:
    """Those objects that belong to the object of this uid, and are not being deleted."""
    return {name: body for name, body in bodies.items() if is_owned(body, uid) and not _is_going(body)}


def is_owned(body: Object, uid: str) -> bool:
    return any(owner["uid"] == uid for owner in body["metadata"].get("ownerReferences", []))


def revision_view(owner: Subject, service: Object, about: Mapping[str, str], status: Object, spec: Object) -> Object:
    """One InferenceService that serves several revisions, told as if it were that of one of them alone.

    `about` are annotations with the revision's digest and version; `status` and `spec` are the parts that are its own.
    """
    metadata = service["metadata"]
    mode = metadata.get("annotations", {}).get(names.MODE_ANNOTATION, "")
    return {
        "apiVersion": service.get("apiVersion", ""),
        "kind": service.get("kind", ""),
        "metadata": {
            "name": names.revision_name(owner.serving_name, about[names.DIGEST_ANNOTATION]),
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "creationTimestamp": metadata["creationTimestamp"],
            "generation": 1,
            "annotations": {
                names.MODE_ANNOTATION: mode,
                names.DIGEST_ANNOTATION: about[names.DIGEST_ANNOTATION],
                names.VERSION_ANNOTATION: about.get(names.VERSION_ANNOTATION, ""),
            },
        },
        "spec": spec,
        "status": status,
    }


def ready_condition(is_ready: bool) -> Object:
    return {"type": "Ready", "status": "True" if is_ready else "False"}


def _is_going(body: Object) -> bool:
    return "deletionTimestamp" in body["metadata"]
