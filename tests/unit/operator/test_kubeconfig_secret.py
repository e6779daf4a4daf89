"""A Secret says how to reach a cluster, and can make the operator do nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.unit.operator.cluster_objects import TARGET
from weld_cli.region_credentials import credentials_secret
from weld_operator.adapters.kubeconfig_secret import CredentialsError, connect, read_access

CLUSTER: dict[str, Any] = {"server": "https://north.example:6443"}
USER: dict[str, Any] = {"token": "a-token"}


def _secret(cluster: dict[str, Any] = CLUSTER, user: dict[str, Any] = USER, **keys: str) -> dict[str, Any]:
    kubeconfig = {
        "clusters": [{"name": "north", "cluster": cluster}],
        "users": [{"name": "operator", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "north", "user": "operator"}}],
        "current-context": "here",
    }
    texts = {"kubeconfig": json.dumps(kubeconfig), **keys}
    return _as_kept({"metadata": {"name": "north-cluster"}, "stringData": texts})


def _as_kept(secret: dict[str, Any]) -> dict[str, Any]:
    """As an API server keeps it."""
    data = {key: base64.b64encode(text.encode()).decode() for key, text in secret["stringData"].items()}
    return {"metadata": secret["metadata"], "data": data}


def test_what_is_left_open_is_called_as_at_home() -> None:
    access = read_access(_secret(domain="north.example", gateway="edge/public"), TARGET)
    assert (access.server, access.token) == ("https://north.example:6443", "a-token")
    assert access.target.host("m", "ns") == "m.ns.north.example"
    assert (access.target.gateway_namespace, access.target.gateway_name) == ("edge", "public")
    assert access.target.runtime == TARGET.runtime


def test_a_line_break_after_a_token_is_no_part_of_it() -> None:
    assert read_access(_secret(user={"token": "a-token\n"}), TARGET).token == "a-token"


async def test_a_connection_shows_the_token() -> None:
    cluster = connect(read_access(_secret(), TARGET))
    shown = cluster._client.configuration.api_key["BearerToken"]  # what is shown, without a server to show it to
    await cluster.close()
    assert shown == "Bearer a-token"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (_secret(user={"exec": {"command": "/bin/sh"}}), "its user has exec"),
        (_secret(user={"auth-provider": {"name": "oidc"}}), "its user has auth-provider"),
        (_secret(user={"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}), "its user has tokenFile"),
        (_secret(user={"token": "t", "client-key": "/etc/key"}), "its user has client-key"),
        (_secret(user={}), "neither token nor client-certificate-data"),
        (_secret({**CLUSTER, "certificate-authority": "/etc/passwd"}), "its cluster has certificate-authority"),
        (_secret({**CLUSTER, "insecure-skip-tls-verify": True}), "its cluster has insecure-skip-tls-verify"),
        (_secret({**CLUSTER, "proxy-url": "http://proxy"}), "its cluster has proxy-url"),
        (_secret({"server": "http://north.example"}), "its server is 'http://north.example', expected https://"),
        (_secret(user={"token": "a\nb"}), "its token has a line break or a control character in it"),
        (_secret({**CLUSTER, "certificate-authority-data": 7}), "a value that cannot be read"),
        (_secret(gateway="public"), "gateway is 'public', expected namespace/name"),
        (_secret(kubeconfig="[]"), "kubeconfig is not a document with fields"),
        (_secret(kubeconfig="{"), "kubeconfig is not YAML"),
        (_secret(kubeconfig="{}"), "kubeconfig has no context named ''"),
        (_as_kept({"metadata": {"name": "north-cluster"}, "stringData": {}}), "it has no key kubeconfig"),
        ({"metadata": {"name": "north-cluster"}, "data": {"kubeconfig": "a"}}, "a value that cannot be read"),
    ],
)
def test_anything_but_an_address_and_what_is_shown_there_is_refused(secret: dict[str, Any], said: str) -> None:
    with pytest.raises(CredentialsError) as refused:
        read_access(secret, TARGET)
    assert said in str(refused.value)
    assert "north-cluster" in str(refused.value)


def test_what_cannot_be_parsed_is_not_told_as_it_may_be_a_token() -> None:
    with pytest.raises(CredentialsError) as refused:
        read_access(_secret(kubeconfig="{token: secret-token"), TARGET)
    assert "secret-token" not in str(refused.value)
    assert refused.value.__cause__ is None or "secret-token" not in str(refused.value.__cause__)


def test_what_the_command_prints_is_understood() -> None:
    authority, token = (base64.b64encode(text.encode()).decode() for text in ("PEM of an authority", "its token"))
    annotations = {"weldserve.io/domain": "north.example", "weldserve.io/runtime": "weldserve-no"}
    account = {
        "metadata": {"name": "weldserve-remote", "annotations": annotations},
        "data": {"token": token, "ca.crt": authority},
    }
    secret = credentials_secret("north-cluster", "plant-a", account, "https://north.example:6443", None)
    access = read_access(_as_kept(secret), TARGET)
    assert (access.token, access.authority) == ("its token", "PEM of an authority")
    assert (access.target.domain, access.target.runtime) == ("north.example", "weldserve-no")
