"""The status document: which bundle an installation serves where, since when, and what it rolled back.

Installations of other countries read it for their gate `servedElsewhere`.

```json
{
  "model": "plant-a/north-line",
  "country": "BR",
  "at": "2026-11-24T12:00:00Z",
  "regions": [
    {"name": "brazil-south", "version": "2.0.0", "digest": "6c1f…", "since": "2026-11-17T09:00:00Z",
     "healthySince": "2026-11-17T09:00:00Z", "seen": true}
  ],
  "rollbacks": [{"region": "brazil-south", "version": "1.9.0", "digest": "77aa…", "at": "2026-11-10T08:00:00Z"}]
}
```

`healthySince` is absent where it is not healthy now; `seen` says whether its cluster could be reached. Rollbacks are
those that the status remembers, the newest last.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from weld_api.status import PlaceStatus, RegionStatus, WeldModelStatus
from weld_operator.domain.regions.endpoints import WITHOUT_REGIONS
from weld_operator.domain.regions.sights import serving_since, stable_of


def serving_report(namespace: str, name: str, status: WeldModelStatus, country: str, now: datetime) -> dict[str, Any]:
    """The document of a WeldModel at this moment; `country` is the installation's, empty where it has none."""
    report: dict[str, Any] = {
        "model": f"{namespace}/{name}",
        "at": _text(now),
        "regions": [_region(place, status) for place in _places(status)],
        "rollbacks": sorted(
            (entry for place in _places(status) for entry in _rollbacks(place)), key=lambda entry: str(entry["at"])
        ),
    }
    return report | ({"country": country} if country else {})


def _places(status: WeldModelStatus) -> tuple[PlaceStatus, ...]:
    return status.regions or (status,)


def _region(place: PlaceStatus, status: WeldModelStatus) -> dict[str, Any]:
    answering, since = stable_of(place), serving_since(place)
    is_seen = place is status or not isinstance(place, RegionStatus) or place.unreachable_since is None
    entry: dict[str, Any] = {"name": _name(place), "seen": is_seen}
    if answering is not None:
        entry |= {"version": answering.version, "digest": answering.digest, "since": _text(answering.since)}
    return entry | ({"healthySince": _text(since)} if since is not None and is_seen else {})


def _rollbacks(place: PlaceStatus) -> Iterator[dict[str, Any]]:
    """What was rolled back there: trials that ended so, and bundles that were turned down and are not in the past."""
    known = set()
    for trial in place.history:
        if trial.outcome in ("RolledBack", "Aborted"):
            known.add(trial.digest)
            yield _rollback(place, trial.version, trial.digest, trial.ended)
    for rejection in place.rejected:
        if rejection.digest not in known:
            yield _rollback(place, rejection.version, rejection.digest, rejection.at)


def _rollback(place: PlaceStatus, version: str, digest: str, at: datetime) -> dict[str, Any]:
    return {"region": _name(place), "version": version, "digest": digest, "at": _text(at)}


def _name(place: PlaceStatus) -> str:
    return place.name if isinstance(place, RegionStatus) else WITHOUT_REGIONS


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
