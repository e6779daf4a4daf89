"""Looks at the platform again and again, and tells when something comes or goes."""

from __future__ import annotations

import logging
from collections.abc import Callable

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import ClusterError
from weld_operator.domain.observation import Obstacle
from weld_operator.domain.platform import NEEDED_BY, PLAIN, Demand, Findings, findings, shortcomings
from weld_operator.kinds import Kind
from weld_operator.metrics import Metrics
from weld_operator.platform_observer import PlatformObserver

_log = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0
PAUSE_WHILE_SHORT_SECONDS = 3.0
"""Pause between looks: while all is there, and while something is missing or not known yet."""


class PlatformWatch:
    """Knows what the platform lacks, as of the last look that succeeded."""

    def __init__(self, observer: PlatformObserver, clock: Clock, metrics: Metrics) -> None:
        self._observer = observer
        self._clock = clock
        self._metrics = metrics
        self._served: frozenset[Kind] = frozenset()
        self._shortcomings: dict[Demand, tuple[Obstacle, ...]] = {}

    @property
    def shortcomings(self) -> tuple[Obstacle, ...] | None:
        """What it lacks of all that plain WeldModels need; None before the first look."""
        return self.shortcomings_for(PLAIN)

    def shortcomings_for(self, demand: Demand) -> tuple[Obstacle, ...] | None:
        """What it lacks of all that WeldModels with this demand need; None before the first look."""
        return self._shortcomings.get(demand)

    async def look(self) -> frozenset[Kind]:
        """Look once, and log what has changed; gives the kinds that the cluster has come to know since the last look.

        An API server that does not answer leaves all as it was.
        """
        try:
            seen = await self._observer.look()
        except ClusterError as error:
            _log.warning("The cluster does not tell what it knows: %s", error)
            return frozenset()
        known, self._served = self._served, seen.served
        found = findings(seen)
        before = self.shortcomings
        demands = (Demand(backend, follows) for backend in NEEDED_BY for follows in (False, True))
        self._shortcomings = {demand: shortcomings(findings(seen, demand)) for demand in demands}
        self._metrics.set_platform({part: shortcoming is None for part, shortcoming in found.items()})
        if self.shortcomings != before:
            self._log_change(found)
        return seen.served - known

    async def keep(self, *, on_change: Callable[[], None], on_new_kinds: Callable[[], None]) -> None:
        """Look for ever."""
        while True:
            await self._clock.sleep(PAUSE_SECONDS if self.shortcomings == () else PAUSE_WHILE_SHORT_SECONDS)
            before = self._shortcomings
            if new := await self.look():
                _log.info("The cluster knows more than before: %s", ", ".join(sorted(kind.name for kind in new)))
                on_new_kinds()
            if self._shortcomings != before:
                on_change()

    def _log_change(self, found: Findings) -> None:
        if not self.shortcomings:
            _log.info("The platform has all that is needed: %s", ", ".join(found))
        for each in self.shortcomings or ():
            _log.warning("The platform falls short, %s: %s", each.reason, each.message)
