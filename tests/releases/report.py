"""`python -m tests.releases.report`: what an upgrade from the last release does to a running fleet and to clients."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from tests.releases.changes import Change, Effect, accepted_changes, differences, field_of, superfluous, undecided
from tests.releases.definition import Incompatibility, incompatibilities
from tests.releases.golden import definition_of, fleet_of, last_release, taken_over
from weld_api.crd import custom_resource_definition


async def changes_since(release: str) -> list[Change]:
    """What the present operator changes about the fleet of a release."""
    changes: list[Change] = []
    for recorded in fleet_of(release):
        after, _ = await taken_over(recorded)
        changes += differences(recorded.objects, after.objects)
    return changes


def incompatibilities_since(release: str) -> list[Incompatibility]:
    """What the present definition takes from those who know that of a release."""
    return incompatibilities(definition_of(release), custom_resource_definition())


def report(release: str, changes: Sequence[Change], broken: Sequence[Incompatibility]) -> str:
    """The whole story for people, the worst first."""
    told = [f"An upgrade from {release}:"]
    by_effect = {effect: [change for change in changes if change.effect is effect] for effect in Effect}
    for found in by_effect.values():
        told += [f"- {change}" for change in found]
    told += [f"- may break clients: {each}" for each in broken]
    if len(told) == 1:
        told.append("- leaves every object of the recorded fleet as it is, and the definition takes all that it took")
    return "\n".join(told)


async def faults(release: str) -> list[str]:
    """What was not decided on, and what was decided on for nothing."""
    changes, accepted = await changes_since(release), accepted_changes("objects")
    broken, tolerated = incompatibilities_since(release), accepted_changes("definition")
    found = [str(change) for change in undecided(changes, accepted)]
    found += [str(each) for each in broken if not any(one.covers(each.field) for one in tolerated)]
    idle = superfluous(map(field_of, changes), accepted) + superfluous((each.field for each in broken), tolerated)
    return found + [f"changes.yaml accepts {field!r}, which does not change" for field in idle]


def main() -> int:
    """Exit status: 0 when all that disturbs or breaks is decided on, else 1."""
    release = last_release()
    print(report(release, asyncio.run(changes_since(release)), incompatibilities_since(release)))
    found = asyncio.run(faults(release))
    if found:
        print("\nNot decided on in tests/releases/changes.yaml:")
        print("\n".join(f"- {each}" for each in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
