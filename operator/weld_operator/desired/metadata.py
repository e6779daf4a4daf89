"""What the metadata of every object of ours has in common."""

from __future__ import annotations

from weld_api import names
from weld_operator.domain.subject import Owner, Subject
from weld_operator.kinds import WELD_MODEL, Object


def metadata(owner: Subject, name: str, revision: str | None = None) -> Object:
    """Name, labels and owner of an object; `revision` is the name of the InferenceService that it belongs to."""
    labels = {names.MANAGED_BY_LABEL: names.FIELD_MANAGER, names.MODEL_LABEL: owner.name}
    if owner.region:
        labels[names.REGION_LABEL] = owner.region
    if revision is not None:
        labels[names.REVISION_LABEL] = revision[-names.REVISION_SUFFIX_LENGTH :]
    return {
        "name": name,
        "namespace": owner.namespace,
        "labels": labels,
        "ownerReferences": [owner_reference(owner.owner)],
    }


def owner_reference(owner: Owner) -> Object:
    """Makes the garbage collector remove an object with its owner."""
    return {
        "apiVersion": owner.kind.api_version,
        "kind": owner.kind.name,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        # Where the admission plugin OwnerReferencesPermissionEnforcement is on, that takes a right over the owner's
        # finalizers, and nothing waits for what belongs to an anchor.
        "blockOwnerDeletion": owner.kind == WELD_MODEL,
    }


def revision_labels(revision: str) -> dict[str, str]:
    """Labels of ours that reach the Pods of a revision, however KServe calls them."""
    model, _, digits = revision.rpartition("-")
    return {names.MODEL_LABEL: model, names.REVISION_LABEL: digits}


def pod_labels(revision: str) -> dict[str, str]:
    """The label by which KServe's Deployment and Service select the Pods of an InferenceService."""
    return {"app": f"isvc.{names.predictor_name(revision)}"}
