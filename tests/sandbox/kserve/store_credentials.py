"""What KServe's webhook gives the storage initializer of a ServiceAccount's secrets: credentials of stores. Pure.

By KServe's `pkg/credentials`: the first known key of a secret says which store it is for. Of the stores that KServe
knows, Azure, HDFS and Hugging Face are left out, as is an IAM role in place of a secret.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from tests.sandbox.kube_api import Object

S3_SECRET_KEY = "awsSecretAccessKey"
S3_ACCESS_KEY = "awsAccessKeyID"
GCS_FILE = "gcloud-application-credentials.json"
GCS_VOLUME = "user-gcp-sa"
GCS_FOLDER = "/var/secrets/"
HTTPS_HOST = "https-host"
HTTPS_HEADERS = "headers"

_PREFIX = "serving.kserve.io/s3-"
_S3_VARIABLES = {
    "verifyssl": "S3_VERIFY_SSL",
    "useanoncredential": "awsAnonymousCredential",
    "region": "AWS_DEFAULT_REGION",
    "usevirtualbucket": "S3_USER_VIRTUAL_BUCKET",
    "cabundle": "AWS_CA_BUNDLE",
    "cabundle-configmap": "AWS_CA_BUNDLE_CONFIGMAP",
}


@dataclass
class Credentials:
    """What one container gets: variables, and volumes with their mounts."""

    variables: list[Object]
    volumes: list[Object]
    mounts: list[Object]


def credentials_of(secrets: Iterable[Object]) -> Credentials:
    """What the secrets of a ServiceAccount come to, in its order; an unknown secret gives nothing."""
    given = Credentials([], [], [])
    for secret in secrets:
        keys = secret.get("data", {})
        if S3_SECRET_KEY in keys:
            given.variables += _s3_variables(secret)
        elif GCS_FILE in keys:
            given.volumes.append({"name": GCS_VOLUME, "secret": {"secretName": secret["metadata"]["name"]}})
            given.mounts.append({"name": GCS_VOLUME, "mountPath": GCS_FOLDER, "readOnly": True})
            given.variables.append({"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": GCS_FOLDER + GCS_FILE})
        elif HTTPS_HOST in keys and HTTPS_HEADERS in keys:
            host, headers = (base64.b64decode(keys[key]).decode() for key in (HTTPS_HOST, HTTPS_HEADERS))
            given.variables.append({"name": f"{host}-headers", "value": headers})
    return given


def _s3_variables(secret: Object) -> list[Object]:
    name, annotations = secret["metadata"]["name"], secret["metadata"].get("annotations", {})
    variables: list[Object] = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
        for variable, key in (("AWS_ACCESS_KEY_ID", S3_ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", S3_SECRET_KEY))
    ]
    if endpoint := annotations.get(f"{_PREFIX}endpoint"):
        https = annotations.get(f"{_PREFIX}usehttps")
        if https is not None:
            variables.append({"name": "S3_USE_HTTPS", "value": https})
        scheme = "http" if https == "0" else "https"
        variables.append({"name": "S3_ENDPOINT", "value": endpoint})
        variables.append({"name": "AWS_ENDPOINT_URL", "value": f"{scheme}://{endpoint}"})
    for suffix, variable in _S3_VARIABLES.items():
        if value := annotations.get(_PREFIX + suffix):
            variables.append({"name": variable, "value": value})
    return variables
