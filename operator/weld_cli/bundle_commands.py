"""`weldserve bundle ...`: make bundles, check them, and say what is in them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from weld_api.card import BundleCard
from weld_cli.failures import CommandError, failures_in_a_sentence

app = typer.Typer(help="Make bundles, check them, and show what is in them.", no_args_is_help=True)

BundleFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the bundle.")]
OutputFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write; must be new or empty.")]
Digest = Annotated[str | None, typer.Option(metavar="SHA256", help="Digest to insist on: the SHA-256 of the manifest.")]


@app.command()
def pack(
    estimator: Annotated[Path, typer.Option(metavar="FILE", help="Fitted estimator, as skops.io.dump stores it.")],
    card: Annotated[Path, typer.Option(metavar="FILE", help="Its card, YAML.")],
    out: OutputFolder,
) -> None:
    """Pack an estimator and its card into a bundle, and print what a WeldModel needs to name it."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_bundle.card_file import read_card
        from weld_bundle.packing import pack_archive

        contents = read_card(card.read_bytes())
        digest = pack_archive(estimator.read_bytes(), contents, out)
        _print_model(contents.version, digest)


@app.command()
def verify(folder: BundleFolder, digest: Digest = None) -> None:
    """Check a bundle as a predictor does before it serves: its bytes, types and versions, and that the card fits."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_bundle.loading import load

        bundle = load(folder, digest)
        typer.echo(f"{bundle.card.name} {bundle.card.version} is sound: sha256 {bundle.digest}")


@app.command()
def show(
    folder: BundleFolder,
    as_json: Annotated[bool, typer.Option("--json", help="The whole card and the digest, as JSON.")] = False,
) -> None:
    """Show a bundle's card, and the version and digest to put into a WeldModel. Checks the bytes, loads nothing."""
    with failures_in_a_sentence():
        from weld_bundle.verification import verify as verify_bytes

        verified = verify_bytes(folder)
        card = verified.card.model_dump(mode="json", exclude_none=True)
        if as_json:
            typer.echo(json.dumps({"sha256": verified.digest, "card": card}, indent=2, ensure_ascii=False))
            return
        _print_yaml({**card, **_in_short(verified.card)})
        _print_model(verified.card.version, verified.digest)


@app.command()
def train_first(
    out: OutputFolder,
    version: Annotated[str, typer.Option(help="1.0.0, or the better 1.1.0.")] = "1.0.0",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same digest.")] = 0,
    readings: Annotated[
        int, typer.Option(min=1, help="Simulated readings to train, to choose and to test with.")
    ] = 60_000,
    created: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="Time for the card, such as 2026-08-01T12:00:00Z."),
    ] = None,
) -> None:
    """Train a first model of pipeline welds on simulated sensors and pack it."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_bundle.packing import pack as pack_estimator
        from weld_simulator.first_bundle import train

        _check_is_new(out)
        try:
            trained = train(version, seed, readings, created)
        except ValueError as error:
            raise CommandError(str(error)) from error
        digest = pack_estimator(trained.estimator, trained.card, out)
        evaluation = trained.card.evaluation
        typer.echo(
            f"# precision {evaluation.precision:.3f}, recall {evaluation.recall:.3f} "
            f"on {evaluation.readings} readings of {evaluation.dataset}"
        )
        _print_model(version, digest)


def _in_short(card: BundleCard) -> dict[str, str]:
    """What is too long to read."""
    short = {"inputs": f"{len(card.inputs)} of float32"}
    if card.profile is not None:
        short["profile"] = f"of {card.profile.readings} readings"
    if card.sites:
        short["sites"] = f"{len(card.sites)}, from {card.sites[0]} to {card.sites[-1]}"
    return short


def _check_is_new(folder: Path) -> None:
    """Before the work, not after it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandError(f"{folder} is there already; a bundle is written into a new folder")


def _print_model(version: str, digest: str) -> None:
    """What goes below `spec` of a WeldModel, but for the `uri`."""
    _print_yaml({"model": {"version": version, "sha256": digest}})


def _print_yaml(document: dict[str, Any]) -> None:
    import yaml

    typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120), nl=False)
