"""The endpoint document, from which sensors' gateways learn where to send readings.

```json
{
  "model": "plant-a/north-line",
  "version": 1795694400,
  "validFor": "1h",
  "regions": [
    {"name": "brazil-south", "endpoints": [
      {"region": "brazil-south", "url": "http://north-line-brazil-south.plant-a.example", "weight": 100},
      {"region": "brazil-north", "url": "http://north-line-brazil-north.plant-a.example", "weight": 0}
    ]}
  ]
}
```

A gateway of brazil-south's sensors divides its requests by the weights, and where one is not answered it tries the next
endpoint in the order. `version` rises when, and only when, the regions change: a gateway keeps the highest that it has
seen, and asks again every few seconds. It is the time of the change, in seconds since 1970, so that it rises even if
the status that remembers it is lost. For `validFor` a gateway may go on with a copy when nobody answers; beyond that it
should say so, and still go on. A WeldModel without regions has one, by the name of `all`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from weld_api.region_status import PublishedEndpoints
from weld_api.status import RegionStatus, WeldModelStatus

VALID_FOR = "1h"
WITHOUT_REGIONS = "all"

Content = list[dict[str, Any]]


def published(
    regions: Sequence[RegionStatus], url: str, before: PublishedEndpoints | None, now: datetime
) -> PublishedEndpoints | None:
    """The version of what this makes the document say; `before`: status.endpoints as remembered.

    `url`: where a WeldModel without regions is reached. None while there is nothing to publish.
    """
    content = _content(regions, url)
    if not content and before is None:
        return None
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    if before is not None and before.digest == digest:
        return before
    version = max(int(now.timestamp()), 1 if before is None else before.version + 1)
    return PublishedEndpoints(version=version, digest=digest)


def endpoint_document(namespace: str, name: str, status: WeldModelStatus) -> dict[str, Any] | None:
    """The document of a WeldModel; None while there is nothing to publish."""
    if status.endpoints is None:
        return None
    return {
        "model": f"{namespace}/{name}",
        "version": status.endpoints.version,
        "validFor": VALID_FOR,
        "regions": _content(status.regions, status.url),
    }


def _content(regions: Sequence[RegionStatus], url: str) -> Content:
    """What the version is about; in it are only regions that can be reached by an address."""
    if not regions:
        own = {"region": WITHOUT_REGIONS, "url": url, "weight": 100}
        return [{"name": WITHOUT_REGIONS, "endpoints": [own]}] if url else []
    urls = {region.name: region.url for region in regions if region.url}
    listed = ({"name": region.name, "endpoints": _endpoints(region, urls)} for region in _by_name(regions))
    return [entry for entry in listed if entry["endpoints"]]


def _endpoints(region: RegionStatus, urls: Mapping[str, str]) -> Content:
    return [
        {"region": each.region, "url": urls[each.region], "weight": each.weight}
        for each in region.sends_to
        if each.region in urls
    ]


def _by_name(regions: Iterable[RegionStatus]) -> list[RegionStatus]:
    return sorted(regions, key=lambda region: region.name)
