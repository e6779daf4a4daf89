"""Results as a file and as a table."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.bounds import Bound
from tests.bench.peers.environment import HERE, PEERS

_LIBRARIES = ("weldserve", "kserve", "numpy", "scikit-learn", "uvloop", "httptools", "grpcio")


def machine() -> dict[str, Any]:
    """What this ran on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, Any]:
    """Of the libraries of the predictor, and of the peers."""
    ours = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    peers = {peer.label: (HERE / f"{peer.name}.txt").read_text().split() for peer in PEERS}
    return {"predictor": ours, "peers": peers}


def write_results(results: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n")


def print_results(console: Console, results: Mapping[str, Any], bounds: Sequence[Bound]) -> None:
    """The table, what was left out, and the verdicts."""
    table = Table("", "server", "readings/s", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "RSS MiB", "errors")
    for column in table.columns[2:]:
        column.justify = "right"
    before = ""
    for record in results["records"]:
        if before and record["workload"] != before:
            table.add_section()
        before = record["workload"]
        figures = [f"{record[name]:,.0f}" for name in ("readings_per_s", "requests_per_s")]
        figures += [f"{record[name]:,.2f}" for name in ("p50_ms", "p99_ms", "p999_ms")]
        table.add_row(before, record["server"], *figures, f"{record['rss_mib']:,.0f}", f"{record['errors']:,}")
    if results["records"]:
        console.print(table)
    for name, reason in results["left_out"].items():
        console.print(f"left out: {name}: {reason}")
    verdicts = Table("", "found", "limit", "")
    for bound in bounds:
        limit = f"{'<=' if bound.is_most else '>='} {bound.limit:g}"
        verdicts.add_row(bound.text, f"{bound.found:,.2f}", limit, "holds" if bound.holds else "DOES NOT HOLD")
    console.print(verdicts)
