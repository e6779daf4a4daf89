"""Names that several parts must agree on: the group, labels, and the names of what a WeldModel becomes."""

from __future__ import annotations

GROUP = "weldserve.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "WeldModel"
PLURAL = "weldmodels"

FIELD_MANAGER = "weldserve"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MODEL_LABEL = f"{GROUP}/model"
REVISION_LABEL = f"{GROUP}/revision"
DIGEST_ANNOTATION = f"{GROUP}/digest"
VERSION_ANNOTATION = f"{GROUP}/version"

MODE_ANNOTATION = "serving.kserve.io/deploymentMode"
"""KServe's: how it runs an InferenceService."""

MODEL_FORMAT = "weldserve"
"""The name by which a serving runtime says that it reads our bundles."""

REVISION_SUFFIX_LENGTH = 8
"""Hexadecimal digits of the bundle's digest in a revision's name: 32 bits, for the few revisions of one WeldModel."""

DNS_LABEL_LENGTH = 63

MODEL_NAME_LENGTH = 32
"""Longest WeldModel name that the API server takes.

KServe builds the host name `<isvc>-predictor-<namespace>`, one DNS label of 63 characters at most; a rule in the
CRD sees the name but not the namespace, so this leaves the namespace 11 characters, and the operator checks the sum.
"""


def revision_name(model: str, digest: str) -> str:
    """The InferenceService that serves the bundle of this digest (64 hexadecimal digits) for this WeldModel."""
    return f"{model}-{digest[:REVISION_SUFFIX_LENGTH]}"


def predictor_name(revision: str) -> str:
    """What KServe calls the Deployment and the Service of an InferenceService in Standard mode."""
    return f"{revision}-predictor"


def host_label_length(model: str, namespace: str) -> int:
    """Length of the first label of the host name that KServe builds for a revision; more than 63 is never served."""
    return len(f"{model}-{'0' * REVISION_SUFFIX_LENGTH}-predictor-{namespace}")
