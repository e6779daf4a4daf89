"""Names that several parts must agree on: the group, labels, and the names of what a WeldModel becomes."""

from __future__ import annotations

GROUP = "weldserve.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "WeldModel"
PLURAL = "weldmodels"

DNS_LABEL_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
DNS_SUBDOMAIN_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"

FIELD_MANAGER = "weldserve"
FINALIZER_MANAGER = "weldserve-finalizer"
"""Who owns the finalizer: an apply of anything else would take away what an apply of it has set."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MODEL_LABEL = f"{GROUP}/model"
REVISION_LABEL = f"{GROUP}/revision"
REGION_LABEL = f"{GROUP}/region"
REGIONS_FINALIZER = f"{GROUP}/regions"
DIGEST_ANNOTATION = f"{GROUP}/digest"
VERSION_ANNOTATION = f"{GROUP}/version"

MODE_ANNOTATION = "serving.kserve.io/deploymentMode"
"""KServe's: how it runs an InferenceService."""

AUTOSCALER_ANNOTATION = "serving.kserve.io/autoscalerClass"
"""KServe's: what scales an InferenceService in Standard mode."""

VISIBILITY_LABEL = "networking.kserve.io/visibility"
"""KServe's: `cluster-local` keeps it from making routes of its own."""

REVISION_HEADER = "weldserve-revision"
CANDIDATE_HEADER_VALUE = "candidate"
"""A request that says so, or says the first digits of the candidate's digest, is answered by the candidate."""

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


def serving_name(model: str, region: str) -> str:
    """What a WeldModel is called in one of its regions; its own name where it has none (empty)."""
    return f"{model}-{region}" if region else model


def revision_name(serving: str, digest: str) -> str:
    """The InferenceService that serves the bundle of this digest (64 hexadecimal digits); `serving`: see above."""
    return f"{serving}-{digest[:REVISION_SUFFIX_LENGTH]}"


def predictor_name(revision: str) -> str:
    """What KServe calls the Deployment and the Service of an InferenceService in Standard mode."""
    return f"{revision}-predictor"


def host_label_length(serving: str, namespace: str) -> int:
    """Length of the first label of the host name that KServe builds for a revision; more than 63 is never served."""
    return len(f"{serving}-{'0' * REVISION_SUFFIX_LENGTH}-predictor-{namespace}")
