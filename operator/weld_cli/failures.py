"""How a command fails: one sentence on stderr and exit code 1 (wrong usage is 2, by typer)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from weld_bundle.errors import BundleError

_OWN_PACKAGES = ("weld_api", "weld_bundle", "weld_cli", "weld_operator", "weld_predictor", "weld_simulator")


class CommandError(Exception):
    """A command that cannot do what it was asked; the message is one sentence."""


@contextmanager
def failures_in_a_sentence(extra: str | None = None) -> Iterator[None]:
    """Turn expected failures of a command into a sentence and an exit code.

    `extra` is the extra of the distribution that brings what the command imports.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if extra is None or missing in _OWN_PACKAGES:
            raise
        _fail(f"this command needs weldserve[{extra}]: pip install 'weldserve[{extra}]' ({missing} is not installed)")
    except (BundleError, CommandError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(sentence: str) -> None:
    typer.echo(f"weldserve: {sentence}", err=True)
    raise typer.Exit(1)
