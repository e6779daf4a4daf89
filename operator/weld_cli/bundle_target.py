"""`weldserve bundle target`: from a card's throughput to what replicas should be scaled by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weld_cli.failures import CommandError, failures_in_a_sentence

if TYPE_CHECKING:
    from weld_api.card import Throughput
    from weld_api.spec import WeldModelSpec
    from weld_operator.domain.capacity.scaling_target import ReadingsTarget


def target(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A bundle whose card says how fast it is.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--filename", "-f", metavar="FILE", help="YAML of a WeldModel: its minReplicas and CPU limit count."
        ),
    ] = None,
    occupancy: Annotated[
        float | None,
        typer.Option(min=0.05, max=0.95, help="Of what a replica can do, at the most; that of plans if left out."),
    ] = None,
) -> None:
    """Say how many readings a second each replica should have, as YAML to put below spec.serving."""
    with failures_in_a_sentence(extra="operator"):
        from weld_api.quantity import parse_quantity
        from weld_bundle.verification import verify
        from weld_operator.domain.capacity.assets import Goals
        from weld_operator.domain.capacity.scaling_target import readings_target

        throughput = verify(folder).card.throughput
        if throughput is None:
            raise CommandError(
                f"the card of {folder} does not say how fast the bundle is: "
                f"`weldserve bundle measure {folder} --out NEW` measures it, and writes it into the card of NEW"
            )
        spec = None if file is None else _spec(file)
        fewest = _fewest(spec)
        limit = None if spec is None else spec.model.resources.limits.cpu
        cores = None if limit is None else float(parse_quantity(limit))
        found = readings_target(throughput, fewest, cores, Goals().occupancy if occupancy is None else occupancy)
        for line in _explained(found, throughput, fewest, cores):
            typer.echo(f"# {line}")
        typer.echo(f"scaling:\n  target:\n    readingsPerSecond: {found.readings_per_second}")


def _spec(file: Path) -> WeldModelSpec:
    from weld_cli.rollout_file import read_models

    models = read_models(file)
    if len(models) > 1:
        raise CommandError(f"{file} has {len(models)} WeldModels; a target is of one")
    return models[0].spec


def _fewest(spec: WeldModelSpec | None) -> int:
    from weld_api.spec import Scaling

    return (Scaling() if spec is None else spec.serving.scaling).min_replicas


def _explained(found: ReadingsTarget, throughput: Throughput, fewest: int, cores: float | None) -> list[str]:
    """What the value follows from."""
    from weld_operator.domain.capacity.scaling_target import AFTER_A_LOSS

    on = f"{throughput.busy_cores:.2g} cores of {throughput.machine}, measured on {throughput.measured_at:%Y-%m-%d}"
    limited = "" if cores is None or cores >= throughput.busy_cores else f", held to the {cores:g} that it may use"
    lines = [f"A replica answers {found.most:,.0f} readings/s at the most: on {on}{limited}."]
    if found.is_bound_by_loss:
        lines.append(
            f"The value is {found.share:.0%} of that: with one of {fewest} lost, the others are at {AFTER_A_LOSS:.0%}."
        )
    else:
        lines.append(f"The value is {found.share:.0%} of that, which leaves room until more replicas are there.")
    if fewest == 1:
        lines.append("minReplicas is 1: the loss of that one is an interruption, whatever the value.")
    return lines
