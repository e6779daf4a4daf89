"""Which version runs where, and why: one line for all regions."""

from __future__ import annotations

from collections.abc import Sequence

from weld_api.status import RegionStatus
from weld_operator.domain.regions.sights import stable_of

LONGEST_WHY = 120


def summary(regions: Sequence[RegionStatus], elsewhere: Sequence[str] = ()) -> str:
    """One line such as `brazil-south: 2.0.0, wave 1 of 2 promoted it; brazil-north: 1.4.0, waits for …`.

    `elsewhere`: regions that installations of other countries look after.
    """
    parts = [f"{region.name}: {', '.join(_words(region))}" for region in regions]
    if elsewhere:
        parts.append(f"elsewhere: {', '.join(elsewhere)}")
    return "; ".join(parts)


def why(region: RegionStatus) -> str:
    """Why a region serves what it serves, and what keeps it from serving."""
    words = _words(region)[1:]
    return "; ".join(words)


def _words(region: RegionStatus) -> list[str]:
    answering = stable_of(region)
    words = ["nothing" if answering is None else answering.version]
    if region.asked is not None:
        words.append(_cut(region.asked.reason))
    if region.unreachable_since is not None:
        words.append(f"not reached since {region.unreachable_since:%Y-%m-%dT%H:%M:%SZ}")
    if region.outage is not None and region.outage.stage != "Waiting":
        carriers = [each.region for each in region.sends_to if each.weight and each.region != region.name]
        share = f", {' and '.join(carriers)} has its share" if carriers else ""
        words.append(f"{_STAGES[region.outage.stage]}{share}")
    return words


_STAGES = {
    "Offered": "not seen, others stand ready",
    "FailedOver": "does not serve",
    "Stranded": "does not serve, and nobody can take over",
    "Returning": "returning",
}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_WHY else f"{text[: LONGEST_WHY - 1]}…"
