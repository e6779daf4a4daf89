"""`weldserve plan`: what a WeldModel needs, what it withstands, and what it costs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weld_cli.failures import CommandError, failures_in_a_sentence

if TYPE_CHECKING:
    from weld_operator.domain.capacity.plan import Plan
    from weld_operator.domain.capacity.subject import Subject


def plan(
    file: Annotated[Path, typer.Option("--filename", "-f", metavar="FILE", help="YAML of a WeldModel; - for stdin.")],
    assets: Annotated[Path, typer.Option(metavar="FILE", help="YAML of the assets: kilometres, regions, goals.")],
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A bundle whose card says how fast it is and how right.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML of your prices; left out: nothing is said of money.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="KEY=VALUE",
            help="Another value; a wrong KEY lists all.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; bytes, seconds, shares.")] = False,
    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to draw pictures into.")] = None,
) -> None:
    """Plan replicas, cores, memory, network, ledger and cost, and what losses, jitter and sampling do. No cluster."""
    with failures_in_a_sentence(extra="predictor"):
        from weld_operator.domain.capacity.plan import plan_for
        from weld_operator.domain.capacity.subject import PlanError

        if plots is not None:
            _make(plots)
        subject = _subject(file, assets, bundle, prices, what_if or [])
        try:
            found = plan_for(subject)
        except PlanError as error:
            raise CommandError(str(error)) from error
    _show(found, subject, as_json)
    if plots is not None:
        with failures_in_a_sentence(extra="report"):
            from weld_cli.plan_plots import draw_plan

            for path in draw_plan(found, subject, plots):
                typer.echo(f"drawn: {path}", err=True)


def _make(plots: Path) -> None:
    """Before the reckoning, which takes its time."""
    try:
        plots.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--plots {plots} cannot be made ({error.strerror}); name a folder to write into") from error


def _show(found: Plan, subject: Subject, as_json: bool) -> None:
    from weld_cli.plan_tables import plan_in_tables

    if as_json:
        typer.echo(json.dumps(_finite(asdict(found)), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo("\n".join(plan_in_tables(found, subject)))


def _subject(file: Path, assets: Path, bundle: Path | None, prices: Path | None, what_if: list[str]) -> Subject:
    from weld_cli.plan_files import read_assets, read_card_of, read_prices
    from weld_cli.plan_what_if import Told, changed
    from weld_cli.rollout_file import read_models
    from weld_operator.domain.capacity.subject import Subject

    models = read_models(file)
    if len(models) > 1:
        raise CommandError(f"{file} has {len(models)} WeldModels; a plan is of one")
    given = read_assets(assets)
    card = None if bundle is None else read_card_of(bundle)
    throughput = (None if card is None else card.throughput) or given.throughput
    if throughput is None:
        raise CommandError(
            "nothing says how fast the bundle is: `weldserve bundle measure DIR --out NEW` measures it and writes it "
            f"into the card of NEW, for --bundle; or put its throughput into {assets}"
        )
    if card is not None:
        precision, recall, inputs = card.evaluation.precision, card.evaluation.recall, len(card.inputs)
    elif given.card is not None:
        precision, recall, inputs = given.card.precision, given.card.recall, given.card.inputs
    else:
        raise CommandError(
            f"nothing says how right the bundle is: give --bundle, or put its card's figures into {assets}"
        )
    told = Told(
        spec=models[0].spec.model_dump(mode="json", exclude_none=True),
        assets=given.model_dump(mode="json", exclude_none=True),
        throughput=throughput,
        precision=precision,
        recall=recall,
    )
    spec, planned = changed(told, what_if)
    return Subject(
        name=str(models[0]),
        spec=spec,
        assets=planned,
        throughput=told.throughput,
        prices=None if prices is None else read_prices(prices),
        inputs=inputs,
        precision=told.precision,
        recall=told.recall,
    )


def _finite(value: Any) -> Any:
    """JSON knows no infinity: null."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
