"""Pictures of a plan, each of which says one thing in its title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Literal

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weld_cli.plan_words import milliseconds, share, size
from weld_operator.domain.capacity.arrivals import TickArrivals
from weld_operator.domain.capacity.latency import Latency
from weld_operator.domain.capacity.passes import Load, latency_of
from weld_operator.domain.capacity.plan import Place, Plan
from weld_operator.domain.capacity.subject import Subject

GOOD, FAIR, BAD, CALM = "#2b7a4b", "#d9a441", "#b3392f", "#35618f"
_FACTORS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
_FIGURE = (8.0, 4.5)


def draw_plan(plan: Plan, subject: Subject, folder: Path) -> list[Path]:
    """Write the pictures into `folder`, which is there; gives their paths."""
    pictures = {
        "growth": _growth(plan, subject),
        "losses": _losses(plan, subject),
        "jitter": _jitter(plan, subject),
        "sampling": _sampling(plan),
        "placement": _placement(plan),
        "computer": _computer(plan, subject),
    }
    if plan.currency is not None:
        pictures["worth"] = _worth(plan, plan.currency)
    paths = []
    for name, figure in pictures.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=130)
        pyplot.close(figure)
    return paths


def _new(title: str, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    figure, axes = pyplot.subplots(1, columns, figsize=_FIGURE, layout="constrained", squeeze=False)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    for each in axes[0]:
        each.spines[["top", "right"]].set_visible(False)
    return figure, list(axes[0])


def _growth(plan: Plan, subject: Subject) -> Figure:
    """The largest place at other rates than it was planned for."""
    place = max(plan.places, key=lambda each: each.readings_per_second)
    replica, load = subject.replica(plan.scored_share), _load_of(place, subject)
    loss = place.losses[1].replicas_left
    figure, (axes,) = _new("")
    axes.set_yscale("log")
    for left, colour, label in (
        (place.size.replicas, CALM, f"all {place.size.replicas} replicas"),
        (loss, FAIR, f"a machine lost: {loss} left"),
    ):
        if left:
            found = [
                latency_of(replica, replace(load, requests=max(round(load.requests * factor), 1)), left)
                for factor in _FACTORS
            ]
            axes.plot(_FACTORS, [each.p99 * 1000 for each in found], marker="o", color=colour, label=label)
            _mark_too_late(axes, found, subject.assets.goals.on_time, "below" if colour == CALM else "above")
            if left == place.size.replicas:
                figure.suptitle(_growth_in_words(place, found, subject.assets.goals.on_time), fontweight="bold")
    deadline = subject.deadline * 1000
    axes.axhline(deadline, color=BAD, linestyle="--")
    axes.text(_FACTORS[0], deadline * 1.05, f"deadline {deadline:g} ms", color=BAD, va="bottom")
    axes.axvline(1, color="gray", linestyle=":")
    axes.text(1, 0.6, " as planned", color="gray", transform=axes.get_xaxis_transform())
    axes.set(
        xlabel="readings that come, over those that were planned for",
        ylabel="99 of 100 answers within, ms",
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.legend(frameon=False, loc="best")
    return figure


def _mark_too_late(axes: Axes, found: Sequence[Latency], goal: float, side: Literal["above", "below"]) -> None:
    """Where too few readings are answered in time: those that are refused have no latency."""
    shift, anchor = (1.2, "bottom") if side == "above" else (1 / 1.2, "top")
    for factor, each in zip(_FACTORS, found, strict=True):
        if each.on_time < goal:
            height, text = 1000 * each.p99, f"{share(each.on_time)} on time"
            axes.plot(factor, height, marker="o", markersize=12, fillstyle="none", color=BAD, linestyle="")
            axes.text(factor, height * shift, text, color=BAD, fontsize=8, ha="right", va=anchor)


def _growth_in_words(place: Place, found: Sequence[Latency], goal: float) -> str:
    """Up to which of the drawn rates, and all below it, the goal is reached."""
    kept = [factor for factor, _ in takewhile(lambda one: one[1].on_time >= goal, zip(_FACTORS, found, strict=True))]
    if not kept:
        return f"{place.name}: does not reach {share(goal)} on time"
    more = " and more" if kept[-1] == _FACTORS[-1] else ""
    return f"{place.name}: {share(goal)} on time up to {kept[-1]:g} times what was planned{more}"


def _load_of(place: Place, subject: Subject) -> Load:
    return replace(subject.load(1), requests=place.requests_per_tick)


def _losses(plan: Plan, subject: Subject) -> Figure:
    """Share of readings on time after each loss."""
    rows: list[tuple[str, float, str]] = []
    for place in plan.places:
        for loss in place.losses:
            what = "everything there" if loss.what == "nothing" else f"a {loss.what} lost"
            p99 = "no answer" if loss.latency is None else f"p99 {milliseconds(loss.latency.p99)}"
            rows.append((f"{place.name}: {what}", loss.on_time, p99))
    rows += [
        (f"all regions: {region.region} lost", region.on_time, f"{region.worst.what} the busiest")
        for region in plan.region_losses
        if region.worst is not None
    ]
    goal = subject.assets.goals.on_time
    held = sum(on_time >= goal for _, on_time, _ in rows)
    figure, (axes,) = _new(f"Readings answered in time after a loss: {held} of {len(rows)} cases reach {share(goal)}")
    figure.set_size_inches(_FIGURE[0], 1.4 + 0.42 * len(rows))
    colours = [GOOD if on_time >= goal else FAIR if on_time >= 0.9 else BAD for _, on_time, _ in rows]
    axes.barh([name for name, _, _ in rows], [100 * on_time for _, on_time, _ in rows], color=colours)
    for place_of_bar, (_, on_time, text) in enumerate(rows):
        axes.text(101, place_of_bar, f"{share(on_time)}   {text}", va="center", fontsize=9)
    axes.invert_yaxis()
    axes.set(xlim=(0, 150), xticks=(0, 25, 50, 75, 100), xlabel="answered within the deadline, % of readings")
    return figure


def _jitter(plan: Plan, subject: Subject) -> Figure:
    """When the readings of one tick arrive, and the windows that catch them."""
    found = plan.jitter
    goal = share(subject.assets.goals.in_window)
    jitter, window = milliseconds(found.jitter), milliseconds(found.window_for_each)
    figure, (left, right) = _new(f"With a jitter of {jitter}, wait {window} for {goal} of the readings", 2)
    end = max(found.window_for_all, found.window) * 1.05
    step = end / 300
    times = [place * step for place in range(301)]
    if found.jitter:
        arrived = [100 * _share_by(time, found.mean_delay, found.jitter) for time in times]
        left.plot([1000 * time for time in times], arrived, color=CALM)
    for height, (after, label) in zip(
        (20, 50, 80),
        (
            (found.mean_delay, "half"),
            (found.window_for_each, goal),
            (found.window_for_all, "a whole tick"),
        ),
        strict=True,
    ):
        left.axvline(1000 * after, color="gray", linestyle=":")
        left.text(1000 * after, height, f" {label}:\n {milliseconds(after)}", fontsize=9)
    left.set(xlabel="ms after the sampling", ylabel="readings that have arrived, %", xlim=(0, 1200 * end))
    phases = 200
    shares = TickArrivals(1, subject.tick, subject.jitter).shares(phases)
    rate = [plan.readings_per_second / 1000 * each * phases for each in shares]
    right.plot([1000 * subject.tick * (place + 0.5) / phases for place in range(phases)], rate, color=CALM)
    right.axhline(plan.readings_per_second / 1000, color="gray", linestyle=":")
    right.text(0, plan.readings_per_second / 1000, " on average", va="bottom", color="gray", fontsize=9)
    right.set(
        xlabel="ms within the tick",
        ylabel="thousand readings/s",
        ylim=(0, None),
        title=f"the busiest moment brings {found.peak_factor:.2g} times the average",
    )
    right.title.set_fontsize(10)
    return figure


def _share_by(time: float, mean: float, deviation: float) -> float:
    from weld_operator.domain.capacity.jitter import share_within

    return share_within(mean, deviation, time)


def _sampling(plan: Plan) -> Figure:
    """Cores against recall, for each policy."""
    figure, axes = _new("What a sample saves, and what it costs", 3)
    names = [effect.policy.name for effect in plan.policies]
    every = plan.policies[0]
    panels = (
        ("cores kept busy", [effect.cores for effect in plan.policies], "{:.2f}", CALM),
        ("worst delay, s", [effect.policy.worst_delay for effect in plan.policies], "{:g}", FAIR),
        ("short flaws found, %", [100 * effect.policy.recall for effect in plan.policies], "{:.1f}", GOOD),
    )
    for each, (label, values, form, colour) in zip(axes, panels, strict=True):
        bars = each.bar(names, values, color=colour)
        each.bar_label(bars, [form.format(value) for value in values], fontsize=9)
        each.set_title(label, fontsize=10)
        each.set_ylim(0, max(values) * 1.15)
        each.tick_params(axis="x", labelrotation=20)
    saved = 1 - min(effect.cores for effect in plan.policies) / every.cores
    figure.suptitle(
        f"A sample saves up to {saved:.0%} of the work; flaws are found later, or missed",
        fontsize=12,
        fontweight="bold",
    )
    return figure


def _placement(plan: Plan) -> Figure:
    """The two placements side by side."""
    one, many = plan.placements
    figure, axes = _new("One place for everything, or one for each region", 4)
    names = ["one place", f"{many.places} {'place' if many.places == 1 else 'places'}"]
    panels = [
        ("answer at the farthest\ngateway, p99, ms", [1000 * one.p99, 1000 * many.p99], "{:.3g}"),
        ("over borders, MB/s", [one.bytes_abroad_per_second / 1e6, many.bytes_abroad_per_second / 1e6], "{:.3g}"),
        ("lost with a place,\n% of the points", [100 * one.blast_radius, 100 * many.blast_radius], "{:.0f}"),
    ]
    if one.cost is not None and many.cost is not None:
        panels.append(
            (f"cost in a year,\nthousand {plan.currency}", [one.cost.total / 1000, many.cost.total / 1000], "{:,.0f}")
        )
    else:
        panels.append(("cores", [one.cores, many.cores], "{:.1f}"))
    for each, (label, values, form) in zip(axes, panels, strict=True):
        bars = each.bar(names, values, color=[CALM, GOOD])
        each.bar_label(bars, [form.format(value) for value in values], fontsize=9)
        each.set_title(label, fontsize=10)
        each.set_ylim(0, (max(values) or 1) * 1.18)
    if many.places == 1:
        figure.supxlabel("There is one region: nothing to choose.", fontsize=10)
        return figure
    law = f"against the law in {', '.join(one.refused_by_law)}" if one.refused_by_law else "allowed by law"
    figure.supxlabel(f"One place is {law}.", fontsize=10)
    return figure


def _computer(plan: Plan, subject: Subject) -> Figure:
    """Memory and time of the one computer by the length of the pipeline."""
    found = plan.computer
    reach = min(found.kilometres_by_memory, found.kilometres_by_time)
    figure, axes = _new(f"The engineer's one computer is full at {reach:.4g} km", 2)
    memory, rest, reading = subject.computer_bytes
    seconds = subject.deadline / found.readings_by_time if found.readings_by_time else 0.0
    lengths = [0.0, 2 * reach]
    readings = [each * subject.readings_per_kilometre for each in lengths]
    panels = (
        ("memory, GB", [(rest + each * reading) / 1e9 for each in readings], memory / 1e9, f"it has {size(memory)}"),
        ("time for a tick, ms", [1000 * each * seconds for each in readings], 1000 * subject.deadline, "the deadline"),
    )
    for each, (label, values, limit, text) in zip(axes, panels, strict=True):
        each.plot(lengths, values, color=CALM, linewidth=2)
        each.axhline(limit, color=BAD, linestyle="--")
        each.text(0, limit * 1.02, f" {text}", color=BAD, va="bottom")
        each.axvspan(reach, lengths[1], color=BAD, alpha=0.08)
        each.set(xlabel="km of pipeline", ylabel=label, ylim=(0, None), xlim=(0, lengths[1]))
    figure.supxlabel(f"For 10,000 km it takes {10_000 / reach:,.0f} of them, each with nothing to spare.", fontsize=10)
    return figure


def _worth(plan: Plan, currency: str) -> Figure:
    """Money of false digs and of missed flaws, by precision and by policy."""
    figure, axes = _new("What mistakes cost in a year", 2)
    rows = [*plan.worth, *plan.policy_worth]
    names = [each.name for each in rows]
    panels = (
        ("digs in vain", [each.cost_of_false_digs for each in rows], [each.false_digs for each in rows], FAIR),
        ("missed flaws", [each.cost_of_missed_flaws for each in rows], [each.missed for each in rows], BAD),
    )
    for each, (label, costs, counts, colour) in zip(axes, panels, strict=True):
        bars = each.barh(names, [cost / 1e6 for cost in costs], color=colour)
        texts = [f" {cost / 1e6:,.3g}  ({count:,.1f})" for cost, count in zip(costs, counts, strict=True)]
        each.bar_label(bars, texts, fontsize=9)
        each.invert_yaxis()
        each.set(xlabel=f"million {currency} (how many)", xlim=(0, 1.5 * max(*costs, 1.0) / 1e6))
        each.set_title(label, fontsize=10)
    axes[1].set_yticklabels([])
    if plan.cost is not None:
        figure.supxlabel(f"To serve costs {plan.cost.total / 1e6:,.3g} million {currency} a year.", fontsize=10)
    return figure
