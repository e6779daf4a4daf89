"""`weldserve bundle ...`: make bundles, check them, and say what is in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from weld_api.card import BundleCard, Evaluation, Throughput
from weld_api.spec import Batching
from weld_cli.failures import CommandError, failures_in_a_sentence

BUSY = 0.1
"""Share of the time that a machine may stand still before a measurement on it says little."""
STALL_SECONDS = 6.0
"""For which stalls are looked for; a machine of ours has about 9 in a second."""

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
    kind: Annotated[str, typer.Option(help="Kind of asset, as spec.asset.kind names it.")] = "PipelineWeld",
    version: Annotated[str | None, typer.Option(help="One of the kind's versions; the first one if left out.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same digest.")] = 0,
    readings: Annotated[
        int | None,
        typer.Option(
            min=1, help="Simulated readings to train, to choose and to test with; the kind's own if left out."
        ),
    ] = None,
    created: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="Time for the card, such as 2026-08-01T12:00:00Z."),
    ] = None,
) -> None:
    """Train a first model of a kind of asset on simulated sensors and pack it."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_bundle.packing import pack as pack_estimator
        from weld_simulator.kinds import KINDS
        from weld_simulator.training import train

        _check_is_new(out)
        try:
            asset = KINDS.find(kind)
            chosen = version if version is not None else next(iter(asset.recipes))
            trained = train(asset, chosen, seed, asset.readings if readings is None else readings, created)
        except ValueError as error:
            raise CommandError(str(error)) from error
        digest = pack_estimator(trained.estimator, trained.card, out)
        typer.echo(f"# {_evaluation(trained.card.evaluation)}")
        _print_model(chosen, digest)


@app.command()
def measure(
    folder: BundleFolder,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the same bundle with this in its card; new.")
    ] = None,
    request_readings: Annotated[
        int, typer.Option(min=1, max=10_000, help="Readings in each request, as gateways send them.")
    ] = 100,
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Bursts of each size.")] = 30,
) -> None:
    """Measure how fast one replica is on this machine, for `weldserve plan`; takes less than a minute."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_bundle.packing import pack_archive
        from weld_bundle.verification import verify as verify_bytes
        from weld_cli.local_predictor import local_predictor
        from weld_predictor.bursts import Measurement, MeasurementError
        from weld_predictor.measuring import stalls_of, throughput

        if out is not None:
            _check_is_new(out)
        verified = verify_bytes(folder)
        card = verified.card
        longest = Batching.model_fields["max_readings"].default
        with local_predictor(folder, card, verified.digest, "measured", max_delay="0s") as running:
            measurement = Measurement(running.address, running.pid, "measured", card, request_readings)
            try:
                measurement.take(repeats)
                stalls = stalls_of(measurement.latencies(STALL_SECONDS))
                found = throughput(measurement, folder, stalls, longest, datetime.now(UTC))
            except MeasurementError as error:
                raise CommandError(str(error)) from error
        if found.stalls is not None and found.stalls.share_of_time > BUSY:
            share = found.stalls.share_of_time
            typer.echo(f"the machine stood still for {share:.0%} of the time: measure when nothing else runs", err=True)
        _print_yaml({"throughput": found.model_dump(mode="json")})
        if out is not None:
            _print_model(card.version, pack_archive(verified.estimator, _with(card, found), out))


def _evaluation(found: Evaluation) -> str:
    precision, recall = (
        f"{value:.3f}" if interval is None else f"{value:.3f} ({interval.lowest:.3f} to {interval.highest:.3f})"
        for value, interval in ((found.precision, found.precision_interval), (found.recall, found.recall_interval))
    )
    return f"precision {precision}, recall {recall} on {found.readings} readings of {found.dataset}"


def _with(card: BundleCard, found: Throughput) -> BundleCard:
    return card.model_copy(update={"throughput": found})


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
