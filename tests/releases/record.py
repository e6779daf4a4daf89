"""`python -m tests.releases.record 0.2.0`: keeps what this release leaves in a cluster, for later ones."""

from __future__ import annotations

import asyncio
import re
import sys

from tests.releases.golden import FOLDER, present_fleet, write_release


def main(arguments: list[str]) -> int:
    """Exit status: 0 when written, 2 for a wrong version or one that is recorded already."""
    if len(arguments) != 1 or not re.fullmatch(r"\d+\.\d+\.\d+", arguments[0]):
        print("usage: python -m tests.releases.record VERSION, such as 0.2.0", file=sys.stderr)
        return 2
    try:
        for path in write_release(arguments[0], asyncio.run(present_fleet())):
            print(f"Wrote {path.relative_to(FOLDER.parents[1])}")
    except FileExistsError:
        print(f"Release {arguments[0]} is recorded already; what it left in clusters does not change", file=sys.stderr)
        return 2
    print("Now empty the lists of tests/releases/changes.yaml: they are about changes since the last release")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
