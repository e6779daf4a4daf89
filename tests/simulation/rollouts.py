"""`python -m tests.simulation.rollouts [--runs=2000] [--seed=1]`: do rollouts decide truthfully?

Whole rollouts on a simulated clock, through the real state machine and the real gates, of bundles whose truth is known
(`truth`), under several plans (`plans`), with traffic of 1 to 100,000 readings a second (`traffic`) and a metric source
that fails now and then (`source`). Writes build/rollouts.json and build/rollouts.png, and prints a table. The exit code
is 1 if a promise was not kept.

A tenth as many run with shares of bad ones that vary from look to look, by a fifth of their mean: readings are not
independent then, as the intervals assume. What comes of these is reported beside, and nothing is promised of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.bench.report import machine
from tests.simulation.campaign import Bound, bounds, by_class, campaign, summary
from tests.simulation.effects import effects
from tests.simulation.one_rollout import Result
from tests.simulation.plot import plot
from weld_api.rollout import Analysis

FOLDER = Path("build")
GUSTS = 0.2
MEANING = "shares: bad_promoted of the bad, good_rolled_back of the good, undecided and decided_below_floor of all"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.rollouts", description="Do rollouts decide truthfully?"
    )
    parser.add_argument("--runs", type=int, default=2_000, help="rollouts (2,000)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is left to chance (1)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results go (build)")
    asked = parser.parse_args()
    if asked.runs < 1:
        parser.error(f"--runs is {asked.runs}, expected at least 1")
    console = Console()
    began = time.monotonic()
    results = _run(console, campaign(asked.runs, asked.seed), asked.runs, "rollouts")
    found = summary(results)
    gusty = _run(
        console, campaign(max(asked.runs // 10, 1), asked.seed + 1, GUSTS), max(asked.runs // 10, 1), "in gusts"
    )
    each = max(asked.runs // 40, 5)
    points = effects(each, asked.seed)
    asked.folder.mkdir(parents=True, exist_ok=True)
    document = {
        **found,
        "meaning": MEANING,
        "seed": asked.seed,
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine(),
        "in_gusts": {"relative_deviation": GUSTS, **summary(gusty)},
        "effects": [asdict(point) for point in points],
        "rollouts_for_each_effect": each,
    }
    (asked.folder / "rollouts.json").write_text(json.dumps(document, indent=1) + "\n")
    plot(points, Analysis().error_probability, each, asked.folder / "rollouts.png")
    _print(console, results, bounds(found))
    for name in ("rollouts.json", "rollouts.png"):
        console.print(f"wrote {asked.folder / name}")
    return 0 if all(bound.is_kept for bound in bounds(found)) else 1


def _run(console: Console, rollouts: Iterable[Result], total: int, name: str) -> list[Result]:
    return list(track(rollouts, name, total, console=console, transient=True, disable=not console.is_terminal))


def _print(console: Console, results: Sequence[Result], kept: Sequence[Bound]) -> None:
    table = Table("bundle", "rollouts", "promoted", "failed a gate", "at its deadline", "held", "median time")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, those in by_class(results):
        endings = [each.ending for each in those]
        counts = [str(endings.count(ending)) for ending in ("promoted", "failed a gate", "deadline", "held")]
        hours = statistics.median([each.took / timedelta(hours=1) for each in those]) if those else 0.0
        table.add_row(name, str(len(those)), *counts, f"{hours:.1f} h")
    console.print(table)
    for bound in kept:
        verdict = "kept" if bound.is_kept else "BROKEN"
        console.print(f"{bound.name}: {bound.found:.2%}, at most {bound.most:.0%}: {verdict}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
