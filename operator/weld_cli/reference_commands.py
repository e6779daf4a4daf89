"""`weldserve bundle train-reference` and `weldserve bundle report`; `weldserve evaluate`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weld_cli.failures import CommandError, failures_in_a_sentence

if TYPE_CHECKING:
    from weld_simulator.scenario_evaluation import Record

Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")]
Bundles = Annotated[
    Path, typer.Option("--bundles", metavar="DIR", help="Folder of bundles, as train-reference writes it.")
]


def train_reference(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for one folder per version; new or empty.")],
    seed: Seed = 0,
    training_sites: Annotated[int, typer.Option(min=2, help="Sites of 2,000 sensors to train on.")] = 90,
    created: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="Time for the cards, such as 2026-08-01T12:00:00Z."),
    ] = None,
) -> None:
    """Train the reference bundles on simulated sites: 1.2.0 hears only, 2.0.0 knows pressure and temperature."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_bundle.packing import pack
        from weld_simulator.reference_bundles import Sizes, train

        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CommandError(f"{out} is there already; bundles are written into a new folder")
        sizes = Sizes(training_sites, max(2, training_sites // 2), max(2, training_sites // 3))
        try:
            for trained in train(seed, sizes, created):
                version, found = trained.card.version, trained.card.evaluation
                digest = pack(trained.estimator, trained.card, out / version)
                typer.echo(
                    f"{version}: precision {found.precision:.3f}, recall {found.recall:.3f} on {found.readings} "
                    f"readings of {found.dataset}; sha256 {digest}"
                )
        except ValueError as error:
            raise CommandError(str(error)) from error


def evaluate(
    bundles: Bundles,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON file for the records.")] = Path(
        "build/evaluation.json"
    ),
    seed: Annotated[
        int, typer.Option(min=0, help="Of the test sites. Another one gives other sites and the same story.")
    ] = 0,
    sites: Annotated[int, typer.Option(min=2, help="Test sites of 2,000 sensors.")] = 24,
) -> None:
    """Hold bundles against the truth, in the laboratory and under each scenario, on sites that training never saw."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_bundle.loading import load
        from weld_simulator.scenario_evaluation import document
        from weld_simulator.scenario_evaluation import evaluate as evaluate_all

        folders = bundle_folders(bundles)
        records = list(evaluate_all([load(folder) for folder in folders], seed, sites))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(document(records, seed), indent=1) + "\n")
        for line in table(records):
            typer.echo(line)


def bundle_folders(folder: Path) -> list[Path]:
    """The folders of bundles in a folder, by name. Raises CommandError when there is none."""
    if not folder.is_dir():
        raise CommandError(f"{folder} is no folder; `weldserve bundle train-reference --out {folder}` makes it")
    found = sorted(each for each in folder.iterdir() if (each / "manifest.json").is_file())
    if not found:
        raise CommandError(f"{folder} holds no bundle; `weldserve bundle train-reference` makes some")
    return found


def table(records: Iterable[Record]) -> list[str]:
    """One line per record: shares in %, with their intervals."""
    lines = [f"{'condition':<18}{'bundle':<8}{'precision, %':>24}{'recall, %':>24}{'readings':>10}{'at risk':>9}"]
    for each in records:
        precision = _share(each.precision, *each.precision_interval)
        recall = _share(each.recall, *each.recall_interval)
        lines.append(
            f"{each.scenario:<18}{each.version:<8}{precision:>24}{recall:>24}{each.readings:>10}{each.at_risk:>9}"
        )
    return lines


def _share(value: float, lowest: float, highest: float) -> str:
    return f"{100 * value:.1f} ({100 * lowest:.1f} to {100 * highest:.1f})"


def report(
    bundles: Bundles,
    evaluation: Annotated[
        Path, typer.Option("--evaluation", metavar="FILE", help="What `weldserve evaluate` wrote.")
    ] = Path("build/evaluation.json"),
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Page to write: .png, .svg or .pdf.")] = Path(
        "build/report.png"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of the test sites.")] = 0,
    sites: Annotated[int, typer.Option(min=1, help="Test sites of 2,000 sensors.")] = 24,
) -> None:
    """Draw a page of plots: A-scans, ROC, precision and recall, calibration, importance, the fall by scenario."""
    with failures_in_a_sentence(extra="report"):
        from weld_bundle.loading import load
        from weld_simulator.report import draw

        loaded = [load(folder) for folder in bundle_folders(bundles)]
        records = _records_in(evaluation)
        if {record["bundle"] for record in records} != {bundle.digest for bundle in loaded}:
            raise CommandError(f"{evaluation} is about other bundles than those in {bundles}; evaluate these first")
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            draw(loaded, records, out, seed, sites)
        except ValueError as error:
            raise CommandError(f"{out} cannot be drawn: {error}") from error
        typer.echo(f"{out}")


def _records_in(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        raise CommandError(f"{file} is missing; `weldserve evaluate` writes it")
    try:
        records = json.loads(file.read_text())["records"]
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{file} is not what `weldserve evaluate` writes") from error
    return list(records)
