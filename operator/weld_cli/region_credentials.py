"""`weldserve region credentials`: the Secret by which an operator in another cluster reaches this one."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weld_api.names import GROUP
from weld_cli.failures import CommandError, failures_in_a_sentence
from weld_cli.rollout_commands import Context, Kubeconfig

if TYPE_CHECKING:
    from weld_cli.rollout_cluster import Access

TOLD = ("domain", "gateway", "runtime", "predictorServiceAccount", "prometheusUrl")
"""What things are called in a cluster: annotations of the token, and keys of the Secret."""


def credentials_secret(
    name: str, namespace: str, token: dict[str, Any], server: str, authority: str | None
) -> dict[str, Any]:
    """The Secret that a region names.

    `token`: the Secret of the release's account, as the cluster has it. `authority`: the certificate authority of
    `server` as PEM text; the one that the token comes with when it is None. Raises CommandError.
    """
    data = token.get("data") or {}
    if "token" not in data:
        raise CommandError(f"Secret {token['metadata']['name']} has no token yet; try again in a moment")
    known = base64.b64encode(authority.encode()).decode() if authority else data.get("ca.crt")
    if not known:
        raise CommandError(f"nothing says which certificate authority {server} has; name a kubeconfig that does")
    account = f"{namespace}-{name}"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": account, "cluster": {"server": server, "certificate-authority-data": known}}],
        "users": [{"name": account, "user": {"token": base64.b64decode(data["token"]).decode()}}],
        "contexts": [{"name": account, "context": {"cluster": account, "user": account, "namespace": namespace}}],
        "current-context": account,
    }
    annotations = token["metadata"].get("annotations", {})
    told = {key: annotations[f"{GROUP}/{key}"] for key in TOLD if f"{GROUP}/{key}" in annotations}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {"kubeconfig": json.dumps(kubeconfig), **told},
    }


def credentials(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the Secret is to be called, as a region names it.")],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace of the WeldModels, which is the same in both clusters.")
    ],
    release: Annotated[str, typer.Option(help="Full name of the release of this cluster.")] = "weldserve",
    release_namespace: Annotated[str, typer.Option(help="Namespace of that release.")] = "weldserve-system",
    server: Annotated[str, typer.Option(help="Address of this API server as the other cluster sees it.")] = "",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
) -> None:
    """Print the Secret by which an operator in another cluster reaches this one, to be applied there.

    It is of the account that the chart makes with remoteAccess.enabled, and holds its token.
    """
    with failures_in_a_sentence(extra="operator"):
        from weld_cli.rollout_cluster import Access

        secret = asyncio.run(
            _secret(name, namespace, f"{release}-remote", server, Access(release_namespace, kubeconfig, context))
        )
        typer.echo(json.dumps(secret, indent=2))


async def _secret(name: str, namespace: str, account: str, server: str, access: Access) -> dict[str, Any]:
    from weld_cli.rollout_cluster import reached
    from weld_operator.kinds import SECRET

    async with reached(access) as (cluster, home):
        token = await cluster.get(SECRET, home, account)
        if token is None:
            raise CommandError(
                f"there is no Secret {account} in namespace {home}: install the chart weldserve here with "
                f"remoteAccess.enabled=true, and name its release with --release and --release-namespace"
            )
        file = cluster.authority_file
        authority = None if file is None else await asyncio.to_thread(Path(file).read_text)
        return credentials_secret(name, namespace, token, server or cluster.server, authority)
