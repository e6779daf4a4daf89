"""`weldserve endpoints ...`: the document from which sensors' gateways learn where to send readings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weld_cli.failures import failures_in_a_sentence

app = typer.Typer(
    help="Look at the document that tells sensors' gateways where to send readings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Keeps `verify` a command of its own, as others will follow."""


@app.command()
def verify(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Such as https://weldserve.example.br/endpoints/plant-a/north-line.")
    ],
    key: Annotated[
        Path, typer.Option("--public-key", metavar="FILE", help="Ed25519, PEM; as `openssl pkey -pubout` writes it.")
    ],
) -> None:
    """Fetch the endpoint document, check its signature, and show it.

    Exit code 1 if it is not signed by this key, otherwise 0.
    """
    with failures_in_a_sentence(extra="operator"):
        from weld_cli.endpoint_document import fetched, shown

        typer.echo("\n".join(shown(fetched(url, key))))
