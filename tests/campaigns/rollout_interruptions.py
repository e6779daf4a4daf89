"""`python -m tests.campaigns.rollout_interruptions`: an operator killed before and after every write of a rollout."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.campaigns.interruptions import Outcome, Undisturbed, every_write, interrupt_all, missed, undisturbed
from tests.integration.rollout_plant import Plants
from tests.integration.rollout_story import behaviour


async def campaign(folder: Path, count: int) -> tuple[Undisturbed, list[Outcome]]:
    """Every write by its number, then every kind of write that was missed so, in so many plants at once."""
    async with Plants.start(folder, count, behaviour) as plants:
        expected = await undisturbed(plants.all)
        for ending, record in expected.items():
            print(f"{ending}: {len(record.writes)} writes, weights {record.weights}, {', '.join(record.steps)}")
        outcomes = await interrupt_all(plants.all, every_write(expected), expected, _say)
        outcomes += await interrupt_all(plants.all, missed(expected, outcomes), expected, _say)
        return expected, outcomes


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plants", type=int, default=4, help="operators at once")
    parser.add_argument("--out", type=Path, default=Path("build/rollout-interruptions.json"))
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="weldserve-") as folder:
        expected, outcomes = asyncio.run(campaign(Path(folder), options.plants))
    reached = [outcome for outcome in outcomes if outcome.victim]
    different = [outcome for outcome in outcomes if outcome.differences]
    never = missed(expected, reached)
    report = {
        "kills": len(reached),
        "different": [str(outcome) for outcome in different],
        "never_killed_at": [str(kind) for kind in never],
        "writes": {ending: record.writes for ending, record in expected.items()},
        "seconds": round(time.monotonic() - began),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{len(reached)} kills, {len(different)} with another end, {report['seconds']} s; see {options.out}")
    for outcome in different:
        print(outcome, file=sys.stderr)
    for kind in never:
        print(f"never killed at: {kind}", file=sys.stderr)
    return 1 if different or never else 0


if __name__ == "__main__":
    sys.exit(main())
