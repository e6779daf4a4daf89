"""A picture of errors against sample floor and effect size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.simulation.effects import FACTORS, FLOORS, Effect

_COLOURS = ("#0072B2", "#D55E00", "#009E73")
"""Told apart by readers who see few colours (Okabe & Ito, 2008)."""
_LEAST = 1e-4
"""Of the logarithmic scale; what is less is drawn here."""
_TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 10)


def plot(effects: Sequence[Effect], error: float, runs: int, path: Path) -> None:
    """`error`: the probability that the rollouts state; `runs`: rollouts behind each point."""
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    wrong, undecided = figure.subplots(1, 2)
    _lines(wrong, effects, lambda each: max(each.wrong_bare, _LEAST), "--", "bare limit, floor {:,}")
    _lines(wrong, effects, lambda each: max(each.wrong, _LEAST), "-", "interval, floor {:,}")
    wrong.text(FACTORS[0], _LEAST * 1.2, "none", color="gray", va="bottom")
    wrong.axhline(error, color="gray", linewidth=1)
    wrong.text(FACTORS[0], error * 1.1, f"stated: {error:.0%}", color="gray", va="bottom")
    wrong.set(yscale="log", ylim=(_LEAST * 0.8, 1), ylabel="share decided wrongly")
    wrong.set_title("Wrong decisions")
    _lines(undecided, effects, lambda each: each.undecided, "-", "interval, floor {:,}")
    undecided.set(ylim=(-0.03, 1.03), ylabel="share without a decision after 24 h")
    undecided.set_title("No decision")
    for axes in (wrong, undecided):
        axes.axvline(1, color="gray", linestyle=":", linewidth=1)
        axes.set(xscale="log", xlabel="true share of failed requests / limit")
        axes.set_xticks(_TICKS, [f"{factor:g}" for factor in _TICKS])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    figure.suptitle(f"One gate on errors, 1 request in 2 s, {runs} rollouts for each point", fontsize="medium")
    figure.savefig(path, dpi=120)


def _lines(axes: Axes, effects: Sequence[Effect], value: Callable[[Effect], float], style: str, label: str) -> None:
    for floor, colour in zip(FLOORS, _COLOURS, strict=True):
        points = [each for each in effects if each.floor == floor]
        axes.plot(
            [each.factor for each in points],
            [value(each) for each in points],
            style,
            color=colour,
            marker="o",
            markersize=3,
            label=label.format(floor),
        )
