"""A page of plots about bundles: what readings look like, how risks and decisions fare, and what scenarios do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve
from threadpoolctl import threadpool_limits

from weld_bundle.loading import Bundle
from weld_simulator.campaign import Campaign, Use, run, site_of
from weld_simulator.digitiser import FULL_SCALE, SAMPLES, SAMPLING_RATE, Float32
from weld_simulator.evaluation import performance
from weld_simulator.flaws import FlawKind
from weld_simulator.readings import measure_block
from weld_simulator.reference_bundles import risk_of
from weld_simulator.site import COMMISSIONED
from weld_simulator.steel import VELOCITY

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Told apart by readers who see few colours (Okabe & Ito, 2008)."""

_SHOWN_INPUTS = 14
_BINS = 12


@dataclass(frozen=True, slots=True)
class _Scored:
    """A bundle with its risks `[N]` of the same test readings."""

    bundle: Bundle
    risk: Float32
    colour: str

    @property
    def name(self) -> str:
        return self.bundle.card.version


def draw(bundles: Sequence[Bundle], records: Sequence[Mapping[str, Any]], out: Path, seed: int, sites: int) -> None:
    """Draw the page into a file whose ending says the format (png, svg, pdf).

    `records` are those of `weld_simulator.scenario_evaluation.document`; the other plots come from `sites` test sites
    in the laboratory's period. Raises ValueError for a format that cannot be written, and for more than four bundles.
    """
    if len(bundles) > len(_COLOURS):
        raise ValueError(f"at most {len(_COLOURS)} bundles fit on a page, not {len(bundles)}")
    with threadpool_limits(1):
        test = run(seed, Use.TEST, sites)
        scored = [
            _Scored(bundle, risk_of(bundle.estimator, test.columns), colour)
            for bundle, colour in zip(bundles, _COLOURS, strict=False)
        ]
        figure = Figure(figsize=(15, 17), layout="constrained")
        figure.suptitle(
            f"{' and '.join(each.name for each in scored)} on {len(test.at_risk)} readings of {sites} test sites",
            fontsize=15,
        )
        axes = figure.subplots(3, 2)
        _draw_ascans(axes[0, 0], seed)
        _draw_importance(axes[0, 1], scored[-1], test)
        _draw_roc(axes[1, 0], scored, test.at_risk)
        _draw_precision_recall(axes[1, 1], scored, test.at_risk)
        _draw_calibration(axes[2, 0], scored, test.at_risk)
        _draw_scenarios(axes[2, 1], scored, records)
        figure.savefig(out, dpi=110)


def _draw_ascans(axes: Axes, seed: int) -> None:
    """A sound weld, and one flaw of each kind, from the first test site."""
    site = site_of(seed, Use.TEST, 0)
    readings = [measure_block(site, site.tick_at(COMMISSIONED + timedelta(days=200)), block) for block in site.blocks]
    ascans = np.concatenate([each.ascans for each in readings])
    kind, size, depth = (
        np.concatenate([getattr(each.flaws, name) for each in readings]) for name in ("kind", "size", "depth")
    )
    millimetres = np.arange(SAMPLES) / SAMPLING_RATE * VELOCITY / 2 * 1e3
    for row, wanted in enumerate(FlawKind):
        of_kind = np.flatnonzero(kind == wanted)
        if of_kind.size == 0:
            continue
        chosen = of_kind[np.argmax(size[of_kind])] if wanted != FlawKind.NONE else of_kind[0]
        trace = np.clip(ascans[chosen] / FULL_SCALE, -0.6, 0.6) - 1.3 * row
        axes.plot(millimetres, trace, linewidth=0.8, color="black")
        label = wanted.name.lower().replace("_", " ").replace("none", "sound")
        if wanted != FlawKind.NONE:
            axes.plot(depth[chosen] * 1e3, -1.3 * row + 0.62, marker="v", color=_COLOURS[1])
            label += f", {size[chosen] * 1e3:.1f} mm at {depth[chosen] * 1e3:.1f} mm"
        axes.text(30.2, -1.3 * row + 0.25, label, fontsize=9, ha="right")
    axes.set(title="A-scans (triangle: the flaw's true depth)", xlabel="depth, mm", yticks=[], xlim=(0, 30.4))


def _draw_importance(axes: Axes, scored: _Scored, test: Campaign) -> None:
    """Loss of average precision when one input is shuffled among the readings (Breiman, 2001)."""
    rows = slice(0, 20_000)
    columns, truth = test.columns[rows], test.at_risk[rows]
    whole = average_precision_score(truth, scored.risk[rows])
    order = np.random.default_rng(0).permutation(len(truth))
    losses = {}
    for index, each in enumerate(scored.bundle.card.inputs):
        shuffled = columns.copy()
        shuffled[:, index] = shuffled[order, index]
        losses[each.name] = whole - average_precision_score(truth, risk_of(scored.bundle.estimator, shuffled))
    shown = sorted(losses, key=lambda name: losses[name])[-_SHOWN_INPUTS:]
    axes.barh(shown, [losses[name] for name in shown], color=scored.colour)
    axes.set(title=f"Importance of inputs in {scored.name}", xlabel="average precision lost when shuffled")


def _draw_roc(axes: Axes, scored: Sequence[_Scored], truth: npt.NDArray[np.bool_]) -> None:
    for each in scored:
        false_alarms, found, _ = roc_curve(truth, each.risk)
        axes.plot(np.maximum(false_alarms, 1e-5), found, color=each.colour, label=each.name)
        decided = each.risk >= each.bundle.card.decision_threshold
        share = max(float((decided & ~truth).sum() / max((~truth).sum(), 1)), 1e-5)
        axes.plot(share, (decided & truth).sum() / truth.sum(), "o", color=each.colour)
    axes.set(title="ROC (point: the threshold)", xlabel="false alarms over sound welds", ylabel="recall", xscale="log")
    axes.set_xlim(1e-5, 1)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")


def _draw_precision_recall(axes: Axes, scored: Sequence[_Scored], truth: npt.NDArray[np.bool_]) -> None:
    for each in scored:
        precision, recall, _ = precision_recall_curve(truth, each.risk)
        # The first few decisions say nothing of precision.
        shown = recall > 0.02
        axes.plot(recall[shown], precision[shown], color=each.colour, label=each.name)
        at = performance(each.risk, truth, each.bundle.card.decision_threshold)
        axes.plot(at.recall, at.precision, "o", color=each.colour)
    axes.set(
        title="Precision and recall (point: the threshold)", xlabel="recall", ylabel="precision", ylim=(0.6, 1.005)
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")


def _draw_calibration(axes: Axes, scored: Sequence[_Scored], truth: npt.NDArray[np.bool_]) -> None:
    """Share at risk among readings of about the same risk."""
    edges = np.linspace(0, 1, _BINS + 1)
    for each in scored:
        which = np.clip(np.digitize(each.risk, edges) - 1, 0, _BINS - 1)
        count = np.bincount(which, minlength=_BINS)
        filled = count >= 20
        mean, share = (
            np.bincount(which, weights=values, minlength=_BINS)[filled] / count[filled] for values in (each.risk, truth)
        )
        error = 1.96 * np.sqrt(share * (1 - share) / count[filled])
        axes.errorbar(mean, share, yerr=error, marker="o", color=each.colour, label=each.name, capsize=2)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--")
    axes.set(title="Calibration", xlabel="risk", ylabel="share at risk")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")


def _draw_scenarios(axes: Axes, scored: Sequence[_Scored], records: Sequence[Mapping[str, Any]]) -> None:
    names = list(dict.fromkeys(record["scenario"] for record in records))
    for offset, each in enumerate(scored):
        own = {record["scenario"]: record for record in records if record["version"] == each.name}
        present = [name for name in names if name in own]
        rows = np.array([names.index(name) for name in present]) + 0.2 * (offset - (len(scored) - 1) / 2)
        for quantity, filled in (("precision", each.colour), ("recall", "white")):
            values = np.array([own[name][quantity] for name in present])
            bounds = np.array([own[name][f"{quantity}_interval"] for name in present]).reshape(-1, 2)
            # A percentile interval need not hold the estimate itself.
            error = np.maximum(np.abs(bounds.T - values), 0)
            label = f"{each.name} {quantity}"
            axes.errorbar(
                values, rows, xerr=error, fmt="o", color=each.colour, markerfacecolor=filled, capsize=2, label=label
            )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(title="The fall under each scenario (95 % intervals)", xlabel="precision (filled), recall (open)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
