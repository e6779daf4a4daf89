"""`weldserve try ...`: does it answer? What `helm test` runs."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from weld_cli.failures import CommandError, failures_in_a_sentence
from weld_cli.local_predictor import local_predictor
from weld_cli.one_reading import score_one_reading

if TYPE_CHECKING:
    from weld_api.card import BundleCard

app = typer.Typer(help="Score one reading, and say what came of it.", no_args_is_help=True)

MODEL = "try"


@app.command()
def predictor() -> None:
    """Train a small bundle, start a predictor with it on this machine alone, and score one reading."""
    with failures_in_a_sentence(extra="predictor"), tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        card, digest = _train(bundle)
        with local_predictor(bundle, card, digest, MODEL) as running:
            typer.echo(f"The predictor's {score_one_reading(running.address, MODEL)}")


@app.command()
def models(
    namespaces: Annotated[
        str, typer.Option(metavar="NAMES", help="Namespaces, separated by commas; all when left out.")
    ] = "",
    gateway_address: Annotated[
        str, typer.Option(metavar="URL", help="Where the Gateway is reached; left out: each WeldModel's own URL.")
    ] = "",
    kubeconfig: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Outside of a cluster.")
    ] = None,
    service_account_folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Inside of a cluster: the folder of token and ca.crt.")
    ] = Path("/var/run/secrets/kubernetes.io/serviceaccount"),
) -> None:
    """Score one reading with each WeldModel; fails when one of them does not answer."""
    with failures_in_a_sentence(extra="operator"):
        names = [name for part in namespaces.split(",") if (name := part.strip())]
        found = asyncio.run(_weld_models(kubeconfig, service_account_folder, names or [None]))
        if not found:
            typer.echo(f"There is no WeldModel yet in {', '.join(names) or 'the cluster'}: apply one, and try again")
        faults = [fault for body in found if (fault := _try_model(body, gateway_address)) is not None]
        if faults:
            raise CommandError("; ".join(faults))


def _try_model(body: dict[str, Any], gateway_address: str) -> str | None:
    """Score one reading and say so; gives what went wrong."""
    about, status = body["metadata"], body.get("status", {})
    name = f"WeldModel {about['namespace']}/{about['name']}"
    url = status.get("url", "")
    if not url or status.get("stable") is None:
        said = [each["message"] for each in status.get("conditions", []) if each["type"] == "Serving"]
        return f"{name} does not serve: {' '.join(said) or 'no operator has looked at it'}"
    try:
        scored = score_one_reading(gateway_address or url, about["name"], urlsplit(url).hostname)
    except CommandError as error:
        return f"{name}: {error}"
    typer.echo(f"{name}: {scored}")
    return None


async def _weld_models(
    kubeconfig: Path | None, service_account_folder: Path, namespaces: Sequence[str | None]
) -> list[dict[str, Any]]:
    from weld_operator.adapters.cluster import ClusterError
    from weld_operator.adapters.connection import NoConnectionError, load_connection
    from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
    from weld_operator.kinds import WELD_MODEL

    try:
        async with KubernetesCluster(await load_connection(kubeconfig, service_account_folder)) as cluster:
            lists = [await cluster.list(WELD_MODEL, namespace, {}) for namespace in namespaces]
    except (ClusterError, NoConnectionError) as error:
        raise CommandError(str(error)) from error
    return [body for bodies in lists for body in bodies]


def _train(folder: Path) -> tuple[BundleCard, str]:
    """A bundle, of no use but to be loaded; gives its card and digest."""
    from weld_bundle.packing import pack
    from weld_simulator.first_bundle import FEWEST_READINGS, RECIPES, train

    trained = train(next(iter(RECIPES)), 0, FEWEST_READINGS, datetime.now(UTC))
    return trained.card, pack(trained.estimator, trained.card, folder)
