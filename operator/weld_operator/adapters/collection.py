"""What is asked of a cluster to follow all objects of a kind: list them, then watch what changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

from weld_operator.kinds import Kind, Object


class Page(NamedTuple):
    """Some of a collection's objects, and the resourceVersion of the whole collection, the same on every page."""

    items: list[Object]
    version: str


class WatchedObject(NamedTuple):
    """What a watch tells. `change`: ADDED, MODIFIED, DELETED, or BOOKMARK, whose body has a resourceVersion alone."""

    change: str
    body: Object


class Collections(Protocol):
    """Both may raise any ClusterError, and both take a label selector, empty for every object."""

    def pages(self, kind: Kind, namespace: str | None, selector: str) -> AsyncGenerator[Page, None]:
        """All objects in one namespace or (None) in all, as they were at one moment after the call."""

    def changes(
        self, kind: Kind, namespace: str | None, selector: str, version: str, seconds: int
    ) -> AsyncGenerator[WatchedObject, None]:
        """What has happened since a resourceVersion, in its order, until the server ends it after so many seconds."""
