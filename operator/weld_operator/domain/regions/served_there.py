"""What another installation's status document says about one bundle.

Of its regions all count: the bundle has served there for as long as it has in the region that has served it for the
shortest time, and one that does not serve it, or that is not seen, has not served it at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MOST_REGIONS = 1_000


class NoDocumentError(Exception):
    """What was answered is no status document; the text is a clause."""


@dataclass(frozen=True)
class ServedThere:
    """`seconds` for which every region there has served the bundle; how often it was rolled back; when that was so."""

    seconds: float
    rollbacks: int
    at: datetime


def served_there(document: Any, digest: str) -> ServedThere:
    """Read a document (see weld_operator.domain.regions.serving_report). Raises NoDocumentError."""
    try:
        at = _time(document["at"])
        regions, rollbacks = list(document["regions"]), list(document["rollbacks"])
        if len(regions) > MOST_REGIONS or len(rollbacks) > MOST_REGIONS:
            raise NoDocumentError(f"it tells of more than {MOST_REGIONS:,} regions or rollbacks")
        seconds = [_seconds(region, digest, at) for region in regions]
        turned_down = sum(entry["digest"] == digest for entry in rollbacks)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NoDocumentError("it is not a status document of weldserve") from None
    return ServedThere(min(seconds, default=0.0), turned_down, at)


def _seconds(region: dict[str, Any], digest: str, at: datetime) -> float:
    """For how long one region has served the bundle without a break."""
    since = region.get("healthySince")
    if region.get("digest") != digest or since is None:
        return 0.0
    return max((at - _time(since)) / timedelta(seconds=1), 0.0)


def _time(text: str) -> datetime:
    """Raises ValueError for what is no time with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)
