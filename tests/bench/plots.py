"""Pictures of a bench's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

STAGES = ("queue", "decode", "score", "encode")


def plot_offered(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Latency against the rate offered."""
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    rates = [record["offered_readings_per_s"] / 1000 for record in records]
    for name, label in (("p999_ms", "p99.9"), ("p99_ms", "p99"), ("p50_ms", "p50")):
        axes.plot(rates, [record[name] for record in records], marker="o", markersize=3, label=label)
    axes.axhline(100, color="gray", linestyle="--", linewidth=1)
    axes.text(rates[0], 100, "deadline ", va="bottom", color="gray")
    axes.axvline(100, color="gray", linestyle=":", linewidth=1)
    axes.text(100, axes.get_ylim()[0], " one pipeline", rotation=90, va="bottom", color="gray")
    axes.set(
        xlabel="thousand readings/s offered, in requests of 100",
        ylabel="ms from when it was due",
        yscale="log",
        xlim=(0, None),
    )
    axes.set_title("Latency against the offered rate")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def plot_stages(stages: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Where the time of a request goes, by workload; mean milliseconds of each stage."""
    figure, axes = pyplot.subplots(figsize=(7, 0.7 + 0.6 * len(stages)), layout="constrained")
    names = list(stages)[::-1]
    left = [0.0] * len(names)
    for stage in (*STAGES, "rest"):
        widths = [stages[name].get(stage, 0.0) for name in names]
        axes.barh(names, widths, left=left, label={"rest": "waiting for the event loop"}.get(stage, stage))
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set(xlabel="ms, on average")
    axes.set_title("Time of one request by stage, from its arrival to its answer")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
