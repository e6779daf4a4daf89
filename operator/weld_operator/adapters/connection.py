"""How to reach the API server: from a kubeconfig, or from inside the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.incluster_config import InClusterConfigLoader


class NoConnectionError(Exception):
    """No usable address or credentials; the text is one sentence."""


class Credentials(NamedTuple):
    """Where the API server is and what it is shown, at one moment; paths are of PEM files."""

    server: str
    authority: str | None
    is_verified: bool
    scheme: str
    token: str
    certificate: str | None
    private_key: str | None


async def current_credentials(connection: Configuration) -> Credentials:
    """What the connection uses now; a token's file is read again when it is old."""
    authorization = await connection.get_api_key_with_prefix("BearerToken", alias="authorization")
    scheme, _, token = (authorization or "").rpartition(" ")
    return Credentials(
        server=connection.host,
        authority=connection.ssl_ca_cert,
        is_verified=connection.verify_ssl,
        scheme=scheme,
        token=token,
        certificate=connection.cert_file,
        private_key=connection.key_file,
    )


async def load_connection(kubeconfig: Path | None, service_account_folder: Path) -> Configuration:
    """Address, certificate authority and credentials of the API server; from inside the cluster without a kubeconfig.

    Inside the cluster `token` and `ca.crt` are in `service_account_folder`, and the token is read again every minute.
    Raises NoConnectionError.
    """
    connection = Configuration()
    try:
        if kubeconfig is None:
            InClusterConfigLoader(
                token_filename=str(service_account_folder / "token"),
                cert_filename=str(service_account_folder / "ca.crt"),
            ).load_and_set(connection)
        else:
            await config.load_kube_config(config_file=str(kubeconfig), client_configuration=connection)
    except config.ConfigException as error:
        source = "this cluster" if kubeconfig is None else f"kubeconfig {kubeconfig}"
        raise NoConnectionError(f"{source} gives no way to an API server: {error}") from error
    return connection
