"""`python -m tests.fleet`: a fleet that grows to thousands of WeldModels, with one operator (half an hour)."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fleet.campaign import fleet_with_operator, measured
from tests.fleet.measures import Rest, Size, Start, rest, restart
from tests.fleet.report import figures, plot, shortfalls

SIZES = (10, 100, 500, 1000, 2000)
REGIONS = ("br-a", "br-b", "br-c")


async def campaign(
    folder: Path, sizes: Sequence[int], regions: int, changes: int, rest_seconds: float, shards: int
) -> tuple[list[Size], Rest, Start]:
    """Grow through the sizes; rest for long at the last, and start once more after SIGKILL."""
    async with fleet_with_operator(folder, REGIONS[:regions] if regions > 1 else (), shards) as (fleet, operator):
        found = [
            await measured(fleet, operator, size, changes=changes, rest_seconds=20, say=_say) for size in sorted(sizes)
        ]
        _say(f"Resting for {rest_seconds:.0f} s")
        rested = await rest(operator, rest_seconds)
        killed = await restart(fleet, operator, kill=True)
    return found, rested, killed


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="WeldModels, step by step")
    parser.add_argument("--regions", type=int, choices=(1, 2, 3), default=3, help="regions of each; 1: without regions")
    parser.add_argument("--shards", type=int, default=1, help="processes that the fleet is divided among")
    parser.add_argument("--changes", type=int, default=200, help="changes whose reaction is measured at each size")
    parser.add_argument("--rest", type=float, default=600, help="seconds at rest, at the largest size")
    parser.add_argument("--out", type=Path, default=Path("build"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weldserve-") as folder:
        sizes, rested, killed = asyncio.run(
            campaign(Path(folder), options.sizes, options.regions, options.changes, options.rest, options.shards)
        )
    result = figures(sizes, options.regions, rested, killed, options.shards)
    said = shortfalls(sizes, result)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fleet.json").write_text(json.dumps(result, indent=2) + "\n")
    plot(sizes, options.regions, options.out / "fleet.png")
    _say(json.dumps({name: value for name, value in result.items() if not isinstance(value, (list, dict))}, indent=2))
    for each in said:
        print(f"not as promised: {each}", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
