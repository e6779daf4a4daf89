"""`weldserve crd`"""

from __future__ import annotations

import typer


def crd() -> None:
    """Print the CustomResourceDefinition of WeldModel, for `kubectl apply --server-side -f -`."""
    from weld_api.crd import as_yaml

    typer.echo(as_yaml(), nl=False)
