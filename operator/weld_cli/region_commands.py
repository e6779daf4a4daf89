"""`weldserve region ...`: what runs where, and why."""

from __future__ import annotations

import asyncio

import typer

from weld_cli.failures import failures_in_a_sentence
from weld_cli.rollout_commands import Context, Kubeconfig, Name, Namespace

app = typer.Typer(
    help="See what the regions of a WeldModel serve, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def status(name: Name, namespace: Namespace = "", kubeconfig: Kubeconfig = None, context: Context = "") -> None:
    """Show which version runs in each region, why, and who has whose share.

    Exit code 1 if the readings of a region are answered nowhere, otherwise 0.
    """
    with failures_in_a_sentence(extra="operator"):
        from weld_cli.region_picture import picture, serves
        from weld_cli.rollout_cluster import Access
        from weld_cli.rollout_reading import read_model

        model = asyncio.run(read_model(name, Access(namespace, kubeconfig, context)))
        typer.echo("\n".join(picture(model)))
        if not serves(model):
            raise typer.Exit(1)
