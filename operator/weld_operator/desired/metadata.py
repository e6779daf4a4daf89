"""What the metadata of every object of ours has in common."""

from __future__ import annotations

from weld_api import names
from weld_operator.domain.subject import Subject
from weld_operator.kinds import WELD_MODEL, Object


def metadata(owner: Subject, name: str, revision: str | None = None) -> Object:
    """Name, labels and owner of an object; `revision` is the name of the InferenceService that it belongs to."""
    labels = {names.MANAGED_BY_LABEL: names.FIELD_MANAGER, names.MODEL_LABEL: owner.name}
    if revision is not None:
        labels[names.REVISION_LABEL] = revision[-names.REVISION_SUFFIX_LENGTH :]
    return {
        "name": name,
        "namespace": owner.namespace,
        "labels": labels,
        "ownerReferences": [owner_reference(owner)],
    }


def owner_reference(owner: Subject) -> Object:
    """Makes the garbage collector remove an object with its WeldModel."""
    return {
        "apiVersion": WELD_MODEL.api_version,
        "kind": WELD_MODEL.name,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_labels(revision: str) -> dict[str, str]:
    """The label by which KServe's Deployment and Service select the Pods of an InferenceService."""
    return {"app": f"isvc.{names.predictor_name(revision)}"}
