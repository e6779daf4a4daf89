"""What `make fleet` writes: the figures that are promised, all others, and the plot."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib
import psutil
from matplotlib.axes import Axes

from tests.fleet.measures import Rest, Size, Start

matplotlib.use("Agg")

P99_REACTION_S = 1.0
MEMORY_MIB = 400.0
START_S = 60.0
GROWTH = 1.5
"""A change in the largest fleet may cost so many times what it costs in one that is ten times smaller."""


def figures(sizes: Sequence[Size], regions: int, rested: Rest, killed: Start, shards: int = 1) -> dict[str, Any]:
    """`sizes` by their models; `rested` and `killed` (a start after SIGKILL) are of the last."""
    last = sizes[-1]
    return {
        "models": last.models,
        "regions": regions,
        "shards": shards,
        "rest_s": round(rested.seconds),
        "writes_at_rest": rested.writes,
        "reads_at_rest_per_s": round(rested.reads_per_s, 3),
        "lease_requests_at_rest_per_s": round(rested.lease_per_s, 3),
        "processor_at_rest": round(rested.processor, 4),
        "median_reaction_s": round(last.reactions.median, 3),
        "p99_reaction_s": round(last.reactions.quantile(0.99), 3),
        "longest_reaction_s": round(last.reactions.all[-1], 3),
        "start_s": round(last.start.seconds, 1),
        "start_after_kill_s": round(killed.seconds, 1),
        "writes_at_start": last.start.writes,
        "rss_mib": round(max(last.start.memory_mib, killed.memory_mib, rested.memory_mib)),
        "rss_at_rest_mib": round(rested.memory_mib),
        "processor_ms_per_change": round(last.reactions.processor_ms, 1),
        "requests_per_change": round(last.reactions.requests, 2),
        "machine": _machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": round(last.load, 1),
        "sizes": [asdict(size) for size in sizes],
        "rest": asdict(rested),
        "killed": asdict(killed),
    }


def shortfalls(sizes: Sequence[Size], found: dict[str, Any]) -> list[str]:
    """What is not as promised, in words."""
    limits = {"p99_reaction_s": P99_REACTION_S, "rss_mib": MEMORY_MIB, "start_s": START_S, "writes_at_rest": 1}
    missed = [
        f"{name} is {found[name]}, and not below {limit:g}" for name, limit in limits.items() if found[name] >= limit
    ]
    last = sizes[-1]
    smaller = [size for size in sizes if size.models * 10 <= last.models]
    return [*missed, *(_growth(smaller[-1], last) if smaller else ())]


def _growth(few: Size, many: Size) -> Iterator[str]:
    """Where a change costs more in a larger fleet."""
    for what in ("processor_ms", "requests"):
        ratio = getattr(many.reactions, what) / getattr(few.reactions, what)
        if ratio > GROWTH:
            yield f"a change costs {ratio:.1f} times the {what} that it costs with {few.models} WeldModels"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} processors, {memory:.0f} GiB, {platform.platform()}"


def plot(sizes: Sequence[Size], regions: int, path: Path) -> None:
    """Reaction, cost of a change, memory and start over the number of WeldModels."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    models = [size.models for size in sizes]
    reaction, cost, memory, start = (axes[row][column] for row in (0, 1) for column in (0, 1))
    for share, name in ((0.5, "median"), (0.99, "p99")):
        _line(reaction, models, [size.reactions.quantile(share) * 1000 for size in sizes], name)
    _frame(reaction, "Reaction to one change", "ms")
    _line(cost, models, [size.reactions.processor_ms for size in sizes], "ms of a processor")
    _line(cost, models, [size.reactions.requests for size in sizes], "requests")
    _frame(cost, "Cost of one change", "per change")
    _line(memory, models, [size.start.memory_mib for size in sizes], "at the most")
    _line(memory, models, [size.rest.memory_mib for size in sizes], "at rest")
    _frame(memory, "Memory of the operator", "MiB")
    _line(start, models, [size.start.seconds for size in sizes], "until all were looked at")
    _frame(start, "Start", "s")
    figure.suptitle("A fleet of WeldModels" + (f" in {regions} regions each" if regions > 1 else ""))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _line(axis: Axes, models: Sequence[int], values: Sequence[float], name: str) -> None:
    axis.plot(models, values, marker="o", label=name)


def _frame(axis: Axes, title: str, unit: str) -> None:
    axis.set_title(title)
    axis.set_xscale("log")
    axis.set_xlabel("WeldModels")
    axis.set_ylabel(unit)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend()
