"""Follows one collection of a cluster: lists it, watches it, and lists it anew whenever a watch breaks."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import ClusterError, NotServedError
from weld_operator.adapters.collection import Collections
from weld_operator.adapters.packed_store import Packed, PackedStore, Place, place_of, version_of
from weld_operator.kinds import Kind, Object

_log = logging.getLogger(__name__)

WATCH_SECONDS = (300, 600)
"""How long one watch may last: by chance in between, so that watches do not end together."""

PAUSE_SECONDS = 0.2
PAUSE_AFTER_TROUBLE_SECONDS = 1.0
PAUSE_WHILE_UNKNOWN_SECONDS = 3.0

OnChange = Callable[[Kind, Object], None]
Concerns = Callable[[Kind, Object], bool]
"""Whether an object is to be known at all."""


def everything(_kind: Kind, _body: Object) -> bool:
    return True


class Informer:
    """Keeps a store up to date. `store` may be asked while `is_current`; what it tells is then as new as the watch.

    `on_change` is called with each object that is new, has changed or is gone, once the store knows it, and for each
    object of the first list.
    """

    def __init__(
        self,
        source: Collections,
        clock: Clock,
        kind: Kind,
        namespace: str | None,
        *,
        label: str,
        selector: str,
        on_change: OnChange,
        listing: asyncio.Semaphore,
        concerns: Concerns = everything,
    ) -> None:
        """`label`: by whose values objects are found. `selector`: of the objects that are followed, empty for all.

        `concerns`: which of them are kept; the others are told by the cluster all the same, and forgotten at once.

        `listing` is held while a list is read: its pages are large, and so the lists of all kinds are not read at once.
        """
        self.store = PackedStore(label)
        self.kind = kind
        self.is_current = False
        self.asked = asyncio.Event()
        """Set once the cluster has told everything, or that it does not know this kind, or has not answered."""
        self._source = source
        self._clock = clock
        self._namespace = namespace
        self._selector = selector
        self._on_change = on_change
        self._listing = listing
        self._concerns = concerns

    async def run(self) -> None:
        """For ever."""
        while True:
            pause = PAUSE_AFTER_TROUBLE_SECONDS
            try:
                async with self._listing:
                    version = await self._list()
                self.is_current = True
                self.asked.set()
                while True:
                    version = await self._watch(version)
                    await self._clock.sleep(PAUSE_SECONDS)
            except NotServedError:
                pause = PAUSE_WHILE_UNKNOWN_SECONDS
            except (ClusterError, ValueError) as error:  # the latter for a resourceVersion that is no number
                _log.info("Following %s anew: %s", self.kind.plural, error)
            finally:
                self.is_current = False
                self.asked.set()
            await self._clock.sleep(pause)

    async def _list(self) -> str:
        """Gives the resourceVersion to watch from."""
        listed: dict[Place, Packed] = {}
        version = ""
        async with aclosing(self._source.pages(self.kind, self._namespace, self._selector)) as pages:
            async for page in pages:
                version = page.version
                for body in page.items:
                    if not self._concerns(self.kind, body):
                        continue
                    packed = listed[place_of(body)] = self.store.pack(body)
                    if self.store.version(*place_of(body)) != packed.version:
                        self._on_change(self.kind, body)
        for body in self.store.tell_all(listed, int(version)):
            self._on_change(self.kind, body)
        return version

    async def _watch(self, version: str) -> str:
        """Follow until the server ends the watch in good order; gives the resourceVersion to go on from."""
        seconds = random.randint(*WATCH_SECONDS)
        changes = self._source.changes(self.kind, self._namespace, self._selector, version, seconds)
        async with aclosing(changes) as told:
            async for change, body in told:
                version = str(body["metadata"]["resourceVersion"])
                if change == "BOOKMARK":
                    self.store.tell_version(version_of(body))
                    continue
                self.store.tell(body, is_gone=change == "DELETED" or not self._concerns(self.kind, body))
                self._on_change(self.kind, body)
        return version
