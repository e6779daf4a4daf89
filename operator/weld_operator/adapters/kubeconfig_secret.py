"""How another cluster is reached, from a Secret: a kubeconfig, and what things are called there.

Whoever may write the Secret must not gain anything in the operator's own Pod: a kubeconfig that runs a program, or
names files, is refused, and so is one that would send its token to whoever answers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from kubernetes.aio.client import Configuration

from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.desired.target import Target
from weld_operator.kinds import Object

KUBECONFIG_KEY = "kubeconfig"
GATEWAY_KEY = "gateway"
PROMETHEUS_KEY = "prometheusUrl"
TARGET_KEYS = {"domain": "domain", "runtime": "runtime", "predictorServiceAccount": "predictor_service_account"}
"""Keys of the Secret, and the fields of a Target that they replace."""

_GATEWAY = re.compile(r"[a-z0-9-]+/[a-z0-9.-]+")
_OF_CLUSTER = frozenset({"server", "certificate-authority-data", "tls-server-name"})
_OF_USER = frozenset({"token", "client-certificate-data", "client-key-data"})


class CredentialsError(Exception):
    """The Secret does not say how to reach a cluster; the text is one sentence."""


@dataclass(frozen=True)
class RemoteAccess:
    """Where an API server is, what it is shown, and what things are called in its cluster; texts are PEM.

    `prometheus_url`: of a Prometheus that knows the predictors there.
    """

    server: str
    target: Target
    server_name: str | None = None
    authority: str | None = None
    token: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    prometheus_url: str | None = None


def read_access(secret: Object, home: Target) -> RemoteAccess:
    """What a Secret tells; `home` has what it leaves open. Raises CredentialsError."""
    name = secret["metadata"]["name"]
    try:
        texts = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
        cluster, user = _current(_document(texts))
        return RemoteAccess(
            server=_server(cluster),
            target=_target(texts, home),
            server_name=cluster.get("tls-server-name"),
            authority=_pem(cluster, "certificate-authority-data"),
            token=_token(user),
            certificate=_pem(user, "client-certificate-data"),
            private_key=_pem(user, "client-key-data"),
            prometheus_url=texts.get(PROMETHEUS_KEY) or None,
        )
    except CredentialsError as error:
        raise CredentialsError(f"Secret {name} does not say how to reach a cluster: {error}") from error
    except (TypeError, ValueError) as error:
        raise CredentialsError(f"Secret {name} has a value that cannot be read: {error}") from error


def connect(access: RemoteAccess) -> KubernetesCluster:
    """A connection, not tried; nothing of what it was given stays on a disk. Raises CredentialsError."""
    connection = Configuration()
    connection.host = access.server
    connection.tls_server_name = access.server_name
    if access.token:
        connection.api_key["BearerToken"] = f"Bearer {access.token}"
    with TemporaryDirectory() as folder:
        connection.ssl_ca_cert = _file(Path(folder, "authority"), access.authority)
        connection.cert_file = _file(Path(folder, "certificate"), access.certificate)
        connection.key_file = _file(Path(folder, "key"), access.private_key)
        try:
            return KubernetesCluster(connection)
        except OSError as error:  # ssl.SSLError is one
            raise CredentialsError(f"the certificates cannot be used: {error}") from error


def _document(texts: Mapping[str, str]) -> dict[str, Any]:
    if KUBECONFIG_KEY not in texts:
        raise CredentialsError(f"it has no key {KUBECONFIG_KEY}")
    try:
        document = yaml.safe_load(texts[KUBECONFIG_KEY])
    except yaml.YAMLError as error:
        # What a parser quotes may be a token.
        raise CredentialsError(f"{KUBECONFIG_KEY} is not YAML ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise CredentialsError(f"{KUBECONFIG_KEY} is not a document with fields")
    return document


def _current(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cluster and the user of the current context, which have only what is known to be harmless."""
    context = _named(document, "context", str(document.get("current-context", "")))
    cluster = _named(document, "cluster", str(context.get("cluster", "")))
    user = _named(document, "user", str(context.get("user", "")))
    for part, known, what in ((cluster, _OF_CLUSTER, "cluster"), (user, _OF_USER, "user")):
        if unknown := sorted(part.keys() - known):
            raise CredentialsError(f"its {what} has {unknown[0]}, expected only {', '.join(sorted(known))}")
    return cluster, user


def _named(document: dict[str, Any], what: str, name: str) -> dict[str, Any]:
    entries = document.get(f"{what}s")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(what), dict):
            found: dict[str, Any] = entry[what]
            return found
    raise CredentialsError(f"{KUBECONFIG_KEY} has no {what} named {name!r}")


def _server(cluster: dict[str, Any]) -> str:
    server = str(cluster.get("server", ""))
    if not server.startswith("https://"):
        raise CredentialsError(f"its server is {server!r}, expected https://")
    return server.rstrip("/")


def _token(user: dict[str, Any]) -> str | None:
    token = user.get("token")
    if not token and not user.get("client-certificate-data"):
        raise CredentialsError("its user has neither token nor client-certificate-data")
    text = str(token or "").strip()
    if not text.isprintable():
        raise CredentialsError("its token has a line break or a control character in it")
    return text or None


def _pem(part: dict[str, Any], key: str) -> str | None:
    return base64.b64decode(part[key]).decode() if part.get(key) else None


def _target(texts: Mapping[str, str], home: Target) -> Target:
    told: dict[str, Any] = {field: texts[key] for key, field in TARGET_KEYS.items() if texts.get(key)}
    if gateway := texts.get(GATEWAY_KEY):
        if not _GATEWAY.fullmatch(gateway):
            raise CredentialsError(f"{GATEWAY_KEY} is {gateway!r}, expected namespace/name")
        told["gateway_namespace"], told["gateway_name"] = gateway.split("/")
    return replace(home, **told)


def _file(path: Path, content: str | None) -> str | None:
    if content is None:
        return None
    path.touch(mode=0o600)
    path.write_text(content)
    return str(path)
