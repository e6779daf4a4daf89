"""What the storage initializer gets of a ServiceAccount's secrets."""

import base64

from tests.sandbox.kserve import names
from tests.sandbox.kserve.pod_mutation import mutated, needs_credentials
from tests.sandbox.kube_api import Object

ANNOTATION = "serving.kserve.io/s3-"


def secret(name: str, data: dict[str, str], **annotations: str) -> Object:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    named = {ANNOTATION + key: value for key, value in annotations.items()}
    return {"kind": "Secret", "metadata": {"name": name, "annotations": named}, "data": encoded}


S3 = {"awsAccessKeyID": "plant", "awsSecretAccessKey": "secret"}


def pod_of(uri: str) -> Object:
    container: Object = {"name": names.MODEL_CONTAINER}
    return {"metadata": {"annotations": {names.SOURCE_URI: uri}}, "spec": {"containers": [container]}}


def initializer(*secrets: Object) -> Object:
    (container,) = mutated(pod_of("s3://bucket/bundle"), secrets)["spec"]["initContainers"]
    return dict(container)


def variables(container: Object) -> dict[str, str]:
    """Those with a value; a reference counts as `secret/key`."""
    found = {}
    for one in container["env"]:
        reference = one.get("valueFrom", {}).get("secretKeyRef")
        found[one["name"]] = f"{reference['name']}/{reference['key']}" if reference else one["value"]
    return found


def test_an_s3_secret_gives_references_to_its_keys_and_the_endpoint_of_its_annotations() -> None:
    found = variables(initializer(secret("login", S3, endpoint="store:9000", usehttps="0", region="br-south")))
    assert found["AWS_ACCESS_KEY_ID"] == "login/awsAccessKeyID"
    assert found["AWS_SECRET_ACCESS_KEY"] == "login/awsSecretAccessKey"
    assert found["AWS_ENDPOINT_URL"] == "http://store:9000"
    assert found["S3_ENDPOINT"] == "store:9000"
    assert found["AWS_DEFAULT_REGION"] == "br-south"


def test_an_s3_endpoint_is_asked_by_https_unless_the_secret_says_otherwise() -> None:
    assert variables(initializer(secret("login", S3, endpoint="store")))["AWS_ENDPOINT_URL"] == "https://store"
    assert "AWS_ENDPOINT_URL" not in variables(initializer(secret("login", S3)))


def test_a_google_secret_is_mounted() -> None:
    pod = mutated(pod_of("gs://bucket/bundle"), [secret("key", {"gcloud-application-credentials.json": "{}"})])
    (container,) = pod["spec"]["initContainers"]
    path = "/var/secrets/gcloud-application-credentials.json"
    assert variables(container)["GOOGLE_APPLICATION_CREDENTIALS"] == path
    assert {"name": "user-gcp-sa", "mountPath": "/var/secrets/", "readOnly": True} in container["volumeMounts"]
    assert {"name": "user-gcp-sa", "secret": {"secretName": "key"}} in pod["spec"]["volumes"]


def test_a_web_server_s_headers_are_named_after_its_host() -> None:
    found = variables(initializer(secret("headers", {"https-host": "models.example", "headers": '{"A": "b"}'})))
    assert found["models.example-headers"] == '{"A": "b"}'


def test_other_secrets_give_nothing_and_a_second_mutation_adds_nothing() -> None:
    other = secret("other", {"password": "x"})
    assert initializer(other) == initializer()
    once = mutated(pod_of("s3://bucket/bundle"), [secret("login", S3)])
    assert mutated(once, [secret("login", S3)]) == once


def test_a_claim_needs_no_credentials() -> None:
    assert needs_credentials(pod_of("s3://bucket/bundle"))
    assert not needs_credentials(pod_of("pvc://bundles/weld"))
    assert not needs_credentials({"metadata": {}, "spec": {"containers": []}})
